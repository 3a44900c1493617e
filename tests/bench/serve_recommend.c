/*
 * serve_recommend.c - a statement that is asked again and again, each time for the next of
 * some histories; see serve.h.
 */
#include "serve.h"

#include <stdlib.h>

void serve_recommend_open(serve_recommend *r, sqlite3 *db, char *sql)
{
    *r = (serve_recommend){.stmt = serve_prepare(db, sql)};
}

void serve_recommend_close(serve_recommend *r)
{
    sqlite3_finalize(r->stmt);
    for (int i = 0; i < SERVE_TEXTS; i++) {
        free(r->histories[i]);
        free(r->candidates[i]);
    }
}

void serve_recommend_run(void *context)
{
    serve_recommend *r = context;
    size_t i = r->next++ % SERVE_TEXTS;
    sqlite3_bind_text(r->stmt, 1, r->histories[i], -1, SQLITE_STATIC);
    if (r->candidates[i] != NULL)
        sqlite3_bind_text(r->stmt, 2, r->candidates[i], -1, SQLITE_STATIC);
    while (serve_step(r->stmt))
        r->sum +=
            (double)sqlite3_column_int64(r->stmt, 0) + sqlite3_column_double(r->stmt, 1);
    sqlite3_reset(r->stmt);
}
