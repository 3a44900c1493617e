/*
 * ext_report_shown.c - the sessions of a report, with what was recommended; see
 * ext_report.h.
 */
#include "ext_report.h"

/* Room for an item's id as text. */
typedef struct id_text {
    ext_show room;
} id_text;

/* Returns an item's id as text, in room. */
static const char *show_id(id_text *text, const ext_report_facts *facts, int32_t row)
{
    gru4rec_id id;
    gru4rec_items_get(facts->model->loaded.items, row, &id);
    return ext_show_id(&text->room, &id);
}

void ext_report_shown_item(ext_report_html *html, const ext_report_facts *facts,
                           int32_t row, const char *badge, bool mark)
{
    id_text text;
    const char *id = show_id(&text, facts, row);
    const char *title = ext_report_titles_find(&facts->titles, row);
    ext_report_html_entry(html, title != NULL ? title : id, title != NULL ? id : NULL,
                          badge, mark);
}

/* The clicks of a session, with the rank that each had after those before it. */
static void write_clicks(ext_report_html *html, const ext_report_facts *facts,
                         const ext_report_example *example)
{
    const size_t n = example->rows.n;
    const size_t first = n > EXT_REPORT_CLICKS ? n - EXT_REPORT_CLICKS : 0;
    char badge[40];
    ext_report_html_list(html,
                         first > 0 ? "The last clicks, and the rank that each had before"
                                   : "The clicks, and the rank that each had before",
                         first + 1);
    for (size_t i = first; i < n; i++) {
        const int64_t rank = example->ranks[i - first];
        sqlite3_snprintf(sizeof badge, badge, "rank %s",
                         ext_report_html_count(&(ext_report_count){""}, rank));
        ext_report_shown_item(html, facts, example->rows.rows[i],
                              rank > 0 ? badge
                              : i > 0  ? "not ranked"
                                       : NULL,
                              i == n - 1);
    }
    ext_report_html_list_end(html);
}

/* What was recommended before the last click; marked where it is that click. */
static void write_list(ext_report_html *html, const ext_report_facts *facts,
                       const ext_report_example *example)
{
    const size_t n = example->rows.n;
    const int32_t target = example->rows.rows[n - 1];
    ext_report_html_list(html, "Recommended before the last click", 1);
    for (int i = 0; i < example->n_list; i++) {
        const bool is_hit = example->list[i] == target;
        ext_report_shown_item(html, facts, example->list[i], is_hit ? "came next" : NULL,
                              is_hit);
    }
    ext_report_html_list_end(html);
}

/* Returns the rank of the last click; 0: it was not ranked. */
static int64_t last_rank(const ext_report_example *example)
{
    const size_t n = example->rows.n;
    return example->ranks[n > EXT_REPORT_CLICKS ? EXT_REPORT_CLICKS - 1 : n - 1];
}

/* Says how many of the examples were hits, and what they are. */
static void say_hits(ext_report_html *html, const ext_report_facts *facts)
{
    const ext_report_examples *examples = &facts->examples;
    int n_hits = 0;
    for (size_t i = 0; i < examples->n; i++) {
        const int64_t rank = last_rank(&examples->examples[i]);
        n_hits += rank > 0 && rank <= EXT_REPORT_LIST;
    }
    ext_report_html_say(
        html,
        "%s of %s, drawn by seed %lld. For each, the model saw all clicks but the last "
        "one. In %d of them the last click was among the %d items that were recommended.",
        ext_text_count_of(&(ext_text_count){""}, (int64_t)examples->n, "session"),
        examples->is_test ? "the test" : "the model's source",
        (long long)facts->request.options.seed, n_hits, EXT_REPORT_LIST);
    if (!examples->is_test)
        ext_report_html_warn(html, "The model was trained on sessions like these, most "
                                   "likely on these themselves: they flatter it. Give a "
                                   "test: 'test=clicks_test'.");
    if (facts->request.columns.titles == NULL)
        ext_report_html_note(html,
                             "Items are shown by their ids. Titles come from an option: "
                             "'titles=(SELECT id, title FROM products)'.");
}

void ext_report_shown_write(ext_report_html *html, const ext_report_facts *facts)
{
    const ext_report_examples *examples = &facts->examples;
    ext_report_html_section(html, "Examples");
    if (examples->failure != NULL)
        ext_report_html_note(html, "There are no examples: %s.", examples->failure);
    else if (examples->n == 0)
        ext_report_html_note(html, "There are no examples: no session of the events has "
                                   "two items that the model knows.");
    else
        say_hits(html, facts);
    for (size_t i = 0; examples->failure == NULL && i < examples->n; i++) {
        const ext_report_example *example = &examples->examples[i];
        gru4rec_id session;
        ext_show room;
        char *heading = ext_value_id(example->session, &session)
                            ? sqlite3_mprintf("Session %s", ext_show_id(&room, &session))
                            : NULL;
        html->is_short |= heading == NULL;
        ext_report_html_part(html, heading != NULL ? heading : "");
        sqlite3_free(heading);
        ext_report_html_pair(html);
        write_clicks(html, facts, example);
        write_list(html, facts, example);
        ext_report_html_pair_end(html);
    }
    if (examples->failure == NULL && examples->n > 0)
        ext_report_html_note(html, "By gru4rec_recommend().");
    ext_report_html_section_end(html);
}
