/*
 * ext_plot_texts.c - texts of items, such as titles, by a query of the user's; see
 * ext_plot.h.
 */
#include "ext_plot.h"

/* Prepares the query: all columns of it, of which there must be two. */
static int prepare(sqlite3_stmt **stmt, const ext_plot_request *request,
                   const char *option, const char *query, ext_error *error)
{
    char before[60];
    ext_error cause = {0};
    *stmt = NULL;
    char *from = ext_select_is(query) ? ext_select_subquery(query)
                                      : sqlite3_mprintf("\"%w\"", query);
    if (from == NULL)
        return ext_error_nomem(error);
    int rc = ext_sql_prepare(request->home.db, stmt, &cause, "SELECT * FROM %s", from);
    sqlite3_free(from);
    sqlite3_snprintf(sizeof before, before, "option %s: ", option);
    if (rc != SQLITE_OK)
        return ext_error_wrap(error, &cause, before, "");
    const int n = sqlite3_column_count(*stmt);
    return n == 2 ? SQLITE_OK
                  : ext_error_set(error, SQLITE_ERROR,
                                  "option %s has %d column%s; give two, the item and a "
                                  "text, as {\"%s\":\"SELECT id, name FROM products\"}",
                                  option, n, n == 1 ? "" : "s", option);
}

/* Gives the present row to take, if its item is known and its text is not empty. */
static int take_row(sqlite3_stmt *stmt, const gru4rec_items *items,
                    ext_plot_texts_taker *take, void *context, ext_error *error)
{
    gru4rec_id id;
    if (!ext_value_item_column(stmt, 0, &id))
        return ext_value_is_short(&id) ? ext_error_nomem(error) : SQLITE_OK;
    const int32_t row = gru4rec_items_find(items, &id);
    const char *text = (const char *)sqlite3_column_text(stmt, 1);
    return row >= 0 && text != NULL && *text != '\0' ? take(context, row, text, error)
                                                     : SQLITE_OK;
}

int ext_plot_texts_read(const ext_plot_request *request, const char *option,
                        const char *query, const gru4rec_items *items,
                        ext_plot_texts_taker *take, void *context, ext_error *error)
{
    sqlite3_stmt *stmt;
    char what[40];
    if (query == NULL)
        return SQLITE_OK;
    int rc = prepare(&stmt, request, option, query, error);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = take_row(stmt, items, take, context, error);
    sqlite3_snprintf(sizeof what, what, "option %s", option);
    return ext_sql_finish(stmt, rc, what, error);
}
