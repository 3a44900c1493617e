/*
 * ext_plot_popularity.c - the picture popularity: events of each item by rank, and where
 * recommendations go; see ext_plot.h.
 *
 * The rank of an item is its place when the items are sorted by their events in the
 * training; of equals, the lower row comes first. Recommendations are the first DEPTH of
 * up to SESSIONS sessions of the source, each ranked after its last event, as SELECT FROM
 * the model ranks it.
 */
#include "ext_plot.h"

enum { SESSIONS = 1000, DEPTH = 20 };

/* What one picture works with. All zero before. */
typedef struct work {
    ext_model *version;
    ext_plot_item *items; /* (n) by rank */
    int32_t n;
    int64_t *n_listed;  /* (n) by row: the lists that have the item */
    int64_t n_sessions; /* whose lists were made */
} work;

static int make_items(work *w, const ext_plot_request *request, ext_error *error)
{
    const gru4rec_allocator *memory = &request->budget.allocator;
    const gru4rec_items *items = w->version->loaded.items;
    w->n = gru4rec_items_count(items);
    if (ext_plot_ranking_make(&w->items, memory, items, error) != SQLITE_OK)
        return error->rc;
    w->n_listed =
        memory->resize(memory->context, NULL, ((size_t)w->n + 1) * sizeof *w->n_listed);
    if (w->n_listed == NULL)
        return ext_error_nomem(error);
    for (int32_t row = 0; row < w->n; row++)
        w->n_listed[row] = 0;
    return SQLITE_OK;
}

/* Returns how many lists have the item at an index of w->items. */
static int64_t listed(const work *w, int32_t at)
{
    return w->n_listed[w->items[at].row];
}

/* ---- recommendations ---- */

/* What lists are made with. All zero before. */
typedef struct ranker {
    ext_workspace workspace;
    gru4rec_batch *batch;
    int32_t n_lanes; /* sessions in the batch that are not ranked yet */
    ext_poll poll;
} ranker;

/* Adds the session with the n events in rows to the batch. */
static int add_session(ranker *r, const int32_t *rows, size_t n, ext_error *error)
{
    gru4rec_session *session = r->workspace.session;
    gru4rec_error message = {0};
    gru4rec_session_reset(session);
    for (size_t i = gru4rec_session_first(session, rows, n); i < n; i++) {
        const gru4rec_status status = gru4rec_session_step(session, rows[i], &message);
        if (ext_error_library(error, status, &message) != SQLITE_OK)
            return error->rc;
        if (ext_poll_check(&r->poll))
            return ext_error_set(error, SQLITE_INTERRUPT, "interrupted");
    }
    r->n_lanes = gru4rec_batch_add(r->batch, session, NULL, 0, rows, n) + 1;
    return SQLITE_OK;
}

/* Ranks the sessions of the batch, and counts the first DEPTH items of each. */
static int rank(work *w, ranker *r, ext_error *error)
{
    gru4rec_error message = {0};
    const gru4rec_status status =
        gru4rec_batch_score(r->batch, ext_poll_is_stopped, &r->poll, &message);
    if (ext_error_library(error, status, &message) != SQLITE_OK)
        return error->rc;
    for (int32_t lane = 0; lane < r->n_lanes; lane++) {
        int32_t row;
        gru4rec_real score;
        for (int place = 0;
             place < DEPTH && gru4rec_batch_get(r->batch, lane, place, &row, &score);
             place++)
            w->n_listed[row]++;
        w->n_sessions++;
    }
    r->n_lanes = 0;
    return SQLITE_OK;
}

/*
 * Makes the lists of up to SESSIONS sessions, drawn by the seed; all, if there are fewer.
 */
static int rank_sessions(work *w, ranker *r, const gru4rec_dataset *dataset, int64_t seed,
                         ext_error *error)
{
    uint64_t random = (uint64_t)seed;
    int64_t n_left = dataset->n_sessions,
            n_wanted = n_left < SESSIONS ? n_left : SESSIONS;
    for (int64_t i = 0; n_wanted > 0; i++, n_left--) {
        const int64_t first = dataset->offsets[i];
        if (ext_plot_ranking_draw(&random) * (double)n_left >= (double)n_wanted)
            continue;
        n_wanted--;
        if (add_session(r, dataset->item_rows + first,
                        (size_t)(dataset->offsets[i + 1] - first), error) != SQLITE_OK)
            return error->rc;
        if ((r->n_lanes == gru4rec_batch_lanes(r->batch) || n_wanted == 0) &&
            rank(w, r, error) != SQLITE_OK)
            return error->rc;
    }
    return SQLITE_OK;
}

static int count_lists(work *w, const gru4rec_dataset *dataset, const ext_home *home,
                       int64_t seed, ext_error *error)
{
    ranker r = {0};
    if (ext_workspace_open(&r.workspace, home->connection, ext_model_retain(w->version),
                           error) != SQLITE_OK)
        return error->rc;
    ext_poll_start(&r.poll, home->db);
    const ext_loaded *loaded = &w->version->loaded;
    if (gru4rec_batch_new(&ext_memory, loaded->model, loaded->bytes, r.workspace.blender,
                          DEPTH, &r.batch) == GRU4REC_OK)
        rank_sessions(w, &r, dataset, seed, error);
    else
        ext_error_nomem(error);
    gru4rec_batch_free(r.batch);
    ext_poll_stop(&r.poll);
    ext_workspace_close(&r.workspace, home->connection);
    return error->rc;
}

/* ---- the panels ---- */

/* Returns the rank after this one that a line shows: all first ones, then ever fewer. */
static int32_t next_rank(int32_t rank, int32_t n)
{
    const int32_t next = rank + 1 + rank / 25;
    return rank < n && next > n ? n : next;
}

/* Adds the events of each item by rank, and the lists that it is in. */
static void add_counts(ext_figure *figure, const work *w)
{
    const size_t panel =
        ext_figure_add_panel(figure, NULL, "rank of the item by events", EXT_FIGURE_LOG,
                             "events, or lists with the item", EXT_FIGURE_LOG);
    const size_t events =
        ext_figure_add_series(figure, panel, EXT_FIGURE_LINE, "events of the training");
    int32_t n_listed = 0;
    for (int32_t rank = 1; rank <= w->n; rank = next_rank(rank, w->n))
        if (w->items[rank - 1].support > 0)
            ext_figure_add(figure, panel, events, rank,
                           (double)w->items[rank - 1].support);
    if (w->n_sessions == 0)
        return;
    const size_t lists = ext_figure_add_series(figure, panel, EXT_FIGURE_POINTS,
                                               "lists of 20 with the item");
    for (int32_t i = 0; i < w->n; i++)
        if (listed(w, i) > 0) {
            ext_figure_add(figure, panel, lists, i + 1, (double)listed(w, i));
            n_listed++;
        }
    ext_figure_note(figure,
                    "The lists of %s have %d of %d items; items in no list have no dot.",
                    ext_text_count_of(&(ext_text_count){""}, w->n_sessions, "session"),
                    n_listed, w->n);
}

/* Adds a line with the share of a count that the items up to each rank have. */
static void add_share(ext_figure *figure, size_t panel, const work *w, const char *name,
                      bool of_lists)
{
    const size_t series = ext_figure_add_series(figure, panel, EXT_FIGURE_LINE, name);
    double all = 0, sum = 0;
    for (int32_t i = 0; i < w->n; i++)
        all += (double)(of_lists ? listed(w, i) : w->items[i].support);
    int32_t next = 1;
    for (int32_t rank = 1; all > 0 && rank <= w->n; rank++) {
        sum += (double)(of_lists ? listed(w, rank - 1) : w->items[rank - 1].support);
        if (rank == next) {
            ext_figure_add(figure, panel, series, rank, 100 * sum / all);
            next = next_rank(rank, w->n);
        }
    }
}

static void add_shares(ext_figure *figure, const work *w)
{
    const size_t panel =
        ext_figure_add_panel(figure, NULL, "rank of the item by events", EXT_FIGURE_LOG,
                             "share of all that the items up to the rank have (%)",
                             EXT_FIGURE_LINEAR);
    if (panel < figure->n_panels)
        figure->panels[panel].y.has_zero = true;
    add_share(figure, panel, w, "of the events", false);
    if (w->n_sessions > 0)
        add_share(figure, panel, w, "of the recommendations", true);
}

/* Reads the sessions of the source, and makes lists for them. */
static int read_lists(work *w, ext_plot_request *request, ext_error *error)
{
    ext_events events = {0};
    int rc =
        ext_plot_events_read(&events, request, NULL, EXT_PLOT_KNOWN, w->version, error);
    if (rc == SQLITE_OK)
        rc = count_lists(w, events.dataset, &request->home, request->options.seed, error);
    ext_read_free(&events);
    return rc;
}

int ext_plot_popularity_fill(ext_figure *figure, ext_plot_request *request,
                             ext_error *error)
{
    const gru4rec_allocator *memory = &request->budget.allocator;
    const ext_choice choice = ext_choice_of_option(request->options.version);
    work w = {0};
    ext_figure_title(figure, "Popularity in '%s'", request->home.name);
    int rc = ext_model_acquire_version(&w.version, &request->home, &choice, error);
    if (rc == SQLITE_OK)
        rc = make_items(&w, request, error);
    if (rc == SQLITE_OK && request->config.source != NULL)
        rc = read_lists(&w, request, error);
    if (rc == SQLITE_OK) {
        add_counts(figure, &w);
        add_shares(figure, &w);
        if (request->config.source == NULL)
            ext_figure_note(figure, "The model has no source of events, so that nothing "
                                    "is known of its recommendations.");
    }
    memory->resize(memory->context, w.n_listed, 0);
    memory->resize(memory->context, w.items, 0);
    ext_model_release(w.version);
    return ext_budget_explain(&request->budget, "the picture",
                              "use fewer events (a source with WHERE)", error);
}
