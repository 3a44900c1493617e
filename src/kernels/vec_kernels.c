/*
 * vec_kernels.c - the table of kernels (g4r_vec of vec.h) for one instruction set.
 *
 * The kernels are plain C that compilers vectorise. The Makefile compiles this file once
 * for each instruction set, with the flags that allow its instructions and with its name
 * in VEC_NAME. The kernels are in the headers below, one for each subject, under the
 * subject's equations. vec_math.h has the functions of one value that they share.
 */
#include "vec.h"

#include "vec_basic.h"
#include "vec_bytes.h"
#include "vec_cell.h"
#include "vec_loss.h"
#include "vec_product.h"
#include "vec_scan.h"
#include "vec_update.h"

/*
 * CONCAT joins two names into one, and TEXT makes a string of a name, after VEC_NAME in
 * them was replaced by its value.
 */
#define CONCAT2(a, b) a##b
#define CONCAT(a, b) CONCAT2(a, b)
#define TEXT2(a) #a
#define TEXT(a) TEXT2(a)

/*
 * The table, g4r_vec_kernels_ and the name of the instruction set; vec.c picks one of
 * these.
 */
const g4r_vec CONCAT(g4r_vec_kernels_, VEC_NAME) = {
    .name = TEXT(VEC_NAME),
    .add = add,
    .subtract = subtract,
    .mul = mul,
    .scale = scale,
    .shift = shift,
    .round_bfloat16 = round_bfloat16,
    .sum = sum,
    .dot = dot,
    .max = max,
    .all_finite = all_finite,
    .dropout = dropout,
    .activate = activate,
    .slope = slope,
    .cell.mix = mix,
    .cell.torch_gates = torch_gates,
    .cell.torch_backward = torch_backward,
    .cell.original_gates = original_gates,
    .cell.original_candidate = original_candidate,
    .cell.original_backward = original_backward,
    .cell.original_backward_reset = original_backward_reset,
    .loss.exp_sum = exp_sum,
    .loss.smooth_sums = smooth_sums,
    .loss.smooth_gradient = smooth_gradient,
    .loss.bpr = bpr,
    .loss.top1 = top1,
    .loss.top1max_sums = top1max_sums,
    .loss.top1max_gradient = top1max_gradient,
    .loss.bprmax_sums = bprmax_sums,
    .loss.bprmax_gradient = bprmax_gradient,
    .update = update,
    .multiply = multiply,
    .scan.score = score,
    .scan.find = find,
    .scan.count = count,
    .scan.split = split,
    .bytes.largest_query = LARGEST_QUERY,
    .bytes.is_fast = IS_FAST_IN_BYTES,
    .bytes.make = to_bytes,
    .bytes.bound = bound,
};
