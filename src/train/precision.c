/*
 * precision.c - the rule of option precision; see gru4rec_precision_of() in gru4rec.h.
 *
 * A line of the table says: with this loss, if all layers have a width from least to
 * most, and if the kernels in bfloat16 are these, bfloat16 is faster and costs no
 * accuracy. docs/training.md has the measurements. There are none yet, so there is no
 * line, and auto is float32.
 */
#include "precision.h"

#include "../kernels/bfloat16.h"

typedef struct precision_gain {
    gru4rec_loss loss;
    int64_t least, most; /* width of a layer */
    const char *kernels; /* name of the body */
} precision_gain;

/* The last line has no kernels. */
static const precision_gain gains[] = {{GRU4REC_CROSS_ENTROPY, 0, 0, NULL}};

/* Tells whether the widths of all layers, dense ones too, are those of the line. */
static bool has_width(const precision_gain *gain, const gru4rec_options *options)
{
    const gru4rec_list *lists[] = {&options->layers, &options->feedforward};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (int64_t k = 0; k < lists[i]->n; k++)
            if (lists[i]->values[k] < gain->least || lists[i]->values[k] > gain->most)
                return false;
    return true;
}

gru4rec_precision gru4rec_precision_of(const gru4rec_options *options)
{
    if (options->precision != GRU4REC_PRECISION_AUTO)
        return (gru4rec_precision)options->precision;
    for (const precision_gain *gain = gains; gain->kernels != NULL; gain++)
        if ((int64_t)gain->loss == options->loss && has_width(gain, options) &&
            strcmp(gain->kernels, gru4rec_bfloat16_kernels()) == 0)
            return GRU4REC_PRECISION_BFLOAT16;
    return GRU4REC_PRECISION_FLOAT32;
}

bool g4r_precision_is_bfloat16(const gru4rec_options *options)
{
    return gru4rec_precision_of(options) == GRU4REC_PRECISION_BFLOAT16;
}
