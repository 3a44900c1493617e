/*
 * ext_batches.c - gru4rec_batches(source, batch_size [, options]): the session-parallel
 * schedule of one epoch as a table; see ext_tools.h.
 *
 * 1. A row is one lane of one step: (step, lane, session, input, target, reset). Steps
 *    count from 1, lanes from 0. input and target are ids of items: the lane's event, and
 *    the event that follows it in the session. reset is 1 if the lane begins a session at
 *    this step, so that its hidden state is zero before the step; else 0.
 * 2. The options session, item, time and order name the source's columns. With n_sample=0
 *    the epoch ends when fewer than two lanes are left; with n_sample above 0, the
 *    default, the epoch goes on to the last event.
 * 3. All events are read before the first row. The steps are made while the rows are
 *    read.
 */
#include "ext_tools.h"

enum { STEP, LANE, SESSION, INPUT, TARGET, RESET, N_COLUMNS };
enum { SOURCE, BATCH_SIZE, OPTIONS, N_ARGUMENTS };

typedef struct batches_cursor {
    ext_cursor base;
    /* Counts the memory of events and schedule, within the option memory_limit. */
    ext_budget budget;
    ext_events events;
    gru4rec_schedule *schedule;
    gru4rec_lanes lanes; /* the lanes of the current step */
    int64_t step;        /* number of the current step, from 1 */
    int32_t lane;
} batches_cursor;

static void stop(ext_cursor *base)
{
    batches_cursor *cursor = (batches_cursor *)base;
    gru4rec_schedule_free(cursor->schedule);
    cursor->schedule = NULL;
    ext_read_free(&cursor->events);
}

/*
 * Goes to the next step of the schedule: sets cursor->lanes, adds 1 to cursor->step, and
 * goes to lane 0. If there is no further step, sets is_eof.
 */
static void next_step(batches_cursor *cursor)
{
    cursor->lane = 0;
    cursor->step++;
    cursor->base.is_eof = !gru4rec_schedule_next(cursor->schedule, &cursor->lanes);
}

/*
 * Reads the argument batch_size as a text, which read_options() then reads as the option
 * batch_size. *text is borrowed from the argument or from show. A BLOB becomes the text
 * x'...', which the option refuses as no number, even if the bytes of the BLOB are
 * digits. SQLITE_ERROR: the argument is NULL, or a text with a NUL character.
 */
static int read_batch_size(const char **text, ext_show *show, const ext_cursor *base,
                           ext_error *error)
{
    sqlite3_value *value = base->arguments[BATCH_SIZE];
    if (sqlite3_value_type(value) == SQLITE_BLOB)
        *text = ext_show_value(show, value);
    else if (ext_value_text(text, value, "the batch size", error) == SQLITE_OK &&
             *text == NULL)
        ext_table_usage(base, error);
    return error->rc;
}

/*
 * Reads the arguments batch_size and options: sets *options to the defaults, with the
 * batch size and then the given options over them, resolved (ext_options_resolve()). Puts
 * the columns of the source that the options name into *columns, which the caller frees
 * by ext_options_free_columns(), also after a failure. SQLITE_ERROR: an option cannot be
 * used here.
 */
static int read_options(const ext_cursor *base, gru4rec_options *options,
                        ext_columns *columns, ext_error *error)
{
    const char *batch_size, *text;
    ext_show show;
    gru4rec_options_init(options);
    if (read_batch_size(&batch_size, &show, base, error) != SQLITE_OK ||
        ext_value_text(&text, base->arguments[OPTIONS], "the options", error) !=
            SQLITE_OK ||
        ext_options_set("batch_size", batch_size, GRU4REC_SCOPE_TRAIN, options, columns,
                        error) != SQLITE_OK ||
        ext_options_parse(ext_table_home(base)->db, text, GRU4REC_SCOPE_TRAIN, options,
                          columns, error) != SQLITE_OK)
        return error->rc;
    if (options->groups > 1)
        return ext_error_set(error, SQLITE_ERROR,
                             "gru4rec_batches() shows the lanes of one process; "
                             "leave groups out");
    if (ext_uses_check(options, columns,
                       EXT_USES_EVENTS | EXT_USES_BATCHES | EXT_USES_VISITS |
                           EXT_USES_MEMORY | EXT_USES_COLUMNS,
                       "gru4rec_batches()", "leave it out", error) != SQLITE_OK)
        return error->rc;
    return ext_options_resolve(options, error);
}

static int start(ext_cursor *base, int idx_num, sqlite3_value **argv, ext_error *error)
{
    batches_cursor *cursor = (batches_cursor *)base;
    const char *text;
    gru4rec_options options;
    ext_columns columns = {0};
    ext_source source = {0};
    (void)idx_num;
    (void)argv;
    int rc = ext_value_text(&text, base->arguments[SOURCE], "the source", error);
    if (rc == SQLITE_OK && text == NULL)
        rc = ext_table_usage(base, error);
    if (rc == SQLITE_OK)
        rc = read_options(base, &options, &columns, error);
    if (rc == SQLITE_OK) {
        ext_budget_start(&cursor->budget, options.memory_limit);
        rc = ext_source_open(&source, ext_table_home(base)->db, "main", text, &columns,
                             error);
    }
    if (rc == SQLITE_OK)
        rc = ext_read_events(&cursor->events, &cursor->budget, &source,
                             &(ext_reading){.options = &options}, error);
    ext_source_close(&source);
    ext_options_free_columns(&columns);
    if (rc == SQLITE_OK &&
        gru4rec_schedule_new(&cursor->budget.allocator, cursor->events.dataset, &options,
                             &cursor->schedule) != GRU4REC_OK) {
        ext_error_nomem(error);
        rc = ext_budget_explain(&cursor->budget, "the schedule",
                                "use fewer events or a smaller batch_size", error);
    }
    if (rc != SQLITE_OK)
        return rc;
    cursor->step = 0;
    next_step(cursor);
    return SQLITE_OK;
}

static int next(ext_cursor *base, ext_error *error)
{
    batches_cursor *cursor = (batches_cursor *)base;
    (void)error;
    if (++cursor->lane == cursor->lanes.n)
        next_step(cursor);
    return SQLITE_OK;
}

static void column(const ext_cursor *base, sqlite3_context *context, int i)
{
    const batches_cursor *cursor = (const batches_cursor *)base;
    const gru4rec_lanes *lanes = &cursor->lanes;
    const int32_t lane = cursor->lane;
    gru4rec_id id;
    switch (i) {
    case STEP:
        sqlite3_result_int64(context, cursor->step);
        break;
    case LANE:
        sqlite3_result_int(context, lane);
        break;
    case SESSION:
        gru4rec_events_session(cursor->events.builder, lanes->session[lane], &id);
        ext_value_result(context, &id);
        break;
    case INPUT:
        ext_value_result_item(context, cursor->events.items, lanes->input[lane]);
        break;
    case TARGET:
        ext_value_result_item(context, cursor->events.items, lanes->target[lane]);
        break;
    default:
        sqlite3_result_int(context, lanes->from[lane] < 0);
        break;
    }
}

static const ext_table_argument arguments[N_ARGUMENTS] = {
    [SOURCE] = {"source", "source = 'clicks'"},
    [BATCH_SIZE] = {"batch_size", "batch_size = 32"},
    [OPTIONS] = {"options", "options = 'n_sample=0'"},
};

const ext_table_function ext_batches = {
    .name = "gru4rec_batches",
    .declaration =
        "CREATE TABLE x(step INTEGER, lane INTEGER, session, input, target, "
        "reset INTEGER, source BLOB HIDDEN, batch_size BLOB HIDDEN, options BLOB HIDDEN)",
    .trust = SQLITE_VTAB_DIRECTONLY,
    .cursor_bytes = sizeof(batches_cursor),
    .n_columns = N_COLUMNS,
    .n_arguments = N_ARGUMENTS,
    .arguments = arguments,
    .n_needed = BATCH_SIZE + 1,
    .usage = "needs a source of events and a batch size; write "
             "gru4rec_batches('table', 32)",
    .n_ordered = LANE + 1,
    .n_rows = 1e6,
    .cost = 1e7,
    .start = start,
    .next = next,
    .column = column,
    .stop = stop,
};
