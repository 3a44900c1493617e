/*
 * ext_plot_items.c - the picture items: a map of the item space, on which items that are
 * alike to the model are near each other; see ext_plot.h.
 *
 * It is the projection of the output weights on their first two principal components
 * (gru4rec_project()). Of a large catalogue the items with the most events are shown. The
 * colours are those of a query of the user's; the most frequent labels have one each. The
 * titles of the most popular items stand beside them where there is room.
 */
#include "ext_plot.h"

#include <math.h>
#include <string.h>

enum {
    ITEMS = 10000, /* the most */
    NAMED = 24,    /* items that have a title or an id beside them, if there is room */
    COLOURS = 6,   /* labels with a colour of their own; the seventh is grey */
    LABEL = 200    /* the most bytes of a label that are read */
};

/* The most operations of a projection: fewer items are shown of a very wide model. */
static const double most_operations = 1e10;

/* A label, and how many of the items have it. */
typedef struct label {
    char *text; /* owned */
    int64_t n;
} label;

/* What one map is made with. All zero before. */
typedef struct map {
    ext_plot_request *request;
    const gru4rec_items *items;
    int32_t *rows; /* (n) of the items that are shown, the most events first */
    size_t n;
    double *coordinates; /* (n,2) */
    double shares[2];
    int32_t
        *places;   /* (number of items) place of each row in rows; -1: it is not shown */
    label *labels; /* (n_labels) sorted by their items, from sort_labels() on */
    size_t n_labels, capacity;
    int32_t *label_of;   /* (n) index of each item's label; -1: none */
    char *titles[NAMED]; /* of the first items; owned; NULL: it has none */
} map;

/* ---- the items ---- */

/* Returns how many of n items with D weights each can be projected. */
static size_t count_shown(size_t n, double d)
{
    size_t shown = n < ITEMS ? n : ITEMS;
    while (shown > 2 &&
           (double)shown * d * (d < (double)shown ? d : (double)shown) > most_operations)
        shown = shown * 9 / 10;
    return shown;
}

static void *allocate(const map *m, size_t n, size_t bytes)
{
    const gru4rec_allocator *memory = &m->request->budget.allocator;
    return memory->resize(memory->context, NULL, (n + 1) * bytes);
}

static void release(const map *m, void *block)
{
    const gru4rec_allocator *memory = &m->request->budget.allocator;
    memory->resize(memory->context, block, 0);
}

/* Chooses the items that are shown, and allocates what is kept of them. */
static int choose(map *m, const ext_model *version, ext_error *error)
{
    const int32_t n_items = gru4rec_items_count(m->items);
    const gru4rec_allocator *memory = &m->request->budget.allocator;
    ext_plot_item *all;
    size_t width;
    if (ext_plot_ranking_make(&all, memory, m->items, error) != SQLITE_OK)
        return error->rc;
    gru4rec_model_item(version->loaded.model, 0, &width);
    m->n = count_shown((size_t)n_items, (double)width);
    m->rows = allocate(m, m->n, sizeof *m->rows);
    m->label_of = allocate(m, m->n, sizeof *m->label_of);
    m->coordinates = allocate(m, 2 * m->n, sizeof *m->coordinates);
    m->places = allocate(m, (size_t)n_items, sizeof *m->places);
    const bool is_short = m->rows == NULL || m->label_of == NULL ||
                          m->coordinates == NULL || m->places == NULL;
    for (int32_t row = 0; row < n_items && !is_short; row++)
        m->places[row] = -1;
    for (size_t i = 0; i < m->n && !is_short; i++) {
        m->rows[i] = all[i].row;
        m->places[all[i].row] = (int32_t)i;
        m->label_of[i] = -1;
    }
    release(m, all);
    return is_short ? ext_error_nomem(error) : SQLITE_OK;
}

static int project(map *m, const ext_model *version, ext_error *error)
{
    ext_poll poll;
    ext_poll_start(&poll, m->request->home.db);
    const gru4rec_status status =
        gru4rec_project(&m->request->budget.allocator, version->loaded.model, m->rows,
                        m->n, ext_poll_is_stopped, &poll, m->coordinates, m->shares);
    ext_poll_stop(&poll);
    return ext_error_library(error, status, NULL);
}

/* ---- labels and titles ---- */

/* Sets *index to the label with that text; a new one, if there is none. */
static int find_label(map *m, const char *text, int32_t *index, ext_error *error)
{
    for (size_t i = 0; i < m->n_labels; i++)
        if (strncmp(m->labels[i].text, text, LABEL) == 0) {
            *index = (int32_t)i;
            return SQLITE_OK;
        }
    if (m->n_labels == m->capacity) {
        const size_t capacity = 2 * m->capacity + 16;
        label *grown = sqlite3_realloc64(m->labels, capacity * sizeof *grown);
        if (grown == NULL)
            return ext_error_nomem(error);
        m->labels = grown;
        m->capacity = capacity;
    }
    char *copied = sqlite3_mprintf("%.*s", LABEL, text);
    if (copied == NULL)
        return ext_error_nomem(error);
    *index = (int32_t)m->n_labels;
    m->labels[m->n_labels++] = (label){.text = copied};
    return SQLITE_OK;
}

/* Keeps the label of an item that is shown; the first of an item counts. */
static int take_label(void *context, int32_t row, const char *text, ext_error *error)
{
    map *m = context;
    const int32_t place = m->places[row];
    return place >= 0 && m->label_of[place] < 0
               ? find_label(m, text, &m->label_of[place], error)
               : SQLITE_OK;
}

/* Reads the labels of the items. */
static int read_labels(map *m, ext_error *error)
{
    int rc = ext_plot_texts_read(m->request, "label", m->request->columns.label, m->items,
                                 take_label, m, error);
    for (size_t i = 0; i < m->n; i++)
        if (m->label_of[i] >= 0)
            m->labels[m->label_of[i]].n++;
    return rc;
}

/* Keeps the title of one of the first NAMED items; the first of an item counts. */
static int take_title(void *context, int32_t row, const char *text, ext_error *error)
{
    map *m = context;
    const int32_t place = m->places[row];
    if (place < 0 || place >= NAMED || m->titles[place] != NULL)
        return SQLITE_OK;
    m->titles[place] = sqlite3_mprintf("%.*s", LABEL, text);
    return m->titles[place] != NULL ? SQLITE_OK : ext_error_nomem(error);
}

/* ---- the panel ---- */

/*
 * Writes the indexes of the COLOURS most frequent labels into most; of equals, the first
 * text. Returns how many there are.
 */
static size_t choose_labels(const map *m, int32_t most[COLOURS])
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_labels; i++) {
        size_t at = n;
        while (at > 0 && (m->labels[i].n > m->labels[most[at - 1]].n ||
                          (m->labels[i].n == m->labels[most[at - 1]].n &&
                           strcmp(m->labels[i].text, m->labels[most[at - 1]].text) < 0)))
            at--;
        if (at == COLOURS)
            continue;
        n = n < COLOURS ? n + 1 : n;
        memmove(most + at + 1, most + at, (n - 1 - at) * sizeof *most);
        most[at] = (int32_t)i;
    }
    return n;
}

static void add_item(ext_figure *figure, const map *m, size_t series, size_t i)
{
    ext_figure_add(figure, 0, series, m->coordinates[2 * i], m->coordinates[2 * i + 1]);
}

/* Adds the items as one series for each of the labels, and one of all others. */
static void add_labelled(ext_figure *figure, const map *m)
{
    int32_t most[COLOURS] = {0};
    const size_t n = choose_labels(m, most);
    for (size_t k = 0; k < n; k++) {
        const size_t series =
            ext_figure_add_series(figure, 0, EXT_FIGURE_POINTS, m->labels[most[k]].text);
        for (size_t i = 0; i < m->n; i++)
            if (m->label_of[i] == most[k])
                add_item(figure, m, series, i);
    }
    for (size_t k = n; k < COLOURS; k++) /* so that the others are grey */
        ext_figure_add_series(figure, 0, EXT_FIGURE_POINTS, NULL);
    const size_t others =
        ext_figure_add_series(figure, 0, EXT_FIGURE_POINTS, "other or no label");
    for (size_t i = 0; i < m->n; i++) {
        bool is_other = true;
        for (size_t k = 0; k < n; k++)
            is_other &= m->label_of[i] != most[k];
        if (is_other)
            add_item(figure, m, others, i);
    }
}

/* Adds the most popular items once more, with their titles or ids. */
static void add_named(ext_figure *figure, const map *m)
{
    const size_t series =
        ext_figure_add_series(figure, 0, EXT_FIGURE_RINGS, "most events");
    for (size_t i = 0; i < m->n && i < NAMED; i++) {
        ext_show show;
        gru4rec_id id;
        gru4rec_items_get(m->items, m->rows[i], &id);
        ext_show_id(&show, &id);
        const ext_figure_point point = {.x = m->coordinates[2 * i],
                                        .y = m->coordinates[2 * i + 1],
                                        .low = (double)NAN,
                                        .high = (double)NAN,
                                        .text = m->titles[i] != NULL ? m->titles[i]
                                                                     : show.text};
        ext_figure_add_point(figure, 0, series, &point);
    }
}

static void fill(ext_figure *figure, const map *m)
{
    const int32_t n_items = gru4rec_items_count(m->items);
    char x[80], y[80];
    sqlite3_snprintf(sizeof x, x, "first component: %.1f %% of the variance",
                     100 * m->shares[0]);
    sqlite3_snprintf(sizeof y, y, "second component: %.1f %% of the variance",
                     100 * m->shares[1]);
    const size_t panel =
        ext_figure_add_panel(figure, NULL, x, EXT_FIGURE_LINEAR, y, EXT_FIGURE_LINEAR);
    if (panel < figure->n_panels)
        figure->panels[panel].x.is_bare = figure->panels[panel].y.is_bare = true;
    if (m->request->columns.label != NULL) {
        add_labelled(figure, m);
    } else {
        const size_t series =
            ext_figure_add_series(figure, panel, EXT_FIGURE_POINTS, "items");
        for (size_t i = 0; i < m->n; i++)
            add_item(figure, m, series, i);
    }
    add_named(figure, m);
    if ((size_t)n_items > m->n)
        ext_figure_note(figure, "The %lld items with the most events, of %d.",
                        (long long)m->n, n_items);
    if (m->shares[0] <= 0)
        ext_figure_note(figure, "The items do not differ in the model.");
    else
        ext_figure_note(figure,
                        "Items that are near each other are alike to the model as "
                        "far as %.1f %% of their differences show it.",
                        100 * (m->shares[0] + m->shares[1]));
}

static void free_map(map *m)
{
    for (size_t i = 0; i < m->n_labels; i++)
        sqlite3_free(m->labels[i].text);
    sqlite3_free(m->labels);
    for (int i = 0; i < NAMED; i++)
        sqlite3_free(m->titles[i]);
    release(m, m->places);
    release(m, m->coordinates);
    release(m, m->label_of);
    release(m, m->rows);
}

int ext_plot_items_fill(ext_figure *figure, ext_plot_request *request, ext_error *error)
{
    const ext_choice choice = ext_choice_of_option(request->options.version);
    ext_model *version;
    map m = {.request = request};
    ext_figure_title(figure, "Items of '%s'", request->home.name);
    int rc = ext_model_acquire_version(&version, &request->home, &choice, error);
    if (rc != SQLITE_OK)
        return rc;
    m.items = version->loaded.items;
    rc = choose(&m, version, error);
    if (rc == SQLITE_OK)
        rc = project(&m, version, error);
    if (rc == SQLITE_OK)
        rc = read_labels(&m, error);
    if (rc == SQLITE_OK)
        rc = ext_plot_texts_read(request, "titles", request->columns.titles, m.items,
                                 take_title, &m, error);
    if (rc == SQLITE_OK)
        fill(figure, &m);
    free_map(&m);
    ext_model_release(version);
    return ext_budget_explain(&request->budget, "the map of the items",
                              "raise memory_limit", error);
}
