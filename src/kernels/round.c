/* round.c - rounds what processes exchange; see gru4rec.h. */
#include "vec.h"

void gru4rec_round_bfloat16(gru4rec_real *values, size_t n)
{
    g4r_vec_pick()->round_bfloat16(values, n);
}
