/*
 * options_resolve.c - rules that involve two options; see gru4rec_options_resolve() in
 * gru4rec.h, and option.h.
 *
 * The value of an option is the one that was set; otherwise that of the preset; otherwise
 * the default. A rule may change only the values of options that were not set.
 */
#include "option.h"
#include "../base/fail.h"

/*
 * Writes a message about options, as g4r_fail(), and gives INVALID, the status of all
 * such errors.
 */
#define REFUSE(error, ...) g4r_fail(error, GRU4REC_INVALID, __VA_ARGS__)

/* Writes the name of the options' loss to text, and returns text. */
static const char *loss_name(const gru4rec_options *options, char text[24])
{
    g4r_option_print(g4r_options_find("loss"), &options->loss, text, 24);
    return text;
}

/*
 * Returns the final activation that a loss needs: softmax, softmax_logit, or linear,
 * which stands for any activation without softmax.
 */
static gru4rec_activation_kind asked_activation(int64_t loss)
{
    if (loss == GRU4REC_CROSS_ENTROPY)
        return GRU4REC_ACT_SOFTMAX;
    return loss == GRU4REC_XE_LOGIT ? GRU4REC_ACT_SOFTMAX_LOGIT : GRU4REC_ACT_LINEAR;
}

/*
 * If final_act is auto, computes it from the loss and elu_param. Then sets elu_param to
 * the parameter of final_act if that is an elu, else to 0. INVALID: final_act does not
 * suit the loss, or elu_param contradicts it.
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
 * Gives the optimiser its default decay rates if adapt_params is empty, and a default
 * learning rate that suits it if learning_rate is not set. INVALID: adapt_params has
 * another number of rates than the optimiser.
 */
static gru4rec_status resolve_adapt(gru4rec_options *options, gru4rec_error *error)
{
    static const struct {
        gru4rec_reals params;
        double learning_rate; /* 0: the default of option learning_rate */
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
    if (!g4r_options_is_set(options, "learning_rate") && learning_rate > 0)
        options->learning_rate = learning_rate;
    return GRU4REC_OK;
}

/*
 * Checks the options that belong to some losses only: logq, smoothing and bpreg. Sets
 * logq to 0 if it was not set and the loss has no softmax, and bpreg to 0 if the loss is
 * not bpr-max. INVALID: a value that was set does not suit the loss.
 */
static gru4rec_status resolve_loss(gru4rec_options *options, gru4rec_error *error)
{
    char loss[24];
    bool is_softmax = asked_activation(options->loss) != GRU4REC_ACT_LINEAR;
    if (!is_softmax && !g4r_options_is_set(options, "logq"))
        options->logq = 0; /* it came from a preset whose loss the user replaced */
    if (!is_softmax && (options->logq > 0 || options->smoothing > 0))
        return REFUSE(error, "%s belongs to cross-entropy only; set it to 0 with loss %s",
                      options->logq > 0 ? "logq" : "smoothing", loss_name(options, loss));
    if (options->loss == GRU4REC_BPR_MAX)
        return GRU4REC_OK;
    /*
     * Users copy complete sets of options, which contain bpreg even if the loss is not
     * bpr-max, as 0 or as its default 1. These two values are accepted.
     */
    if (g4r_options_is_set(options, "bpreg") && options->bpreg != 0 &&
        options->bpreg != 1)
        return REFUSE(error, "bpreg belongs to loss bpr-max; set it to 0 with %s",
                      loss_name(options, loss));
    options->bpreg = 0;
    return GRU4REC_OK;
}

/*
 * Checks n_sample, the number of negatives, and the options that depend on it. If all
 * items are scored, logq and sample_alpha become 0. INVALID: options contradict each
 * other.
 */
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
        options->sample_alpha != 0.5) /* complete sets name 0 or the default */
        return REFUSE(error,
                      "sample_alpha is for samples, and n_sample all draws none; leave "
                      "one of them out");
    options->sample_alpha = 0;
    return GRU4REC_OK;
}

/*
 * Computes what the input of the first layer is, in constrained_embedding and embedding:
 * the output weights, an embedding of its own, or one-hot. With one-hot input, a
 * dropout_p_embed that was not set becomes 0. INVALID: options contradict each other.
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
 * Checks max_length against long_sessions and min_length. INVALID: they contradict each
 * other, or leave no session to learn from.
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
 * Checks the options that need held-out sessions (patience, and blend if it is auto),
 * dense layers (feedforward_act) or sessions in the order of time (validation). Without
 * validation, a patience that was not set becomes 0. INVALID: an option lacks what it
 * needs.
 */
static gru4rec_status resolve_rest(gru4rec_options *options, gru4rec_error *error)
{
    if (options->validation == 0 && !g4r_options_is_set(options, "patience"))
        options->patience = 0; /* from a preset whose validation the user switched off */
    if (options->patience > 0 && options->validation == 0)
        return REFUSE(error,
                      "patience needs sessions to measure on; set validation above 0");
    if (options->blend == GRU4REC_BLEND_AUTO && options->validation == 0)
        return REFUSE(error, "blend auto needs sessions to choose the strength on; set "
                             "validation above 0, or blend to a number");
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
