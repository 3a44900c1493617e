/* baseline.c - the table of baselines, and how they are fitted; see baseline.h. */
#include "methods.h"

#include "../base/fail.h"

/*
 * The methods, by gru4rec_baseline_kind. The words of option baselines have the same
 * order.
 */
static const g4r_baseline_method *const table[GRU4REC_N_BASELINES] = {
    [GRU4REC_POP] = &g4r_pop,
    [GRU4REC_SESSION_POP] = &g4r_session_pop,
    [GRU4REC_ITEM_KNN] = &g4r_item_knn,
    [GRU4REC_MARKOV] = &g4r_markov,
    [GRU4REC_SEQUENTIAL_RULES] = &g4r_sequential_rules,
    [GRU4REC_VS_KNN] = &g4r_vs_knn,
    [GRU4REC_STAN] = &g4r_stan,
};

const char *gru4rec_baseline_name(gru4rec_baseline_kind kind)
{
    return table[kind]->name;
}

bool gru4rec_baseline_needs_sessions(gru4rec_baseline_kind kind)
{
    return table[kind]->needs_sessions;
}

bool gru4rec_baseline_uses_days(gru4rec_baseline_kind kind)
{
    return table[kind]->uses_days;
}

/*
 * Tells whether the name of the option begins with the baseline's name, in which '_'
 * stands for '-', and goes on with '_'. It does not look whether there is such an option.
 */
bool gru4rec_baseline_has_option(gru4rec_baseline_kind kind, const char *option)
{
    const char *name = table[kind]->name;
    for (; *name != '\0'; name++, option++)
        if (*option != (*name == '-' ? '_' : *name))
            return false;
    return *option == '_';
}

bool gru4rec_baseline_is_asked(const gru4rec_options *options, gru4rec_baseline_kind kind)
{
    return (options->baselines >> kind & 1) != 0;
}

/* ---- fitting ---- */

/*
 * Returns the fields with which the struct of a baseline begins: its method, copies of
 * options and data, and the sizes. The sizes of the sessions are 0 if the method does not
 * need sessions, or there are none. Allocates nothing; the allocator and the arena are
 * zero.
 */
static gru4rec_baseline sized(gru4rec_baseline_kind kind, const gru4rec_options *options,
                              const gru4rec_baseline_data *data)
{
    const gru4rec_dataset *sessions = data->sessions;
    gru4rec_baseline b = {.method = table[kind],
                          .options = *options,
                          .data = *data,
                          .n_items = (size_t)data->n_items};
    if (!b.method->needs_sessions || sessions == NULL)
        return b;
    b.n_sessions = (size_t)sessions->n_sessions;
    b.n_events = (size_t)sessions->n_events;
    for (int64_t s = 0; s < sessions->n_sessions; s++)
        b.longest =
            G4R_MAX(b.longest, (size_t)(sessions->offsets[s + 1] - sessions->offsets[s]));
    return b;
}

size_t gru4rec_baseline_bytes(gru4rec_baseline_kind kind, const gru4rec_options *options,
                              const gru4rec_baseline_data *data)
{
    union { /* room for the struct of any method, so that layout can be measured */
        gru4rec_baseline part;
        char room[8192];
    } b = {.part = sized(kind, options, data)};
    const g4r_baseline_method *method = b.part.method;
    g4r_arena kept = {0}, scratch = {0};
    assert(method->bytes <= sizeof b);
    method->layout(&b.part, &kept, &scratch);
    /* Sorting the sessions takes this, which only some methods do; it counts for all. */
    const size_t sorting = g4r_mul(b.part.n_sessions, sizeof(uint32_t));
    return g4r_add(g4r_add(method->bytes, g4r_arena_bytes(&kept)),
                   g4r_add(g4r_arena_bytes(&scratch), sorting));
}

/*
 * Checks that the sessions of training are there, with times, if the method needs them.
 * Returns OK, or INVALID with a message in *error if they are not.
 */
static gru4rec_status check_data(const gru4rec_baseline *b, gru4rec_error *error)
{
    const gru4rec_dataset *sessions = b->data.sessions;
    if (!b->method->needs_sessions || (sessions != NULL && sessions->times != NULL))
        return GRU4REC_OK;
    return g4r_fail(error, GRU4REC_INVALID,
                    "baseline %s needs the sessions of training with their times, "
                    "and there are none; give them, or use baselines=%s",
                    b->method->name, table[GRU4REC_POP]->name);
}

/*
 * Allocates the method's arrays in b->arena, and fits the method. Frees the arrays that
 * only fitting needs in any case; those of b->arena are freed with the baseline, also
 * after an error. Returns OK; or INTERRUPTED or NOMEM, with a message in *error.
 */
static gru4rec_status fit(gru4rec_baseline *b, g4r_stop_watch *watch,
                          gru4rec_error *error)
{
    g4r_arena scratch = {0};
    b->method->layout(b, &b->arena, &scratch);
    const size_t bytes = g4r_add(g4r_arena_bytes(&b->arena), g4r_arena_bytes(&scratch));
    bool is_ok = g4r_arena_allocate_scratch(&b->arena, &b->allocator) &&
                 g4r_arena_allocate_scratch(&scratch, &b->allocator);
    if (is_ok) {
        b->method->layout(b, &b->arena, &scratch);
        is_ok = b->method->fit(b, watch);
    }
    g4r_arena_free(&scratch, &b->allocator);
    if (watch->is_over)
        return g4r_fail(error, GRU4REC_INTERRUPTED, "interrupted");
    return is_ok ? GRU4REC_OK : g4r_fail_nomem(error, bytes);
}

gru4rec_status gru4rec_baseline_new(const gru4rec_allocator *allocator,
                                    gru4rec_baseline_kind kind,
                                    const gru4rec_options *options,
                                    const gru4rec_baseline_data *data,
                                    bool (*is_stopped)(void *), void *context,
                                    gru4rec_baseline **out, gru4rec_error *error)
{
    gru4rec_baseline part = sized(kind, options, data);
    g4r_stop_watch watch = {.stop = {is_stopped, context}};
    part.allocator = allocator != NULL ? *allocator : g4r_alloc_libc;
    *out = NULL;
    gru4rec_status status = check_data(&part, error);
    if (status != GRU4REC_OK)
        return status;
    gru4rec_baseline *b = g4r_alloc(&part.allocator, 1, part.method->bytes);
    if (b == NULL)
        return g4r_fail_nomem(error, part.method->bytes);
    *b = part;
    status = fit(b, &watch, error);
    b->data.support = NULL;
    b->data.sessions = NULL;
    if (status == GRU4REC_OK)
        *out = b;
    else
        gru4rec_baseline_free(b);
    return status;
}

size_t gru4rec_baseline_size(const gru4rec_baseline *b)
{
    return b->method->bytes + g4r_arena_bytes(&b->arena);
}

void gru4rec_baseline_free(gru4rec_baseline *b)
{
    if (b == NULL)
        return;
    gru4rec_allocator allocator = b->allocator;
    g4r_arena_free(&b->arena, &allocator);
    g4r_alloc_free(&allocator, b);
}
