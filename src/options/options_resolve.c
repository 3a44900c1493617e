/*
 * options_resolve.c - rules that involve two options; see gru4rec_options_resolve() and
 * option.h.
 *
 * What is set itself comes first, then the preset, then the default; a rule may choose what
 * is not set.
 */
#include "option.h"
#include "../base/fail.h"

/* What is wrong with options is always INVALID. */
#define REFUSE(error, ...) g4r_fail(error, GRU4REC_INVALID, __VA_ARGS__)

static const char *loss_name(const gru4rec_options *options, char text[24])
{
    g4r_option_print(g4r_options_find("loss"), &options->loss, text, 24);
    return text;
}

/* What the loss asks of the final activation: softmax, softmax_logit, or none of them. */
static gru4rec_activation_kind asked_activation(int64_t loss)
{
    if (loss == GRU4REC_CROSS_ENTROPY)
        return GRU4REC_ACT_SOFTMAX;
    return loss == GRU4REC_XE_LOGIT ? GRU4REC_ACT_SOFTMAX_LOGIT : GRU4REC_ACT_LINEAR;
}

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
                      asked == GRU4REC_ACT_SOFTMAX         ? "softmax"
                      : asked == GRU4REC_ACT_SOFTMAX_LOGIT ? "softmax_logit"
                                                           : "linear, elu-X or another "
                                                             "without softmax");
    double alpha = act->kind == GRU4REC_ACT_ELU ? act->a : 0;
    if (g4r_options_is_set(options, "elu_param") && options->elu_param != alpha &&
        (options->elu_param != 0 || act->kind == GRU4REC_ACT_ELU))
        return REFUSE(error, "elu_param %g contradicts %s; leave one of them out",
                      options->elu_param,
                      asked != GRU4REC_ACT_LINEAR ? "the loss's softmax" : "final_act");
    options->elu_param = alpha;
    return GRU4REC_OK;
}

/* The decay rates, as many as the optimiser has; and a step size that suits it. */
static gru4rec_status resolve_adapt(gru4rec_options *options, gru4rec_error *error)
{
    static const struct {
        gru4rec_reals params;
        double learning_rate; /* 0: the option's own default */
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
                      "this optimiser takes %d adapt_params, not %d; give so many, or "
                      "leave them out",
                      (int)params->n, (int)options->adapt_params.n);
    if (!g4r_options_is_set(options, "learning_rate") && learning_rate > 0)
        options->learning_rate = learning_rate;
    return GRU4REC_OK;
}

/* What belongs to one family of losses only. */
static gru4rec_status resolve_loss(gru4rec_options *options, gru4rec_error *error)
{
    char loss[24];
    bool is_softmax = asked_activation(options->loss) != GRU4REC_ACT_LINEAR;
    if (!is_softmax && !g4r_options_is_set(options, "logq"))
        options->logq = 0; /* a preset's, whose loss was changed */
    if (!is_softmax && (options->logq > 0 || options->smoothing > 0))
        return REFUSE(error, "%s belongs to cross-entropy only; set it to 0 with loss %s",
                      options->logq > 0 ? "logq" : "smoothing", loss_name(options, loss));
    if (options->loss == GRU4REC_BPR_MAX)
        return GRU4REC_OK;
    /* Complete parameter sets have it beside other losses too, as 0 or the default. */
    if (g4r_options_is_set(options, "bpreg") && options->bpreg != 0 &&
        options->bpreg != 1)
        return REFUSE(error, "bpreg belongs to loss bpr-max; set it to 0 with %s",
                      loss_name(options, loss));
    options->bpreg = 0;
    return GRU4REC_OK;
}

/* What the negatives are, and what goes with them. */
static gru4rec_status resolve_negatives(gru4rec_options *options, gru4rec_error *error)
{
    if (options->whole_sessions && options->n_sample == 0)
        return REFUSE(error, "whole_sessions needs negatives for the last lane too; set "
                             "n_sample above 0, or to all");
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
        options->sample_alpha != 0.5) /* 0 or the default in a complete set */
        return REFUSE(error,
                      "sample_alpha is for samples, and n_sample all draws none; leave "
                      "one of them out");
    options->sample_alpha = 0;
    return GRU4REC_OK;
}

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

/* What long sessions are, and what is left of them. */
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
                      "set it above 1, or to 0 for none");
    if (most > 0 && options->min_length > most)
        return REFUSE(error,
                      "min_length %lld above max_length %lld leaves no session; "
                      "change one of them",
                      (long long)options->min_length, (long long)most);
    return GRU4REC_OK;
}

/* What is for sessions held out, or for dense layers, when there are none. */
static gru4rec_status resolve_rest(gru4rec_options *options, gru4rec_error *error)
{
    if (options->validation == 0 && !g4r_options_is_set(options, "patience"))
        options->patience = 0; /* a preset's, that was told not to validate */
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
        resolve_final_act, resolve_loss,    resolve_negatives, resolve_adapt,
        resolve_input,     resolve_lengths, resolve_rest};
    gru4rec_options resolved = *options;
    gru4rec_status status = GRU4REC_OK;
    g4r_options_apply_preset(&resolved);
    for (size_t i = 0; status == GRU4REC_OK && i < sizeof rules / sizeof *rules; i++)
        status = rules[i](&resolved, error);
    if (status == GRU4REC_OK)
        *options = resolved;
    return status;
}
