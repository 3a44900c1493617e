/*
 * ext_report_titles.c - the titles of the items that a report names; see ext_report.h.
 *
 * The query of the option titles runs once, and only the titles that are wanted are kept.
 */
#include "ext_report.h"

#include <stdlib.h>
#include <string.h>

static int compare_rows(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Returns a copy of a title, with at most 120 characters. NULL: there is no memory. */
static char *shorten(const char *text)
{
    char *begin = sqlite3_mprintf("%!.120s", text);
    return begin != NULL && strlen(begin) < strlen(text) ? sqlite3_mprintf("%z…", begin)
                                                         : begin;
}

/* Keeps the title of an item, if it is wanted and the item has none yet. */
static int take(void *context, int32_t row, const char *text, ext_error *error)
{
    ext_report_titles *titles = context;
    const int32_t *place =
        bsearch(&row, titles->rows.rows, titles->rows.n, sizeof row, compare_rows);
    char **title = place != NULL ? &titles->texts[place - titles->rows.rows] : NULL;
    if (title == NULL || *title != NULL)
        return SQLITE_OK;
    *title = shorten(text);
    return *title != NULL ? SQLITE_OK : ext_error_nomem(error);
}

int ext_report_titles_read(ext_report_titles *titles, const ext_plot_request *request,
                           const gru4rec_items *items, ext_error *error)
{
    const size_t n_bytes = (titles->rows.n + 1) * sizeof *titles->texts;
    ext_rows_sort(&titles->rows);
    titles->texts = sqlite3_malloc64(n_bytes);
    if (titles->texts == NULL)
        return ext_error_nomem(error);
    memset(titles->texts, 0, n_bytes);
    return ext_plot_texts_read(request, "titles", request->columns.titles, items, take,
                               titles, error);
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
