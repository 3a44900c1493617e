/*
 * test_options_resolve.c - what depends on what, which combinations are refused, and
 * presets. The table: test_options.c.
 */
#include "../lib/option_sets.h"

static gru4rec_options resolved(gru4rec_options options)
{
    gru4rec_error error = {""};
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&options, &error)))
        printf("%s\n", error.message);
    /* A second time changes nothing. */
    gru4rec_options again = options;
    CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&again, &error));
    check_same(&options, &again);
    return options;
}

static void refuse(gru4rec_options options, const char *part)
{
    gru4rec_error error = {""};
    gru4rec_options before = options;
    CHECK_INT(GRU4REC_INVALID, gru4rec_options_resolve(&options, &error));
    check_message(&error, part);
    check_same(&before, &options);
}

static void loss_decides_how_strongly_neighbours_count(void)
{
    CHECK_NEAR(0.5, resolved(defaults()).blend, 0);
    CHECK_NEAR(0.5, resolved(WITH("loss", "xe_logit")).blend, 0);
    CHECK_NEAR(0.25, resolved(WITH("loss", "bpr-max")).blend, 0);
    CHECK_NEAR(0.25, resolved(WITH("loss", "top1-max")).blend, 0);
    CHECK_NEAR(0.5, resolved(WITH("loss", "bpr-max", "blend", "0.5")).blend, 0);
    CHECK_NEAR(0.1, resolved(WITH("loss", "bpr-max", "blend", "0.1")).blend, 0);
    CHECK_NEAR(0, resolved(WITH("loss", "bpr-max", "blend", "0")).blend, 0);
    CHECK_NEAR(0, resolved(WITH("preset", "recbole")).blend, 0);
    refuse(WITH("blend", "auto"), "validation");
    CHECK_NEAR(GRU4REC_BLEND_AUTO,
               resolved(WITH("blend", "auto", "validation", "0.1", "loss", "bpr")).blend,
               0);
}

static void loss_decides_the_final_activation(void)
{
    gru4rec_options options = resolved(defaults());
    CHECK_INT(GRU4REC_ACT_SOFTMAX, options.final_act.kind);
    CHECK_NEAR(0, options.elu_param, 0);
    CHECK_NEAR(0, options.bpreg, 0);
    options = resolved(WITH("loss", "bpr-max"));
    CHECK_INT(GRU4REC_ACT_ELU, options.final_act.kind);
    CHECK_NEAR(0.5, options.final_act.a, 0);
    CHECK_NEAR(0.5, options.elu_param, 0);
    CHECK_NEAR(1, options.bpreg, 0);
    options = resolved(WITH("loss", "bpr-max", "elu_param", "0"));
    CHECK_INT(GRU4REC_ACT_LINEAR, options.final_act.kind);
    options = resolved(WITH("loss", "bpr-max", "elu_param", "0.7"));
    CHECK_INT(GRU4REC_ACT_ELU, options.final_act.kind);
    CHECK_NEAR(0.7, options.final_act.a, 0);
    options = resolved(WITH("loss", "bpr-max", "final_act", "elu-0.7"));
    CHECK_NEAR(0.7, options.elu_param, 0);
    options = resolved(WITH("loss", "bpr-max", "final_act", "linear"));
    CHECK_INT(GRU4REC_ACT_LINEAR, options.final_act.kind);
    CHECK_NEAR(0, options.elu_param, 0);
    options = resolved(WITH("loss", "bpr-max", "final_act", "linear", "elu_param", "0"));
    CHECK_INT(GRU4REC_ACT_LINEAR, options.final_act.kind);
    options =
        resolved(WITH("loss", "bpr-max", "final_act", "elu-0.7", "elu_param", "0.7"));
    CHECK_NEAR(0.7, options.final_act.a, 0);
    /* Complete parameter sets of the officials. */
    options = resolved(WITH("loss", "cross-entropy", "bpreg", "0", "elu_param", "0",
                            "final_act", "softmax", "logq", "1"));
    CHECK_INT(GRU4REC_ACT_SOFTMAX, options.final_act.kind);
    resolved(WITH("loss", "cross-entropy", "bpreg", "1"));
}

static void contradictions_in_the_loss_are_refused(void)
{
    refuse(WITH("final_act", "linear"), "cross-entropy");
    refuse(WITH("final_act", "elu-0.5"), "cross-entropy");
    refuse(WITH("loss", "bpr-max", "final_act", "softmax"), "bpr-max");
    refuse(WITH("elu_param", "0.5"), "elu_param 0.5");
    refuse(WITH("loss", "bpr-max", "final_act", "linear", "elu_param", "0.5"),
           "final_act");
    refuse(WITH("loss", "bpr-max", "final_act", "elu-0.7", "elu_param", "0.5"),
           "elu_param 0.5");
    refuse(WITH("loss", "bpr-max", "final_act", "elu-0.7", "elu_param", "0"),
           "elu_param 0");
    refuse(WITH("loss", "bpr-max", "logq", "1"), "logq");
    refuse(WITH("bpreg", "0.5"), "bpreg");
}

static const char *const softmax_losses[] = {"cross-entropy", "xe_logit"};
static const char *const other_losses[] = {"bpr", "bpr-max", "top1", "top1-max"};
static const char *const elementwise[] = {"linear",    "relu",    "tanh",
                                          "leaky-0.1", "elu-0.5", "selu-1.05-1.67"};

/* Cross-entropy softmax, xe_logit softmax_logit, all others neither. */
static void every_loss_has_its_activations(void)
{
    for (int loss = 0; loss < 4; loss++) {
        for (int act = 0; act < 6; act++) {
            gru4rec_options options =
                resolved(WITH("loss", other_losses[loss], "final_act", elementwise[act]));
            check_text_of(&options, "final_act", elementwise[act]);
        }
        refuse(WITH("loss", other_losses[loss], "final_act", "softmax"),
               other_losses[loss]);
        refuse(WITH("loss", other_losses[loss], "final_act", "softmax_logit"),
               other_losses[loss]);
    }
    for (int loss = 0; loss < 2; loss++) {
        for (int act = 0; act < 6; act++)
            refuse(WITH("loss", softmax_losses[loss], "final_act", elementwise[act]),
                   softmax_losses[loss]);
        refuse(WITH("loss", softmax_losses[loss], "final_act",
                    loss == 0 ? "softmax_logit" : "softmax"),
               softmax_losses[loss]);
    }
}

/* auto: what the loss asks for; elu_param is bpr-max's only. */
static void losses_have_default_activations(void)
{
    static const char *const expected[][2] = {{"cross-entropy", "softmax"},
                                              {"xe_logit", "softmax_logit"},
                                              {"bpr", "linear"},
                                              {"bpr-max", "elu-0.5"},
                                              {"top1", "linear"},
                                              {"top1-max", "linear"}};
    for (int k = 0; k < 6; k++) {
        gru4rec_options options = resolved(WITH("loss", expected[k][0]));
        check_text_of(&options, "final_act", expected[k][1]);
        check_text_of(&options, "elu_param", k == 3 ? "0.5" : "0");
        check_text_of(&options, "bpreg", k == 3 ? "1" : "0");
        if (k != 3) {
            refuse(WITH("loss", expected[k][0], "elu_param", "0.5"), "elu_param 0.5");
            refuse(WITH("loss", expected[k][0], "bpreg", "0.5"), "bpreg");
        }
        resolved(WITH("loss", expected[k][0], "elu_param", "0", "bpreg", "0"));
    }
    /* The activation says it too, and they agree. */
    resolved(WITH("loss", "top1", "final_act", "elu-0.5", "elu_param", "0.5"));
    refuse(WITH("loss", "bpr", "final_act", "selu-1-1", "elu_param", "0.5"), "elu_param");
}

static void softmax_options_belong_to_softmax_losses(void)
{
    for (int loss = 0; loss < 2; loss++) {
        gru4rec_options options =
            resolved(WITH("loss", softmax_losses[loss], "smoothing", "0.1", "logq", "1"));
        CHECK_NEAR(0.1, options.smoothing, 0);
        CHECK_NEAR(1, options.logq, 0);
    }
    for (int loss = 0; loss < 4; loss++) {
        refuse(WITH("loss", other_losses[loss], "smoothing", "0.1"), "smoothing");
        refuse(WITH("loss", other_losses[loss], "logq", "1"), "logq");
        resolved(WITH("loss", other_losses[loss], "smoothing", "0", "logq", "0"));
    }
}

static void optimisers_have_their_rates(void)
{
    static const struct {
        const char *adapt, *rates, *good;
        const char *bad[2];
    } cases[] = {{"adagrad", "", "", {"0.9", "0.9/0.9"}},
                 {"sgd", "", "", {"0.9", "0.9/0.9"}},
                 {"rmsprop", "0.9", "0.5", {"0.9/0.9", "0.9/0.9/0.9"}},
                 {"adadelta", "0.9", "0.5", {"0.9/0.9", "0.9/0.9/0.9"}},
                 {"adam", "0.9/0.999", "0.5/0.6", {"0.9", "0.9/0.9/0.9"}}};
    for (int k = 0; k < 5; k++) {
        gru4rec_options options = resolved(WITH("adapt", cases[k].adapt));
        check_text_of(&options, "adapt_params", cases[k].rates);
        options = resolved(WITH("adapt", cases[k].adapt, "adapt_params", cases[k].good));
        check_text_of(&options, "adapt_params",
                      *cases[k].good ? cases[k].good : cases[k].rates);
        for (int bad = 0; bad < 2; bad++)
            refuse(WITH("adapt", cases[k].adapt, "adapt_params", cases[k].bad[bad]),
                   "adapt_params");
    }
}

/* Its default is 1: it scales its steps itself. */
static void adadelta_has_a_learning_rate_of_its_own(void)
{
    gru4rec_options options = resolved(WITH("adapt", "adadelta"));
    CHECK_NEAR(1, options.learning_rate, 0);
    options = resolved(WITH("adapt", "adadelta", "learning_rate", "0.3"));
    CHECK_NEAR(0.3, options.learning_rate, 0);
    options = resolved(WITH("adapt", "adam"));
    CHECK_NEAR(0.002, options.learning_rate, 0);
    options = resolved(WITH("adapt", "rmsprop", "learning_rate", "0.3"));
    CHECK_NEAR(0.3, options.learning_rate, 0);
}

/* Without samples the only negatives are the targets of the other lanes. */
static void lanes_without_negatives_are_refused(void)
{
    refuse(WITH("n_sample", "0", "batch_size", "1"), "set batch_size above 1");
    refuse(WITH("n_sample", "0", "batch_size", "1", "loss", "bpr-max"),
           "n_sample above 0");
    refuse(WITH("n_sample", "0", "whole_sessions", "true"), "n_sample above 0");
    CHECK_INT(2, resolved(WITH("n_sample", "0", "batch_size", "2")).batch_size);
    CHECK_INT(1, resolved(WITH("n_sample", "1", "batch_size", "1")).batch_size);
    CHECK_INT(1, resolved(WITH("n_sample", "all", "batch_size", "1")).batch_size);
}

static void embedding_decides_the_input(void)
{
    gru4rec_options options = resolved(defaults());
    CHECK(options.embedding == 0 && options.constrained_embedding == 1);
    options = resolved(WITH("constrained_embedding", "false"));
    CHECK(options.embedding == 0 && options.constrained_embedding == 0);
    options = resolved(WITH("embedding", "32"));
    CHECK(options.embedding == 32 && options.constrained_embedding == 0);
    options = resolved(WITH("embedding", "layersize", "layers", "64/48"));
    CHECK(options.embedding == 64 && options.constrained_embedding == 0);
    options = resolved(WITH("embedding", "16", "constrained_embedding", "false"));
    CHECK(options.embedding == 16 && options.constrained_embedding == 0);
    options = resolved(WITH("embedding", "0", "constrained_embedding", "true"));
    CHECK(options.embedding == 0 && options.constrained_embedding == 1);
    options = resolved(WITH("dropout_p_embed", "0.5"));
    CHECK_NEAR(0.5, options.dropout_p_embed, 0);
    options = resolved(WITH("dropout_p_hidden", "0.5", "constrained_embedding", "0"));
    CHECK_NEAR(0.5, options.dropout_p_hidden, 0);
    resolved(WITH("dropout_p_embed", "0.5", "embedding", "8"));
}

static void lengths_that_leave_nothing_are_refused(void)
{
    refuse(WITH("long_sessions", "drop"), "set max_length above 1");
    refuse(WITH("max_length", "1"), "max_length 1 leaves no session");
    refuse(WITH("max_length", "5", "min_length", "6"),
           "min_length 6 above max_length 5 leaves no session");
    gru4rec_options options =
        WITH("max_length", "5", "min_length", "5", "long_sessions", "drop");
    CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&options, NULL));
    CHECK_INT(5, options.max_length);
    CHECK_INT(GRU4REC_LONG_DROP, options.long_sessions);
}

static void contradictions_in_the_input_are_refused(void)
{
    refuse(WITH("embedding", "32", "constrained_embedding", "true"), "embedding");
    refuse(WITH("embedding", "layersize", "constrained_embedding", "true"),
           "constrained_embedding");
    refuse(WITH("constrained_embedding", "false", "dropout_p_embed", "0.5"),
           "dropout_p_embed");
}

/* ---- stored options ---- */

/* As a model is stored and opened again: every text set, and resolved once more. */
static void check_stored(gru4rec_options options)
{
    gru4rec_options again = defaults();
    gru4rec_option_info info;
    gru4rec_error error = {""};
    char text[400], other[400];
    options = resolved(options);
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_describe(i, &info);
        gru4rec_option_text(&options, i, text, sizeof text);
        CHECK_INT(GRU4REC_OK,
                  gru4rec_options_set(&again, info.scope, info.name, text, &error));
    }
    if (!CHECK_INT(GRU4REC_OK, gru4rec_options_resolve(&again, &error)))
        printf("%s\n", error.message);
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_text(&options, i, text, sizeof text);
        gru4rec_option_text(&again, i, other, sizeof other);
        CHECK_TEXT(text, other);
    }
}

static void resolved_options_can_be_set_again(void)
{
    static const char *const kinds[] = {"adagrad", "rmsprop", "adadelta", "adam", "sgd"};
    for (int loss = 0; loss < 4; loss++)
        for (int act = 0; act < 6; act++)
            check_stored(WITH("loss", other_losses[loss], "final_act", elementwise[act]));
    for (int loss = 0; loss < 2; loss++)
        check_stored(WITH("loss", softmax_losses[loss], "smoothing", "0.1", "logq", "1"));
    for (int k = 0; k < 5; k++)
        check_stored(WITH("adapt", kinds[k], "learning_rate", "0.3"));
    check_stored(WITH("embedding", "layersize", "layers", "64/48"));
    check_stored(WITH("constrained_embedding", "false"));
    check_stored(WITH("feedforward", "20/10", "feedforward_act", "selu-1.05-1.67",
                      "hidden_act", "leaky-0.2", "bptt", "7"));
    check_stored(WITH("preset", "coveo"));
    check_stored(WITH("preset", "coveo", "loss", "top1", "momentum", "0.9"));
    check_stored(WITH("preset", "rsc15", "embedding", "16"));
    check_stored(WITH("preset", "yoochoose_bprmax"));
}

/* ---- presets ---- */

/* What each says of loss, layers, batch_size and learning_rate. */
static void presets_are_the_published_ones(void)
{
    static const char *const expected[][5] = {
        {"official", "cross-entropy", "100", "64", "0.05"},
        {"rsc15", "cross-entropy", "100", "32", "0.2"},
        {"yoochoose", "cross-entropy", "480", "48", "0.07"},
        {"rees46", "cross-entropy", "512", "240", "0.065"},
        {"coveo", "bpr-max", "512", "144", "0.05"},
        {"retailrocket", "bpr-max", "224", "80", "0.05"},
        {"diginetica", "bpr-max", "512", "128", "0.05"},
        {"coveo_xe", "cross-entropy", "512", "32", "0.03"},
        {"diginetica_xe", "cross-entropy", "192", "128", "0.1"},
        {"retailrocket_xe", "cross-entropy", "192", "240", "0.085"},
        {"yoochoose_bprmax", "bpr-max", "448", "48", "0.075"},
        {"rees46_bprmax", "bpr-max", "512", "32", "0.03"}};
    for (int k = 0; k < 12; k++) {
        gru4rec_options options = resolved(WITH("preset", expected[k][0]));
        check_text_of(&options, "loss", expected[k][1]);
        check_text_of(&options, "layers", expected[k][2]);
        check_text_of(&options, "batch_size", expected[k][3]);
        check_text_of(&options, "learning_rate", expected[k][4]);
        check_text_of(&options, "n_sample", "2048");
        check_text_of(&options, "n_epochs", "10");
        check_text_of(&options, "constrained_embedding", "true");
        CHECK(options.is_set[index_of("preset")] && count_set(&options) == 1);
    }
    gru4rec_options none = resolved(WITH("preset", "none")), plain = resolved(defaults());
    none.is_set[index_of("preset")] = false;
    check_same(&plain, &none);
}

/*
 * The learning rate of a preset is for the preset's optimiser: it is kept with that one,
 * whoever names it, and with no other that has a default of its own.
 */
static void presets_keep_their_learning_rate(void)
{
    static const struct {
        const char *preset, *adapt, *rate;
    } cases[] = {{"recbole", NULL, "0.001"},     {"recbole", "adam", "0.001"},
                 {"recbole", "rmsprop", "0.01"}, {"recbole", "adadelta", "1"},
                 {"recbole", "sgd", "0.001"},    {"rsc15", NULL, "0.2"},
                 {"rsc15", "adagrad", "0.2"},    {"rsc15", "adam", "0.002"},
                 {"none", "adam", "0.002"},      {"none", "sgd", "0.1"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        gru4rec_options options = WITH("preset", cases[k].preset);
        gru4rec_options given = WITH("preset", cases[k].preset, "learning_rate", "0.3");
        if (cases[k].adapt != NULL) {
            options = WITH("preset", cases[k].preset, "adapt", cases[k].adapt);
            given = WITH("learning_rate", "0.3", "preset", cases[k].preset, "adapt",
                         cases[k].adapt);
        }
        options = resolved(options);
        check_text_of(&options, "learning_rate", cases[k].rate);
        given = resolved(given);
        check_text_of(&given, "learning_rate", "0.3");
    }
}

/* Before or behind the preset. */
static void given_options_come_before_a_presets(void)
{
    gru4rec_options before = WITH("layers", "7/8", "preset", "coveo", "momentum", "0.1");
    gru4rec_options behind = WITH("momentum", "0.1", "preset", "coveo", "layers", "7/8");
    check_same(&before, &behind);
    before = resolved(before);
    check_text_of(&before, "layers", "7/8");
    check_text_of(&before, "momentum", "0.1");
    check_text_of(&before, "bpreg", "1.85");
    check_text_of(&before, "final_act", "elu-1");
}

/* A preset's loss may be changed: what belongs to it goes with it. */
static void presets_allow_another_loss(void)
{
    static const char *const losses[] = {"cross-entropy", "xe_logit", "bpr",
                                         "bpr-max",       "top1",     "top1-max"};
    for (int k = 0; k < 6; k++) {
        gru4rec_options options = resolved(WITH("preset", "coveo", "loss", losses[k]));
        check_text_of(&options, "loss", losses[k]);
        options = resolved(WITH("loss", losses[k], "preset", "rsc15"));
        check_text_of(&options, "loss", losses[k]);
    }
    gru4rec_options options = resolved(WITH("preset", "rsc15", "embedding", "16"));
    CHECK(options.embedding == 16 && options.constrained_embedding == 0);
}

/* Where nothing is held out there is nothing to choose the strength on. */
static void blend_auto_needs_held_out_sessions(void)
{
    refuse(WITH("blend", "auto"), "validation");
    refuse(WITH("blend", "auto", "validation", "0"), "validation");
    gru4rec_options options = resolved(WITH("blend", "Auto", "validation", "0.1"));
    CHECK(options.blend == GRU4REC_BLEND_AUTO);
    CHECK_NEAR(0.25, resolved(WITH("blend", "0.25")).blend, 0);
}

/* What sync_steps above 1 does not go with, and that sync_steps 1 goes with all of it. */
static void merges_are_for_what_was_measured(void)
{
    static const char *const refused[][2] = {
        {"adapt", "adam"},   {"momentum", "0.1"},
        {"lmbd", "0.1"},     {"grad_cap", "1"},
        {"n_sample", "all"}, {"n_sample", "0"},
        {"embedding", "8"},  {"constrained_embedding", "false"},
        {"bptt", "2"},       {"whole_sessions", "true"}};
    for (size_t k = 0; k < sizeof refused / sizeof *refused; k++) {
        const char *name = refused[k][0], *value = refused[k][1];
        refuse(WITH("sync_steps", "200", name, value), "or sync_steps to 1");
        resolved(WITH("sync_steps", "1", name, value));
    }
    const gru4rec_options options =
        resolved(WITH("sync_steps", "200", "layers", "8/4", "loss", "bpr-max",
                      "feedforward", "5", "dropout_p_hidden", "0.2"));
    CHECK_INT(200, options.sync_steps);
}

int main(void)
{
    RUN(loss_decides_how_strongly_neighbours_count);
    RUN(loss_decides_the_final_activation);
    RUN(contradictions_in_the_loss_are_refused);
    RUN(every_loss_has_its_activations);
    RUN(losses_have_default_activations);
    RUN(softmax_options_belong_to_softmax_losses);
    RUN(optimisers_have_their_rates);
    RUN(adadelta_has_a_learning_rate_of_its_own);
    RUN(lanes_without_negatives_are_refused);
    RUN(embedding_decides_the_input);
    RUN(lengths_that_leave_nothing_are_refused);
    RUN(contradictions_in_the_input_are_refused);
    RUN(blend_auto_needs_held_out_sessions);
    RUN(resolved_options_can_be_set_again);
    RUN(presets_are_the_published_ones);
    RUN(presets_keep_their_learning_rate);
    RUN(given_options_come_before_a_presets);
    RUN(presets_allow_another_loss);
    RUN(merges_are_for_what_was_measured);
    return test_end();
}
