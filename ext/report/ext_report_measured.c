/*
 * ext_report_measured.c - the sections of a report on how good a version is, and where;
 * see ext_report.h.
 */
#include "ext_report.h"

#include <math.h>
#include <string.h>

/* The probability below which chance is no likely reason for a difference. */
static const double unlikely = 0.05;

/*
 * Room for a measure as text: with the half-width of its interval, if that is known.
 */
typedef struct measure_text {
    char text[48];
} measure_text;

/* Writes a measure, such as "0.771 ± 0.012", or "-" if there is none. */
static const char *show(measure_text *room, double value, double half_width)
{
    const int n = sizeof room->text;
    if (isnan(value))
        return sqlite3_snprintf(n, room->text, "-");
    if (isnan(half_width))
        return sqlite3_snprintf(n, room->text, "%.3f", value);
    return sqlite3_snprintf(n, room->text, "%.3f ± %.3f", value, half_width);
}

/* Returns the row of the version at the cut-off that the text is about. */
static const gru4rec_metrics *own_row(const ext_report_facts *facts)
{
    return ext_report_facts_find(facts->all, "gru4rec", NULL, facts->k);
}

/* ---- the test ---- */

/* Says what was measured, and on what. */
static void say_test(ext_report_html *html, const ext_report_facts *facts,
                     const gru4rec_metrics *own)
{
    const ext_measurement *measurement = &facts->request.measurement;
    const char *test = facts->request.columns.test;
    const int64_t n_unknown = measurement->test.dataset->n_unknown;
    ext_text_count clicks, sessions;
    if (ext_select_is(test))
        ext_report_html_code(html, "%s", test);
    ext_report_html_say(
        html,
        "Measured on %s: %s of %s. %s a target, which is to be guessed from the "
        "clicks before it.",
        ext_select_is(test) ? "the events of the SELECT above" : test,
        ext_text_count_of(&clicks, own->events, "next click"),
        ext_text_count_of(&sessions, own->sessions, "session"),
        measurement->options.last_only ? "The last click of each session is"
                                       : "Each click of a session but the first is");
    if (n_unknown > 0)
        ext_report_html_say(html, "%s of the test %s that the version does not know; %s.",
                            ext_text_count_of(&clicks, n_unknown, "event"),
                            n_unknown == 1 ? "has an item" : "have items",
                            n_unknown == 1 ? "it counts neither as target nor as click"
                                           : "they count neither as targets nor as "
                                             "clicks");
    if (measurement->options.exclude_seen)
        ext_report_html_say(html, "These lists leave out the items that a session had "
                                  "before (exclude_seen). A next click on such an item "
                                  "counts as a miss. Long sessions have more of these.");
    if (measurement->warnings != NULL)
        ext_report_html_warn(html, "Mind when you read these figures: %s.",
                             measurement->warnings);
}

/* ---- tables ---- */

/* The table of all methods at the cut-off k. */
static void write_methods(ext_report_html *html, const ext_report_facts *facts)
{
    static const char *const headings[] = {"method", "recall",   "MRR",
                                           "NDCG",   "coverage", "popularity"};
    measure_text room;
    char caption[80];
    ext_text_count items;
    sqlite3_snprintf(sizeof caption, caption, "Lists of %s, with 95 %% intervals",
                     ext_text_count_of(&items, facts->k, "item"));
    ext_report_html_table(html, caption, "lrrrrr", headings);
    for (size_t i = 0; i < facts->all->n; i++) {
        const gru4rec_metrics *row = &facts->all->rows[i];
        if (row->k != facts->k || row->segment != NULL)
            continue;
        ext_report_html_row(html, strcmp(row->method, "gru4rec") == 0);
        ext_report_html_cell(html, "%s", row->method);
        ext_report_html_number(html, "%s", show(&room, row->recall, row->recall_ci));
        ext_report_html_number(html, "%s", show(&room, row->mrr, row->mrr_ci));
        ext_report_html_number(html, "%s", show(&room, row->ndcg, row->ndcg_ci));
        ext_report_html_number(html, "%s", show(&room, row->coverage, NAN));
        ext_report_html_number(html, "%s", show(&room, row->popularity, NAN));
        ext_report_html_row_end(html);
    }
    ext_report_html_table_end(html);
}

/* Tells whether there are measures at another cut-off than that of the text. */
static bool has_cutoffs(const ext_report_facts *facts)
{
    for (size_t i = 0; i < facts->all->n; i++)
        if (facts->all->rows[i].k != facts->k)
            return true;
    return false;
}

/* The table of the version at all cut-offs, if there are several. */
static void write_cutoffs(ext_report_html *html, const ext_report_facts *facts)
{
    static const char *const headings[] = {"list of", "recall", "MRR", "NDCG"};
    measure_text room;
    if (!has_cutoffs(facts))
        return;
    ext_report_html_table(html, "The model, by the length of the list", "rrrr", headings);
    for (size_t i = 0; i < facts->all->n; i++) {
        const gru4rec_metrics *row = &facts->all->rows[i];
        if (strcmp(row->method, "gru4rec") != 0)
            continue;
        ext_report_html_row(html, false);
        ext_report_html_number(html, "%lld", (long long)row->k);
        ext_report_html_number(html, "%s", show(&room, row->recall, row->recall_ci));
        ext_report_html_number(html, "%s", show(&room, row->mrr, row->mrr_ci));
        ext_report_html_number(html, "%s", show(&room, row->ndcg, row->ndcg_ci));
        ext_report_html_row_end(html);
    }
    ext_report_html_table_end(html);
}

/* ---- sentences ---- */

/*
 * Says how the version compares with the best baseline by a measure. factor: what the
 * numbers are multiplied with, 100 for counts of 100 clicks.
 */
static void say_difference(ext_report_html *html, const ext_report_facts *facts,
                           ext_report_measure measure, double factor)
{
    const ext_report_rows *rows = &facts->comparisons[measure];
    const double b = factor * ext_report_rows_real(rows, 0, 0);
    const double difference = factor * ext_report_rows_real(rows, 0, 1);
    const double low = factor * ext_report_rows_real(rows, 0, 2);
    const double high = factor * ext_report_rows_real(rows, 0, 3);
    const double p = ext_report_rows_real(rows, 0, 4);
    const int digits = factor > 1 ? 1 : 3;
    if (isnan(difference))
        return;
    const char *verdict = p >= unlikely ? "may be chance"
                          : difference > 0
                              ? "is not likely to be chance"
                              : "is for the worse, and not likely to be chance";
    char interval[80] = "";
    if (!isnan(low))
        sqlite3_snprintf(sizeof interval, interval, " (95 %% interval %+.*f to %+.*f)",
                         digits, low, digits, high);
    ext_report_html_say(html,
                        "The simple method that has most of it is %s, with %.*f. The "
                        "model's difference to that is %+.*f%s, which %s (p = %.4f).",
                        facts->best[measure]->method, digits, b, digits, difference,
                        interval, verdict, p);
}

/* Says how far up the next clicks stand, if there are measures at several cut-offs. */
static void say_places(ext_report_html *html, const ext_report_facts *facts)
{
    if (!has_cutoffs(facts))
        return;
    sqlite3_str *places = sqlite3_str_new(NULL);
    for (size_t i = 0; i < facts->all->n; i++) {
        const gru4rec_metrics *row = &facts->all->rows[i];
        if (strcmp(row->method, "gru4rec") != 0)
            continue;
        sqlite3_str_appendf(places, "%s%.1f ", sqlite3_str_length(places) > 0 ? ", " : "",
                            100 * row->recall);
        if (row->k == 1)
            sqlite3_str_appendall(places, "stand first");
        else
            sqlite3_str_appendf(places, "are among the first %lld", (long long)row->k);
    }
    html->is_short |= sqlite3_str_errcode(places) != SQLITE_OK;
    char *text = sqlite3_str_finish(places);
    ext_report_html_say(html, "Of 100 next clicks, %s.", text != NULL ? text : "");
    sqlite3_free(text);
}

/* A sentence or two on each measure. */
static void say_measures(ext_report_html *html, const ext_report_facts *facts,
                         const gru4rec_metrics *own)
{
    ext_text_count items;
    ext_report_html_part(html, "In words");
    ext_report_html_say(html, "Recall: of 100 next clicks, %.1f are in a list of %s%s.",
                        100 * own->recall, ext_text_count_of(&items, facts->k, "item"),
                        own->recall > 0.995 ? "; that is so good that a leak is likely"
                                            : "");
    say_difference(html, facts, EXT_REPORT_BY_RECALL, 100);
    ext_report_html_say(html,
                        "MRR: %.3f. A next click at place n of the list counts 1/n. A "
                        "shop that shows few items looks at this one.",
                        own->mrr);
    say_places(html, facts);
    say_difference(html, facts, EXT_REPORT_BY_MRR, 1);
    ext_report_html_say(html,
                        "NDCG: %.3f. It counts both, how many are found and how far up "
                        "they stand, and forgives a low place more than MRR does.",
                        own->ndcg);
    say_difference(html, facts, EXT_REPORT_BY_NDCG, 1);
    ext_report_html_say(html,
                        "Coverage: %.1f %% of the catalogue is recommended to somebody. "
                        "Popularity: what is recommended has on average %.1f %% of the "
                        "events of the most frequent item. Neither is better when it is "
                        "higher; they tell how different the lists are.",
                        100 * own->coverage,
                        isnan(own->popularity) ? 0 : 100 * own->popularity);
}

/* What is known without a test. */
static void say_untested(ext_report_html *html, const ext_report_facts *facts)
{
    const ext_report_rows *version = &facts->version;
    if (!ext_report_rows_is_null(version, 0, EXT_REPORT_RECALL))
        ext_report_html_say(
            html,
            "On the %s, which the training held out: "
            "recall@20 is %.3f, MRR@20 is %.3f. The epoch was chosen by "
            "what was held out, so expect a little less of others.",
            ext_text_count_of(&(ext_text_count){""},
                              ext_report_rows_integer(version, 0, EXT_REPORT_HELD_OUT),
                              "latest session"),
            ext_report_rows_real(version, 0, EXT_REPORT_RECALL),
            ext_report_rows_real(version, 0, EXT_REPORT_MRR));
    ext_report_html_say(html,
                        "No test was given, so the model is not measured beside simple "
                        "methods. Give events that came after the training:");
    char *call = sqlite3_mprintf("SELECT gru4rec_report(%Q, 'test=clicks_test');",
                                 facts->reference);
    html->is_short |= call == NULL;
    ext_report_html_code(html, "%s", call != NULL ? call : "");
    sqlite3_free(call);
}

int ext_report_measured_write(ext_report_html *html, ext_report_facts *facts,
                              ext_error *error)
{
    const gru4rec_metrics *own = own_row(facts);
    ext_report_html_section(html, "How good it is");
    if (own == NULL)
        say_untested(html, facts);
    else
        say_test(html, facts, own);
    if (own != NULL && own->events > 0) {
        if (ext_report_page_picture(html, facts, "methods", error) != SQLITE_OK)
            return error->rc;
        write_methods(html, facts);
        say_measures(html, facts, own);
        write_cutoffs(html, facts);
        ext_report_html_note(html, "By gru4rec_evaluate() and gru4rec_compare().");
    }
    ext_report_html_section_end(html);
    return SQLITE_OK;
}
