/*
 * ext_report_titles.c - the titles of the items that a report names; see ext_report.h.
 *
 * The query of the option titles runs once, and only the titles that are wanted are kept.
 */
#include "ext_report.h"

#include <stdlib.h>
#include <string.h>

/* Prepares the query of the titles: all columns of a table, a view or a SELECT. */
static int prepare(sqlite3_stmt **stmt, const ext_plot_request *request, ext_error *error)
{
    const char *text = request->columns.titles;
    char *from =
        ext_select_is(text) ? ext_select_subquery(text) : sqlite3_mprintf("\"%w\"", text);
    int rc = from != NULL ? ext_sql_prepare(request->home.db, stmt, error,
                                            "SELECT * FROM %s", from)
                          : ext_error_nomem(error);
    sqlite3_free(from);
    if (rc == SQLITE_OK && sqlite3_column_count(*stmt) < 2)
        rc = ext_error_set(error, SQLITE_ERROR,
                           "titles has one column; it needs two, the id of an item and "
                           "its title: titles=(SELECT id, title FROM products)");
    return rc;
}

static int compare_rows(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/*
 * Returns a title with at most 120 characters, and frees text. NULL: there is no memory.
 */
static char *shorten(char *text)
{
    char *begin = sqlite3_mprintf("%!.120s", text);
    const bool is_cut = begin != NULL && strlen(begin) < strlen(text);
    sqlite3_free(text);
    return is_cut ? sqlite3_mprintf("%z…", begin) : begin;
}

/* Keeps the title of the present row, if it is wanted and the item has none yet. */
static int take(ext_report_titles *titles, sqlite3_stmt *stmt, const gru4rec_items *items,
                ext_error *error)
{
    gru4rec_id id;
    if (!ext_value_item_column(stmt, 0, &id))
        return ext_value_is_short(&id) ? ext_error_nomem(error) : SQLITE_OK;
    const int32_t row = gru4rec_items_find(items, &id);
    const int32_t *place = row < 0 ? NULL
                                   : bsearch(&row, titles->rows.rows, titles->rows.n,
                                             sizeof row, compare_rows);
    if (place == NULL || titles->texts[place - titles->rows.rows] != NULL ||
        sqlite3_column_type(stmt, 1) == SQLITE_NULL)
        return SQLITE_OK;
    char *text = ext_sql_text(stmt, 1);
    titles->texts[place - titles->rows.rows] = text != NULL ? shorten(text) : NULL;
    return titles->texts[place - titles->rows.rows] != NULL ? SQLITE_OK
                                                            : ext_error_nomem(error);
}

int ext_report_titles_read(ext_report_titles *titles, const ext_plot_request *request,
                           const gru4rec_items *items, ext_error *error)
{
    sqlite3_stmt *stmt;
    const size_t n_bytes = (titles->rows.n + 1) * sizeof *titles->texts;
    ext_rows_sort(&titles->rows);
    titles->texts = sqlite3_malloc64(n_bytes);
    if (titles->texts == NULL)
        return ext_error_nomem(error);
    memset(titles->texts, 0, n_bytes);
    if (request->columns.titles == NULL)
        return SQLITE_OK;
    int rc = prepare(&stmt, request, error);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = take(titles, stmt, items, error);
    return ext_sql_finish(stmt, rc, "option titles", error);
}

const char *ext_report_titles_find(const ext_report_titles *titles, int32_t row)
{
    const int32_t *place =
        bsearch(&row, titles->rows.rows, titles->rows.n, sizeof row, compare_rows);
    return place != NULL ? titles->texts[place - titles->rows.rows] : NULL;
}

void ext_report_titles_free(ext_report_titles *titles)
{
    for (size_t i = 0; titles->texts != NULL && i < titles->rows.n; i++)
        sqlite3_free(titles->texts[i]);
    sqlite3_free(titles->texts);
    ext_rows_free(&titles->rows);
    *titles = (ext_report_titles){0};
}
