/*
 * ext_ranker.c - the ranking after one history; see ext_int.h.
 *
 * exclude_seen and candidates change the relation: ranks count what is left. A history
 * without a known item gets the items by support, basis 'popularity'.
 */
#include "ext_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_rows(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static void sort_distinct(ext_rows *list)
{
    size_t n = 0;
    if (list->n > 1)
        qsort(list->rows, list->n, sizeof *list->rows, compare_rows);
    for (size_t i = 0; i < list->n; i++)
        if (n == 0 || list->rows[n - 1] != list->rows[i])
            list->rows[n++] = list->rows[i];
    list->n = n;
}

static int take_arguments(ext_ranker *ranker, sqlite3 *db, sqlite3_value *exclude_seen,
                          sqlite3_value *candidates, ext_error *error)
{
    bool is_given =
        exclude_seen != NULL && sqlite3_value_type(exclude_seen) != SQLITE_NULL;
    if (is_given && (sqlite3_value_numeric_type(exclude_seen) != SQLITE_INTEGER ||
                     (sqlite3_value_int64(exclude_seen) & ~(sqlite3_int64)1) != 0))
        return ext_fail(error, SQLITE_ERROR, "exclude_seen is '%.40s'; give 0 or 1",
                        sqlite3_value_text(exclude_seen));
    ranker->is_seen_excluded = is_given && sqlite3_value_int(exclude_seen) == 1;

    ranker->has_candidates =
        candidates != NULL && sqlite3_value_type(candidates) != SQLITE_NULL;
    if (!ranker->has_candidates)
        return SQLITE_OK;
    int rc = ext_parse_items(db, candidates, ranker->model->items, "candidates",
                             &ranker->candidates, error);
    sort_distinct(&ranker->candidates);
    return rc;
}

int ext_ranker_open(ext_ranker *ranker, sqlite3 *db, ext_model *model,
                    sqlite3_value *exclude_seen, sqlite3_value *candidates,
                    ext_error *error)
{
    memset(ranker, 0, sizeof *ranker);
    ranker->model = model;
    ranker->most = INT64_MAX;
    int rc = take_arguments(ranker, db, exclude_seen, candidates, error);
    if (rc == SQLITE_OK &&
        (gru4rec_session_new(&ext_allocator, model->model, &ranker->session) !=
             GRU4REC_OK ||
         gru4rec_ranking_new(&ext_allocator, gru4rec_items_count(model->items),
                             &ranker->ranking) != GRU4REC_OK))
        rc = ext_fail_nomem(error);
    if (rc != SQLITE_OK)
        ext_ranker_close(ranker);
    return rc;
}

void ext_ranker_close(ext_ranker *ranker)
{
    gru4rec_session_free(ranker->session);
    gru4rec_ranking_free(ranker->ranking);
    ext_rows_free(&ranker->candidates);
    ext_model_release(ranker->model);
    memset(ranker, 0, sizeof *ranker);
}

static void score_by_support(ext_ranker *ranker, const int32_t *rows, int32_t n)
{
    const int64_t *support = gru4rec_items_support(ranker->model->items);
    gru4rec_real *scores = gru4rec_ranking_scores(ranker->ranking);
    for (int32_t i = 0; i < n; i++)
        scores[i] = (gru4rec_real)support[rows != NULL ? rows[i] : i];
}

static void score_by_session(ext_ranker *ranker, const ext_rows *history,
                             const int32_t *rows, int32_t n)
{
    gru4rec_session_reset(ranker->session);
    bool collapses = ranker->model->options.collapse_repeats != 0;
    for (size_t i = 0; i < history->n; i++)
        if (!collapses || i == 0 || history->rows[i] != history->rows[i - 1])
            gru4rec_session_step(ranker->session, history->rows[i]);
    gru4rec_session_scores(ranker->session, rows, n,
                           gru4rec_ranking_scores(ranker->ranking));
}

/* Leaves out the items of the history: -INFINITY is never ranked. */
static void exclude_seen(ext_ranker *ranker, const ext_rows *history, const int32_t *rows,
                         int32_t n)
{
    gru4rec_real *scores = gru4rec_ranking_scores(ranker->ranking);
    for (size_t i = 0; i < history->n; i++) {
        int32_t place = history->rows[i];
        if (rows != NULL) {
            const int32_t *found =
                bsearch(&place, rows, (size_t)n, sizeof *rows, compare_rows);
            if (found == NULL)
                continue;
            place = (int32_t)(found - rows);
        }
        scores[place] = -INFINITY;
    }
}

bool ext_ranker_start(ext_ranker *ranker, const ext_rows *history)
{
    int32_t n = gru4rec_items_count(ranker->model->items);
    int32_t *rows = NULL;
    if (ranker->has_candidates) {
        rows = gru4rec_ranking_rows(ranker->ranking);
        n = (int32_t)ranker->candidates.n;
        if (n > 0)
            memcpy(rows, ranker->candidates.rows, (size_t)n * sizeof *rows);
    }
    ranker->basis = history->n > 0 ? "session" : "popularity";
    if (history->n > 0)
        score_by_session(ranker, history, rows, n);
    else
        score_by_support(ranker, rows, n);
    if (ranker->is_seen_excluded)
        exclude_seen(ranker, history, rows, n);
    gru4rec_ranking_start(ranker->ranking, n, rows != NULL);
    ranker->rank = 0;
    return ext_ranker_next(ranker);
}

bool ext_ranker_next(ext_ranker *ranker)
{
    gru4rec_real score;
    if (ranker->rank >= ranker->most ||
        !gru4rec_ranking_next(ranker->ranking, &ranker->row, &score))
        return false;
    ranker->rank++;
    ranker->score = (double)score;
    return true;
}
