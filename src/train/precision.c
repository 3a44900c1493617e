/*
 * precision.c - the rule of option precision; see gru4rec_precision_of() in gru4rec.h.
 */
#include "precision.h"

#include "../kernels/bfloat16.h"

/*
 * The table by which auto chooses: where docs/training.md shows no loss. Nothing was
 * trained with AMX, so it has no line. The last line has no kernels.
 */
static const g4r_precision_gain gains[] = {
    {GRU4REC_CROSS_ENTROPY, 224, 512, "avx512bf16"},
    {GRU4REC_BPR_MAX, 100, 512, "avx512bf16"},
    {GRU4REC_CROSS_ENTROPY, 0, 0, NULL},
};

bool g4r_precision_fits(const g4r_precision_gain *gain, const gru4rec_options *options)
{
    const gru4rec_list *lists[] = {&options->layers, &options->feedforward};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (int64_t k = 0; k < lists[i]->n; k++)
            if (lists[i]->values[k] < gain->least || lists[i]->values[k] > gain->most)
                return false;
    return (int64_t)gain->loss == options->loss;
}

gru4rec_precision gru4rec_precision_of(const gru4rec_options *options)
{
    if (options->precision != GRU4REC_PRECISION_AUTO)
        return (gru4rec_precision)options->precision;
    /* The kernels come last: AMX is asked from the system only where it may be used. */
    for (const g4r_precision_gain *gain = gains; gain->kernels != NULL; gain++)
        if (g4r_precision_fits(gain, options) &&
            strcmp(gain->kernels, gru4rec_bfloat16_kernels()) == 0 &&
            g4r_bfloat16_is_fast())
            return GRU4REC_PRECISION_BFLOAT16;
    return GRU4REC_PRECISION_FLOAT32;
}

bool g4r_precision_is_bfloat16(const gru4rec_options *options)
{
    return gru4rec_precision_of(options) == GRU4REC_PRECISION_BFLOAT16;
}
