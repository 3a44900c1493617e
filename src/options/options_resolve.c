/*
 * options_resolve.c - rules that involve two options; see gru4rec_options_resolve() in
 * gru4rec.h, and option.h.
 *
 * An option has the value that was set; otherwise that of the preset; otherwise the
 * default. The rules refuse values that contradict each other, and change values. They
 * change an option that was set only where its value has no effect or stands for another:
 * bpreg 1 and sample_alpha 0.5 become 0 where they do not apply, and embedding layersize
 * becomes the width that it stands for. An option counts as set only if the user gave it:
 * a value from a preset does not count.
 */
#include "option.h"
#include "../base/fail.h"

/*
 * Writes a message about options into error, as g4r_fail(), and has the value INVALID.
 * Every error about options has this status.
 */
#define REFUSE(error, ...) g4r_fail(error, GRU4REC_INVALID, __VA_ARGS__)

/*
 * Writes the name of the loss that the options have into text (24 bytes), and returns
 * text.
 */
static const char *loss_name(const gru4rec_options *options, char text[24])
{
    g4r_option_print(g4r_options_find("loss"), &options->loss, text, 24);
    return text;
}

/*
 * Returns the final activation that a loss needs: softmax for cross-entropy,
 * softmax_logit for xe_logit. For other losses it returns linear, which stands for any
 * activation without softmax.
 */
static gru4rec_activation_kind asked_activation(int64_t loss)
{
    if (loss == GRU4REC_CROSS_ENTROPY)
        return GRU4REC_ACT_SOFTMAX;
    return loss == GRU4REC_XE_LOGIT ? GRU4REC_ACT_SOFTMAX_LOGIT : GRU4REC_ACT_LINEAR;
}

/*
 * If final_act is auto, sets it to what the loss needs; for bpr-max with elu_param above
 * 0, to an elu with this parameter. Then sets elu_param to the parameter of final_act if
 * that is an elu, otherwise to 0. INVALID: final_act does not suit the loss, or an
 * elu_param that was set is not the parameter of final_act. elu_param 0 is accepted if
 * there is no elu.
 */
static gru4rec_status resolve_final_act(gru4rec_options *options, gru4rec_error *error)
{
    char loss[24];
    gru4rec_activation *act = &options->final_act;
    gru4rec_activation_kind asked = asked_activation(options->loss);
    if (act->kind == GRU4REC_ACT_AUTO) {
        bool is_elu = options->loss == GRU4REC_BPR_MAX && options->elu_param > 0;
        act->kind = is_elu ? GRU4REC_ACT_ELU : asked;
        act->a = is_elu ? options->elu_param : 0;
    }
    bool is_elementwise = act->kind >= GRU4REC_ACT_LINEAR;
    if (asked == GRU4REC_ACT_LINEAR ? !is_elementwise : act->kind != asked)
        return REFUSE(error, "loss %s does not go with this final_act; use %s",
                      loss_name(options, loss),
                      asked == GRU4REC_ACT_SOFTMAX ? "softmax"
                      : asked == GRU4REC_ACT_SOFTMAX_LOGIT
                          ? "softmax_logit"
                          : "linear, elu-X or another activation without softmax");
    double alpha = act->kind == GRU4REC_ACT_ELU ? act->a : 0;
    if (g4r_options_is_set(options, "elu_param") && options->elu_param != alpha &&
        (options->elu_param != 0 || act->kind == GRU4REC_ACT_ELU))
        return REFUSE(error, "elu_param %g contradicts %s; leave one of them out",
                      options->elu_param,
                      asked != GRU4REC_ACT_LINEAR ? "the loss's softmax" : "final_act");
    options->elu_param = alpha;
    return GRU4REC_OK;
}

/*
 * Returns the optimiser that learning_rate is meant for while the user has not set it:
 * that of the preset, or if there is none, that of the defaults.
 */
static int64_t preset_optimiser(const gru4rec_options *options)
{
    gru4rec_options published;
    gru4rec_options_init(&published);
    published.preset = options->preset;
    g4r_options_apply_preset(&published);
    return published.adapt;
}

/*
 * If adapt_params is empty, sets it to the default decay rates of the optimiser (option
 * adapt). If learning_rate was not set by the user, and its value is meant for another
 * optimiser (preset_optimiser()), sets it to the optimiser's own default, if it has one
 * (rmsprop, adadelta and adam). INVALID: adapt_params has another number of rates than
 * the optimiser takes.
 */
static gru4rec_status resolve_adapt(gru4rec_options *options, gru4rec_error *error)
{
    static const struct {
        gru4rec_reals params;
        /* 0: the optimiser has none of its own, and learning_rate is not changed. */
        double learning_rate;
    } defaults[] = {
        [GRU4REC_ADAGRAD] = {{0, {0}}, 0},    [GRU4REC_RMSPROP] = {{1, {0.9}}, 0.01},
        [GRU4REC_ADADELTA] = {{1, {0.9}}, 1}, [GRU4REC_ADAM] = {{2, {0.9, 0.999}}, 0.002},
        [GRU4REC_SGD] = {{0, {0}}, 0},
    };
    const gru4rec_reals *params = &defaults[options->adapt].params;
    const double learning_rate = defaults[options->adapt].learning_rate;
    if (options->adapt_params.n == 0)
        options->adapt_params = *params;
    if (options->adapt_params.n != params->n)
        return REFUSE(error,
                      "this optimiser takes %d adapt_params, not %d; give that many, or "
                      "leave them out",
                      (int)params->n, (int)options->adapt_params.n);
    if (!g4r_options_is_set(options, "learning_rate") && learning_rate > 0 &&
        options->adapt != preset_optimiser(options))
        options->learning_rate = learning_rate;
    return GRU4REC_OK;
}

/*
 * Checks the options that only some losses have. If the loss has no softmax, logq becomes
 * 0 if it was not set. If the loss is not bpr-max, bpreg becomes 0. INVALID: logq was set
 * above 0 or smoothing is above 0, and the loss has no softmax; or bpreg was set to other
 * than 0 and 1, and the loss is not bpr-max.
 */
static gru4rec_status resolve_loss(gru4rec_options *options, gru4rec_error *error)
{
    char loss[24];
    bool is_softmax = asked_activation(options->loss) != GRU4REC_ACT_LINEAR;
    if (!is_softmax && !g4r_options_is_set(options, "logq"))
        options->logq = 0; /* from a preset or the default, for another loss */
    if (!is_softmax && (options->logq > 0 || options->smoothing > 0))
        return REFUSE(error, "%s belongs to cross-entropy only; set it to 0 with loss %s",
                      options->logq > 0 ? "logq" : "smoothing", loss_name(options, loss));
    if (options->loss == GRU4REC_BPR_MAX)
        return GRU4REC_OK;
    /*
     * bpreg 0, and 1, its default, are accepted with other losses too, because users copy
     * complete sets of options, which contain bpreg whatever the loss is.
     */
    if (g4r_options_is_set(options, "bpreg") && options->bpreg != 0 &&
        options->bpreg != 1)
        return REFUSE(error, "bpreg belongs to loss bpr-max; set it to 0 with %s",
                      loss_name(options, loss));
    options->bpreg = 0;
    return GRU4REC_OK;
}

/*
 * Checks the options about negative samples. If n_sample is all, sets logq and
 * sample_alpha to 0, because there is no sampling. INVALID: n_sample is 0, and
 * whole_sessions is set or batch_size is 1. Also INVALID if n_sample is all, and the loss
 * has no softmax, or logq was set above 0, or sample_alpha was set to other than 0 and
 * 0.5.
 */
static gru4rec_status resolve_negatives(gru4rec_options *options, gru4rec_error *error)
{
    if (options->whole_sessions && options->n_sample == 0)
        return REFUSE(error, "whole_sessions needs negatives for the last lane too; set "
                             "n_sample above 0, or to all");
    if (options->batch_size == 1 && options->n_sample == 0)
        return REFUSE(error, "n_sample 0 needs a batch_size of at least 2, because the "
                             "targets of other sessions are the only negatives; set "
                             "batch_size above 1, or n_sample above 0");
    if (options->n_sample != GRU4REC_N_SAMPLE_ALL)
        return GRU4REC_OK;
    if (asked_activation(options->loss) == GRU4REC_ACT_LINEAR)
        return REFUSE(error,
                      "n_sample all goes with loss cross-entropy or xe_logit only; "
                      "give n_sample a number");
    if (options->logq > 0 && g4r_options_is_set(options, "logq"))
        return REFUSE(error,
                      "logq corrects for sampling, and n_sample all draws no samples; "
                      "leave one of them out");
    options->logq = 0;
    if (g4r_options_is_set(options, "sample_alpha") && options->sample_alpha != 0 &&
        options->sample_alpha != 0.5) /* complete sets of options have 0 or 0.5 */
        return REFUSE(error,
                      "sample_alpha is for samples, and n_sample all draws none; leave "
                      "one of them out");
    options->sample_alpha = 0;
    return GRU4REC_OK;
}

/*
 * Decides what the input of the first layer is. embedding above 0: a table of its own, of
 * this width; constrained_embedding becomes false then. Otherwise the output weights if
 * constrained_embedding is true, else a one-hot vector. embedding layersize becomes the
 * width of the first GRU layer. With one-hot input, dropout_p_embed becomes 0 if it was
 * not set. INVALID: constrained_embedding was set to true beside an embedding, or
 * dropout_p_embed was set above 0 with one-hot input.
 */
static gru4rec_status resolve_input(gru4rec_options *options, gru4rec_error *error)
{
    if (options->embedding != 0 && options->constrained_embedding) {
        if (g4r_options_is_set(options, "constrained_embedding"))
            return REFUSE(error,
                          "embedding above 0 contradicts constrained_embedding true; "
                          "leave one of them out");
        options->constrained_embedding = 0;
    }
    if (options->embedding == GRU4REC_EMBEDDING_LAYERSIZE)
        options->embedding = options->layers.values[0];
    bool is_onehot = options->embedding == 0 && !options->constrained_embedding;
    if (is_onehot && !g4r_options_is_set(options, "dropout_p_embed"))
        options->dropout_p_embed = 0;
    if (is_onehot && options->dropout_p_embed > 0)
        return REFUSE(error, "dropout_p_embed has no embedding to drop from with one-hot "
                             "input; set it to 0, or give the model an embedding");
    return GRU4REC_OK;
}

/*
 * Checks the options about the length of sessions; changes none. INVALID: long_sessions
 * is not cut, but max_length sets no limit; max_length is 1; or min_length is greater
 * than max_length.
 */
static gru4rec_status resolve_lengths(gru4rec_options *options, gru4rec_error *error)
{
    const int64_t most = options->max_length;
    if (most == 0 && options->long_sessions != GRU4REC_LONG_CUT)
        return REFUSE(error, "long_sessions drop is for sessions longer than max_length, "
                             "and no session is; set max_length above 1, or "
                             "long_sessions to cut");
    if (most == 1)
        return REFUSE(error,
                      "max_length 1 leaves no session of two events to learn from; "
                      "set it above 1, or to 0 for no limit");
    if (most > 0 && options->min_length > most)
        return REFUSE(error,
                      "min_length %lld above max_length %lld leaves no session; "
                      "change one of them",
                      (long long)options->min_length, (long long)most);
    return GRU4REC_OK;
}

/*
 * Checks option blend. If it was not set, and the loss has no softmax, it becomes 0.25 at
 * most: such losses leave smaller differences between scores, so that neighbours of the
 * same strength outweigh the network (docs/training.md has the measurements). INVALID:
 * blend is auto without validation.
 */
static gru4rec_status resolve_blend(gru4rec_options *options, gru4rec_error *error)
{
    const double most = 0.25;
    if (options->blend == GRU4REC_BLEND_AUTO && options->validation == 0)
        return REFUSE(error, "blend auto needs sessions to choose the strength on; set "
                             "validation above 0, or blend to a number");
    if (!g4r_options_is_set(options, "blend") && options->blend > most &&
        asked_activation(options->loss) == GRU4REC_ACT_LINEAR)
        options->blend = most;
    return GRU4REC_OK;
}

/*
 * Refuses what sync_steps above 1 does not go with: the merges are made for Adagrad's
 * accumulators and for rows of one table, and their accuracy was measured with that only.
 */
static gru4rec_status resolve_sync(gru4rec_options *options, gru4rec_error *error)
{
    const struct {
        bool is_refused;
        const char *found, *advice;
    } rules[] = {
        {options->adapt != GRU4REC_ADAGRAD, "this optimiser", "adapt to adagrad"},
        {options->momentum > 0, "momentum", "momentum to 0"},
        {options->lmbd > 0, "lmbd", "lmbd to 0"},
        {options->grad_cap > 0, "grad_cap", "grad_cap to 0"},
        {options->n_sample == GRU4REC_N_SAMPLE_ALL, "n_sample all",
         "n_sample to a number above 0"},
        {options->n_sample == 0, "n_sample 0", "n_sample above 0"},
        {!options->constrained_embedding, "an input with weights of its own",
         "constrained_embedding to true and embedding to 0"},
        {options->bptt > 1, "bptt above 1", "bptt to 1"},
        {options->whole_sessions, "whole_sessions", "whole_sessions to false"},
    };
    for (size_t i = 0; options->sync_steps > 1 && i < sizeof rules / sizeof *rules; i++)
        if (rules[i].is_refused)
            return REFUSE(error,
                          "sync_steps above 1 cannot merge what processes learn with %s; "
                          "set %s, or sync_steps to 1",
                          rules[i].found, rules[i].advice);
    return GRU4REC_OK;
}

/*
 * Checks options that need another one. If validation is 0, patience becomes 0 if it was
 * not set. INVALID: patience without validation, feedforward_act other than tanh without
 * feedforward layers, or validation without time_sort.
 */
static gru4rec_status resolve_rest(gru4rec_options *options, gru4rec_error *error)
{
    if (options->validation == 0 && !g4r_options_is_set(options, "patience"))
        /* It came from a preset, and the user switched validation off. */
        options->patience = 0;
    if (options->patience > 0 && options->validation == 0)
        return REFUSE(error,
                      "patience needs sessions to measure on; set validation above 0");
    if (options->feedforward.n == 0 && options->feedforward_act.kind != GRU4REC_ACT_TANH)
        return REFUSE(error,
                      "feedforward_act is for dense layers, and there are none; set "
                      "feedforward, or leave it out");
    if (options->validation > 0 && !options->time_sort)
        return REFUSE(error,
                      "validation holds out the latest sessions, and time_sort false "
                      "forgets which those are; leave one of them out");
    return GRU4REC_OK;
}

gru4rec_status gru4rec_options_resolve(gru4rec_options *options, gru4rec_error *error)
{
    static gru4rec_status (*const rules[])(gru4rec_options *, gru4rec_error *) = {
        resolve_final_act, resolve_loss,  resolve_negatives, resolve_adapt, resolve_input,
        resolve_lengths,   resolve_blend, resolve_sync,      resolve_rest};
    gru4rec_options resolved = *options;
    gru4rec_status status = GRU4REC_OK;
    g4r_options_apply_preset(&resolved);
    for (size_t i = 0; status == GRU4REC_OK && i < sizeof rules / sizeof *rules; i++)
        status = rules[i](&resolved, error);
    if (status == GRU4REC_OK)
        *options = resolved;
    return status;
}
