/*
 * ext_compare.c - gru4rec_compare(a, b, source [, options]): compares a model with a
 * baseline, with its own network or with another model; see ext_tools.h.
 *
 * The table has a row for each segment, measure and cut-off. Rows of a segment without an
 * event are left out. The whole comparison happens before the first row.
 * - If b is a baseline, b is fitted on the sessions that a was trained on, and one
 *   evaluation measures both.
 * - If b is 'gru4rec-network', one evaluation measures a, whose version must blend, and
 *   the network of a without the blend.
 * - If b is a model, the source is read once for both models. Each model is measured on
 *   the sessions that its own options make of the events, and the library finds the
 *   targets that both have.
 * Views and triggers cannot use the table, because it runs SQL that is given as text.
 */
#include "ext_tools.h"

#include <string.h>

enum {
    MEASURE,
    K,
    MEAN_A,
    MEAN_B,
    DIFFERENCE,
    LOW,
    HIGH,
    P,
    WINS,
    LOSSES,
    TIES,
    EVENTS,
    SESSIONS,
    SKIPPED,
    WARNINGS,
    SEGMENT,
    N_COLUMNS
};
enum { A, B, SOURCE, OPTIONS, N_ARGUMENTS };

typedef struct compare_cursor {
    ext_cursor base;
    gru4rec_difference *differences; /* (n) owned; of sqlite3_malloc */
    size_t n;
    int64_t n_skipped; /* test events that do not count: n_unknown + n_unpaired */
    char *warnings;    /* what the user must know of the figures; NULL: nothing */
} compare_cursor;

/*
 * What one call of gru4rec_compare() works with. All zero at first. start() frees it by
 * free_call() before the first row is given.
 */
typedef struct compare_call {
    ext_home homes[2]; /* of a; and of b, which is zero unless b is a model */
    ext_budget budget;
    /*
     * The measurements of a and b; sides[1] is not measured unless b is a model. Their
     * tests, baselines and fingerprints are in the budget.
     */
    ext_measurement sides[2];
    /* False: b is a model. True: b is a method that is measured together with a. */
    bool is_method;
    /*
     * The method that the name of b means: a gru4rec_baseline_kind, NETWORK or NO_METHOD.
     * Used only if is_method is true, and then never NO_METHOD.
     */
    int kind;
    /*
     * The places of the targets in the rankings, of each side that is measured (place());
     * in the budget. NULL: that side is not measured. A method b is measured in
     * places[0], behind a.
     */
    int32_t *places[2];
    int64_t n_unknown;  /* events whose item a, or a model b, does not know */
    int64_t n_unpaired; /* targets that do not count, though both know the items */
} compare_call;

static void stop(ext_cursor *base)
{
    compare_cursor *cursor = (compare_cursor *)base;
    sqlite3_free(cursor->differences);
    sqlite3_free(cursor->warnings);
    cursor->differences = NULL;
    cursor->warnings = NULL;
    cursor->n = 0;
}

/* ---- what is compared ---- */

/*
 * Methods that are no baseline, numbered behind the baselines (gru4rec_baseline_kind):
 * the network alone of a version that blends; and the answer that a name is no method.
 */
enum { NETWORK = GRU4REC_N_BASELINES, NO_METHOD };

/*
 * Returns the method of that name: a gru4rec_baseline_kind; NETWORK for
 * "gru4rec-network"; NO_METHOD if there is none. Upper and lower case count as equal.
 */
static int find_method(const char *name)
{
    int kind = 0;
    while (kind < GRU4REC_N_BASELINES &&
           sqlite3_stricmp(name, gru4rec_baseline_name((gru4rec_baseline_kind)kind)) != 0)
        kind++;
    if (kind < GRU4REC_N_BASELINES)
        return kind;
    return sqlite3_stricmp(name, "gru4rec-network") == 0 ? NETWORK : NO_METHOD;
}

/*
 * Sets the error that the argument b names neither a model nor a method, and returns its
 * code: SQLITE_ERROR. The message lists the baselines and 'gru4rec-network'.
 */
static int fail_name(const char *name, ext_error *error)
{
    sqlite3_str *all = sqlite3_str_new(NULL);
    for (int kind = 0; kind < GRU4REC_N_BASELINES; kind++)
        sqlite3_str_appendf(all, "%s%s", kind > 0 ? ", " : "",
                            gru4rec_baseline_name((gru4rec_baseline_kind)kind));
    char *names = sqlite3_str_finish(all);
    if (names == NULL)
        return ext_error_nomem(error);
    ext_error_set(error, SQLITE_ERROR,
                  "'%s' is neither a model nor a baseline; the baselines are %s, "
                  "and 'gru4rec-network' is the network of a version that blends",
                  ext_show_text(&(ext_show){""}, name), names);
    sqlite3_free(names);
    return error->rc;
}

/*
 * Finds out whether the argument b (value) names a model, or a method that is measured
 * together with a (a baseline, or the network of a). Sets call->is_method and call->kind.
 * If a model and a method have the same name, b means the model; "baseline:" before the
 * name makes b mean the method. The model itself is not acquired here. SQLITE_ERROR: b is
 * neither.
 */
static int find_b(compare_call *call, sqlite3_value *value, const ext_home *own,
                  ext_error *error)
{
    static const char prefix[] = "baseline:";
    const int n = (int)strlen(prefix);
    const char *name;
    ext_name room;
    ext_home home = {0};
    bool is_found = false;
    int rc = ext_value_name(&name, &room, value, error);
    if (rc != SQLITE_OK)
        return rc;
    const bool has_prefix = sqlite3_strnicmp(name, prefix, n) == 0;
    if (!has_prefix)
        rc = ext_schema_find(&home, own->db, own->connection, name, &is_found, error);
    ext_home_clear(&home);
    call->kind = find_method(has_prefix ? name + n : name);
    call->is_method = !is_found;
    return rc == SQLITE_OK && !is_found && call->kind == NO_METHOD
               ? fail_name(name, error)
               : rc;
}

/*
 * Returns the baselines that are measured, as a set of bits 1 << kind: the bit of b if b
 * is a baseline; else 0.
 */
static int64_t baselines_of(const compare_call *call)
{
    return call->is_method && call->kind != NETWORK ? (int64_t)1 << call->kind : 0;
}

/*
 * Refuses options that mean nothing in a comparison, or nothing for this b: version;
 * baselines; version_b, if b is not a model; candidates that are drawn, if b is a model;
 * an option of a baseline that is not b. SQLITE_ERROR: such an option is set; the message
 * says what to write instead.
 */
static int check_options(const compare_call *call, ext_error *error)
{
    const gru4rec_options *options = &call->sides[0].options;
    if (ext_options_is_set(options, "version"))
        return ext_error_set(error, SQLITE_ERROR,
                             "two versions are compared; say version_a or version_b "
                             "instead of version");
    if (ext_options_is_set(options, "baselines"))
        return ext_error_set(error, SQLITE_ERROR,
                             "the baseline is the second argument here; write "
                             "gru4rec_compare('model', 'vs-knn', 'table')");
    if (call->is_method && ext_options_is_set(options, "version_b"))
        return ext_error_set(error, SQLITE_ERROR,
                             call->kind == NETWORK
                                 ? "the network is that of the version of a; "
                                   "leave out version_b"
                                 : "a baseline has no versions, "
                                   "but is fitted for the version of a; "
                                   "leave out version_b");
    if (!call->is_method && options->candidates > 0)
        return ext_error_set(error, SQLITE_ERROR,
                             "candidates=sample=N would draw different items "
                             "for the two models, which is not a fair comparison; "
                             "list the items, as in candidates=[17,42], "
                             "or rank all items");
    if (ext_uses_check(options, &call->sides[0].columns,
                       EXT_USES_MEASURES | EXT_USES_SEGMENT | EXT_USES_LISTS |
                           EXT_USES_SEED | EXT_USES_MEMORY | EXT_USES_COLUMNS,
                       "gru4rec_compare()", "leave it out", error) != SQLITE_OK)
        return error->rc;
    return ext_fit_check_options(options, baselines_of(call), "compare with it", error);
}

/*
 * Checks that a is not compared with itself. SQLITE_ERROR: b is the network of a, and the
 * version of a does not blend, so that a is nothing but its network. Any other b passes.
 * The version of a must be held.
 */
static int check_network(const compare_call *call, ext_error *error)
{
    const ext_measurement *a = &call->sides[0];
    if (!call->is_method || call->kind != NETWORK || ext_measure_blends(a))
        return SQLITE_OK;
    return ext_error_set(error, SQLITE_ERROR,
                         "'gru4rec-network' is the network of a version that blends, "
                         "and version %lld of model '%s' does not blend; "
                         "train it with option blend, or give a model or a baseline",
                         (long long)a->model->version, call->homes[0].name);
}

/*
 * Prepares everything that is to be measured:
 * 1. Reads the options, finds out what b is (find_b()), and checks the options.
 * 2. Acquires the version of a and, if b is a model, that of b; starts the budget by the
 *    limit of a.
 * 3. Reads the test events, for both if b is a model. Looks for sessions of the test that
 *    a, or the model b, was trained on.
 * 4. If b is a baseline, fits it on the sessions that a was trained on.
 * Sets call->n_unknown to the number of test events whose item a, or a model b, does not
 * know. After a failure the caller calls free_call(), as after success.
 */
static int read_call(compare_call *call, const ext_cursor *base, const char *source,
                     ext_error *error)
{
    ext_measurement *a = &call->sides[0], *b = &call->sides[1];
    const ext_home *own = ext_table_home(base);
    const char *text;
    gru4rec_options *options = &a->options;
    gru4rec_options_init(options);
    if (ext_value_text(&text, base->arguments[OPTIONS], "the options", error) !=
            SQLITE_OK ||
        ext_options_parse(own->db, text,
                          (gru4rec_option_scope)(GRU4REC_SCOPE_EVALUATE |
                                                 GRU4REC_SCOPE_COMPARE),
                          options, &a->columns, error) != SQLITE_OK ||
        find_b(call, base->arguments[B], own, error) != SQLITE_OK ||
        check_options(call, error) != SQLITE_OK)
        return error->rc;
    b->options = *options;
    a->finds_leaks = b->finds_leaks = true;
    const ext_choice choice_a = ext_choice_of_option(options->version_a);
    const ext_choice choice_b = ext_choice_of_option(options->version_b);
    int rc = ext_measure_hold(a, &call->homes[0], own->connection, base->arguments[A],
                              &choice_a, error);
    if (rc == SQLITE_OK && !call->is_method)
        rc = ext_measure_hold(b, &call->homes[1], own->connection, base->arguments[B],
                              &choice_b, error);
    if (rc == SQLITE_OK)
        rc = check_network(call, error);
    if (rc != SQLITE_OK)
        return rc;
    ext_budget_start(&call->budget, ext_measure_limit(a));
    if (!call->is_method)
        return ext_measure_read_pair(call->sides, &call->budget, call->homes, source,
                                     &call->n_unknown, error);
    options->baselines = baselines_of(call);
    rc = ext_measure_read(a, &call->budget, &call->homes[0], source, error);
    call->n_unknown = rc == SQLITE_OK ? a->test.dataset->n_unknown : 0;
    return rc == SQLITE_OK ? ext_fit_baselines(a, &call->budget, &call->homes[0], error)
                           : rc;
}

/* ---- comparing ---- */

/*
 * Measures one side (0: a, with a method b; 1: a model b), only to get the places of its
 * targets; the metrics are thrown away. *places: out, (ext_measure_methods() of the side,
 * events of its test), as in gru4rec_evaluation; memory of the budget, which free_call()
 * frees, also after a failure.
 */
static int place(compare_call *call, int side, int32_t **places, ext_error *error)
{
    ext_measurement *request = &call->sides[side];
    const gru4rec_allocator *memory = &call->budget.allocator;
    const size_t n_events = (size_t)request->test.dataset->n_events;
    const size_t n = n_events * ext_measure_methods(request);
    *places = memory->resize(memory->context, NULL, (n + 1) * sizeof **places);
    gru4rec_metrics *metrics =
        sqlite3_malloc64(ext_measure_count(request) * sizeof *metrics);
    if (*places == NULL || metrics == NULL)
        ext_error_nomem(error);
    request->places = *places;
    if (error->rc == SQLITE_OK)
        ext_measure_run(request, &call->budget, call->homes[0].db, metrics, error);
    sqlite3_free(metrics);
    return error->rc;
}

/*
 * Returns side 0 (a) or 1 (b) in the form that gru4rec_compare() reads. The side must
 * have been measured (place()). The pointers are borrowed from call.
 */
static gru4rec_side side_of(const compare_call *call, int side)
{
    const ext_measurement *request = &call->sides[side];
    return (gru4rec_side){.items = request->model->loaded.items,
                          .test = request->test.dataset,
                          .places = call->places[side]};
}

/*
 * Lets the library compare the places of a and b: fills in cursor->differences and
 * call->n_unpaired. If b is a method, its places stand in call->places[0] behind those of
 * a: the network's are the second row, a baseline's the last.
 */
static int compare(compare_cursor *cursor, compare_call *call, ext_error *error)
{
    const gru4rec_options *options = &call->sides[0].options;
    const gru4rec_side a = side_of(call, 0);
    gru4rec_side b = call->is_method ? a : side_of(call, 1);
    if (call->is_method) {
        const size_t method =
            call->kind == NETWORK ? 1 : ext_measure_methods(&call->sides[0]) - 1;
        b.places = a.places + method * (size_t)a.test->n_events;
    }
    ext_poll poll;
    const gru4rec_hooks hooks = {.poll = ext_measure_poll, .context = &poll};
    gru4rec_error message = {0};
    ext_poll_start(&poll, call->homes[0].db);
    const gru4rec_status status =
        gru4rec_compare(&call->budget.allocator, &a, &b, options, &hooks,
                        cursor->differences, &call->n_unpaired, &message);
    ext_poll_stop(&poll);
    return ext_error_library(error, status, &message);
}

/*
 * Appends to the warnings of side a: that there was no event to compare; that a and a
 * model b cut sessions by another session_gap; all warnings of a
 * (ext_measure_warn_all()); and those of b, after "of b: ". Each only if it applies.
 * first: the first row that the table gives.
 */
static int warn(compare_call *call, const gru4rec_difference *first, ext_error *error)
{
    ext_measurement *a = &call->sides[0], *b = &call->sides[1];
    const double gap = a->model->loaded.options.session_gap;
    if (first->events == 0)
        ext_measure_warn(a, error,
                         "there was no event to compare: a session needs two events of "
                         "items that both know");
    if (!call->is_method && b->model->loaded.options.session_gap != gap)
        ext_measure_warn(a, error,
                         "sessions were cut as for a, with session_gap=%.15g; "
                         "b has session_gap=%.15g",
                         gap, b->model->loaded.options.session_gap);
    ext_measure_warn_all(a, true, error);
    if (!call->is_method)
        ext_measure_warn_of_leaks(b, error);
    if (b->warnings != NULL)
        ext_measure_warn(a, error, "of b: %s", b->warnings);
    return error->rc;
}

/*
 * Moves the rows that are shown (ext_measure_is_shown()) to the front, in their order,
 * and returns how many these are. If no row is shown, moves nothing and returns n.
 */
static size_t leave_out_empty(gru4rec_difference *differences, size_t n)
{
    size_t n_left = 0;
    for (size_t i = 0; i < n; i++)
        if (ext_measure_is_shown(differences[i].segment, differences[i].events))
            differences[n_left++] = differences[i];
    return n_left > 0 ? n_left : n;
}

/*
 * Measures a and b, compares them, and collects the warnings. Fills in the cursor: its
 * rows (without those of empty segments), n_skipped, and the warnings, which it moves out
 * of side a. If measuring or comparing fails, cursor->n is 0.
 */
static int compute(compare_cursor *cursor, compare_call *call, ext_error *error)
{
    ext_measurement *a = &call->sides[0];
    const size_t n = gru4rec_compare_count(&a->options);
    cursor->differences = sqlite3_malloc64(n * sizeof *cursor->differences);
    if (cursor->differences == NULL)
        return ext_error_nomem(error);
    int rc = place(call, 0, &call->places[0], error);
    if (rc == SQLITE_OK && !call->is_method)
        rc = place(call, 1, &call->places[1], error);
    if (rc == SQLITE_OK)
        rc = compare(cursor, call, error);
    ext_budget_explain(&call->budget, "comparing the two",
                       "use fewer events or shorter lists (cutoffs)", error);
    if (rc != SQLITE_OK)
        return error->rc;
    cursor->n = leave_out_empty(cursor->differences, n);
    cursor->n_skipped = call->n_unknown + call->n_unpaired;
    rc = warn(call, cursor->differences, error);
    cursor->warnings = a->warnings;
    a->warnings = NULL;
    return rc;
}

/*
 * Frees all that the call owns: the places, both measurements with their holds, and the
 * homes.
 */
static void free_call(compare_call *call)
{
    const gru4rec_allocator *memory = &call->budget.allocator;
    for (int side = 0; side < 2; side++) {
        if (call->places[side] != NULL)
            memory->resize(memory->context, call->places[side], 0);
        ext_measure_free(&call->sides[side]);
        ext_home_clear(&call->homes[side]);
    }
}

static int start(ext_cursor *base, int idx_num, sqlite3_value **argv, ext_error *error)
{
    compare_cursor *cursor = (compare_cursor *)base;
    compare_call call = {0};
    const char *source;
    (void)idx_num;
    (void)argv;
    int rc = ext_value_text(&source, base->arguments[SOURCE], "the source", error);
    if (rc == SQLITE_OK &&
        (source == NULL || sqlite3_value_type(base->arguments[B]) == SQLITE_NULL))
        rc = ext_table_usage(base, error);
    if (rc == SQLITE_OK)
        rc = read_call(&call, base, source, error);
    if (rc == SQLITE_OK)
        rc = compute(cursor, &call, error);
    free_call(&call);
    base->is_eof = cursor->n == 0;
    return rc;
}

static int next(ext_cursor *base, ext_error *error)
{
    (void)error;
    base->is_eof = base->row >= (int64_t)((compare_cursor *)base)->n;
    return SQLITE_OK;
}

static void column(const ext_cursor *base, sqlite3_context *context, int i)
{
    const compare_cursor *cursor = (const compare_cursor *)base;
    const gru4rec_difference *d = &cursor->differences[base->row];
    const double reals[] = {d->a, d->b, d->difference, d->low, d->high, d->p};
    const int64_t integers[] = {d->wins,   d->losses,   d->ties,
                                d->events, d->sessions, cursor->n_skipped};
    if (i == MEASURE)
        sqlite3_result_text(context, d->measure, -1, SQLITE_STATIC);
    else if (i == K)
        sqlite3_result_int64(context, d->k);
    else if (i == WARNINGS)
        sqlite3_result_text(context, cursor->warnings, -1, SQLITE_TRANSIENT);
    else if (i == SEGMENT)
        sqlite3_result_text(context, d->segment, -1, SQLITE_STATIC);
    else if (i < WINS)
        sqlite3_result_double(context, reals[i - MEAN_A]); /* SQLite makes NAN NULL */
    else
        sqlite3_result_int64(context, integers[i - WINS]);
}

static const ext_table_argument arguments[N_ARGUMENTS] = {
    [A] = {"model_a", "model_a = 'rec'"},
    [B] = {"model_b", "model_b = 'vs-knn'"},
    [SOURCE] = {"source", "source = 'clicks'"},
    [OPTIONS] = {"options", "options = 'cutoffs=20'"},
};

const ext_table_function ext_compare = {
    .name = "gru4rec_compare",
    .declaration = "CREATE TABLE x(measure TEXT, k INTEGER, a REAL, b REAL, "
                   "difference REAL, low REAL, high REAL, p REAL, wins INTEGER, "
                   "losses INTEGER, ties INTEGER, events INTEGER, sessions INTEGER, "
                   "skipped INTEGER, warnings TEXT, segment TEXT, "
                   "model_a BLOB HIDDEN, model_b BLOB HIDDEN, source BLOB HIDDEN, "
                   "options BLOB HIDDEN)",
    .trust = SQLITE_VTAB_DIRECTONLY,
    .cursor_bytes = sizeof(compare_cursor),
    .n_columns = N_COLUMNS,
    .n_arguments = N_ARGUMENTS,
    .arguments = arguments,
    .n_needed = SOURCE + 1,
    .usage = "needs a model, another one or a baseline, and a source of test events; "
             "write gru4rec_compare('model', 'vs-knn', 'table')",
    .n_rows = 12,
    .cost = 2e9,
    .start = start,
    .next = next,
    .column = column,
    .stop = stop,
};
