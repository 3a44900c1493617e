/*
 * test_bfloat16_tiles.c - bfloat16_tiles.h on a model of the tile registers, so that it is
 * tested on processors without AMX. What packs is that of the body base.
 */
#include "../lib/bfloat16_twin.h"
#include "../lib/tile_model.h"

#define HAS_TILES 1
#include "../../src/kernels/bfloat16_tiles.h"

static void test_products(void)
{
    g4r_bfloat16 body = *g4r_bfloat16_at(0);
    body.name = "model of amx";
    body.multiply = multiply;
    twin_check_sizes(&body, TWIN_TILES);
    CHECK(!model.is_configured);
}

int main(void)
{
    RUN(test_products);
    return test_end();
}
