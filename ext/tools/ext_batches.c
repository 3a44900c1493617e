/*
 * ext_batches.c - gru4rec_batches(source, batch_size [, options]): the session-parallel
 * schedule of one epoch as a table (algorithm 2); see ext_int.h.
 *
 * 1. Rows are (step, lane, session, input, target, reset), steps from 1, lanes from 0;
 *    reset is 1 where the lane begins a session, so that its hidden state is zero
 *    before this step.
 * 2. options: session, item and time name the source's columns; n_sample says whether
 *    an epoch ends when one lane is left (0) or goes on to the last event (above 0, the
 *    default).
 */
#include "../base/ext_base.h"

#include <string.h>

enum { STEP, LANE, SESSION, INPUT, TARGET, RESET, FIRST_ARGUMENT };
enum { SOURCE, BATCH_SIZE, OPTIONS, N_ARGUMENTS };

typedef struct batches_cursor {
    sqlite3_vtab_cursor base;
    sqlite3_value *arguments[N_ARGUMENTS];
    ext_events events;
    gru4rec_schedule *schedule;
    gru4rec_lanes lanes;
    sqlite3_int64 step, rowid;
    uint64_t hash; /* of the arguments */
    int32_t lane;
    bool is_eof;
} batches_cursor;

static int connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                   sqlite3_vtab **out, char **message)
{
    (void)argc;
    (void)argv;
    (void)message;
    (void)db;
    return ext_connect_table(
        aux,
        "CREATE TABLE x(step INTEGER, lane INTEGER, session, input, "
        "target, reset INTEGER, "
        "source BLOB HIDDEN, batch_size BLOB HIDDEN, options BLOB HIDDEN)",
        SQLITE_VTAB_DIRECTONLY, out);
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    (void)base;
    int n_argv = 0;
    int rc = ext_plan_arguments(info, FIRST_ARGUMENT, N_ARGUMENTS, &n_argv);
    const int needed = 1 << SOURCE | 1 << BATCH_SIZE;
    info->estimatedRows = 1000000;
    info->estimatedCost = (info->idxNum & needed) == needed ? 1e7 : 1e50;
    info->orderByConsumed = info->nOrderBy > 0 && info->aOrderBy[0].iColumn == STEP &&
                            !info->aOrderBy[0].desc &&
                            (info->nOrderBy == 1 ||
                             (info->nOrderBy == 2 && info->aOrderBy[1].iColumn == LANE &&
                              !info->aOrderBy[1].desc));
    return rc;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    (void)base;
    return ext_open_cursor(sizeof(batches_cursor), out);
}

static void stop(batches_cursor *cursor)
{
    gru4rec_schedule_free(cursor->schedule);
    ext_events_free(&cursor->events);
    cursor->schedule = NULL;
    cursor->is_eof = true;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    batches_cursor *cursor = (batches_cursor *)base;
    stop(cursor);
    ext_drop_arguments(cursor->arguments, N_ARGUMENTS);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int start(batches_cursor *cursor, sqlite3 *db, ext_error *error)
{
    sqlite3_value **arguments = cursor->arguments;
    gru4rec_options options;
    ext_columns columns = {0};
    ext_source source = {0};
    const char *text = ext_argument_text(arguments[SOURCE]);
    const char *batch_size = ext_argument_text(arguments[BATCH_SIZE]);
    const char *given = ext_argument_text(arguments[OPTIONS]);
    if (text == NULL || batch_size == NULL)
        return ext_fail(
            error, SQLITE_ERROR,
            "gru4rec_batches() needs a source of events and a batch size; write "
            "gru4rec_batches('table', 32)");
    gru4rec_options_init(&options);
    int rc = ext_options_set("batch_size", batch_size, GRU4REC_SCOPE_TRAIN, &options,
                             &columns, error);
    if (rc == SQLITE_OK && given != NULL)
        rc = ext_options_parse(db, given, GRU4REC_SCOPE_TRAIN, &options, &columns, error);
    if (rc == SQLITE_OK)
        rc = ext_options_resolve(&options, error);
    if (rc == SQLITE_OK)
        rc = ext_source_open(db, "main", text, &columns, &source, error);
    if (rc == SQLITE_OK)
        rc = ext_source_read(db, &source, NULL, &options, &cursor->events, error);
    if (rc == SQLITE_OK &&
        gru4rec_schedule_new(&ext_allocator, cursor->events.dataset, &options,
                             &cursor->schedule) != GRU4REC_OK)
        rc = ext_fail_nomem(error);
    ext_source_close(&source);
    ext_columns_free(&columns);
    if (rc == SQLITE_OK)
        cursor->is_eof = !gru4rec_schedule_next(cursor->schedule, &cursor->lanes);
    return rc;
}

static int filter(sqlite3_vtab_cursor *base, int mask, const char *plan, int argc,
                  sqlite3_value **argv)
{
    batches_cursor *cursor = (batches_cursor *)base;
    ext_error error = {0};
    (void)plan;
    (void)argc;
    stop(cursor);
    cursor->step = 1;
    cursor->rowid = 1;
    cursor->lane = 0;
    if (ext_keep_arguments(cursor->arguments, N_ARGUMENTS, &argv, mask) != SQLITE_OK)
        return SQLITE_NOMEM;
    cursor->hash = ext_hash_values(cursor->arguments, N_ARGUMENTS);
    start(cursor, ((ext_table *)base->pVtab)->connection->db, &error);
    return ext_error_vtab(&error, base->pVtab);
}

static int next(sqlite3_vtab_cursor *base)
{
    batches_cursor *cursor = (batches_cursor *)base;
    cursor->rowid++;
    if (++cursor->lane < cursor->lanes.n)
        return SQLITE_OK;
    cursor->lane = 0;
    cursor->step++;
    cursor->is_eof = !gru4rec_schedule_next(cursor->schedule, &cursor->lanes);
    return SQLITE_OK;
}

static int eof(sqlite3_vtab_cursor *base)
{
    return ((batches_cursor *)base)->is_eof;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int i)
{
    const batches_cursor *cursor = (batches_cursor *)base;
    const gru4rec_lanes *lanes = &cursor->lanes;
    gru4rec_id id;
    switch (i) {
    case STEP:
        sqlite3_result_int64(context, cursor->step);
        break;
    case LANE:
        sqlite3_result_int(context, cursor->lane);
        break;
    case SESSION:
        gru4rec_events_session(cursor->events.builder, lanes->session[cursor->lane], &id);
        ext_result_id(context, &id);
        break;
    case INPUT:
    case TARGET:
        gru4rec_items_get(cursor->events.items,
                          (i == INPUT ? lanes->input : lanes->target)[cursor->lane], &id);
        ext_result_id(context, &id);
        break;
    case RESET:
        sqlite3_result_int(context, lanes->from[cursor->lane] < 0);
        break;
    default:
        ext_result_argument(context, cursor->arguments[i - FIRST_ARGUMENT]);
        break;
    }
    return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *id)
{
    const batches_cursor *cursor = (batches_cursor *)base;
    *id = ext_rowid(cursor->hash, cursor->rowid);
    return SQLITE_OK;
}

int ext_register_batches(ext_connection *connection, ext_error *error)
{
    static const sqlite3_module module = {
        .xConnect = connect,
        .xDisconnect = ext_disconnect_table,
        .xBestIndex = best_index,
        .xOpen = open_cursor,
        .xClose = close_cursor,
        .xFilter = filter,
        .xNext = next,
        .xEof = eof,
        .xColumn = column,
        .xRowid = rowid,
    };
    return ext_register_module(connection, "gru4rec_batches", &module, error);
}
