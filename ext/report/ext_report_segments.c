/*
 * ext_report_segments.c - the section of a report on where a version is good and where
 * not; see ext_report.h.
 */
#include "ext_report.h"

#include <math.h>
#include <string.h>

/* Room for the name of a segment as a reader says it. */
typedef struct segment_text {
    char text[80];
} segment_text;

/* Writes what a segment is, such as "after 4-5 clicks". */
static const char *name_of(segment_text *room, const char *segment)
{
    static const char *const words[][2] = {
        {"head", "among the most frequent items (head)"},
        {"middle", "among items of middling frequency"},
        {"tail", "among rare items (tail)"},
        {"1", "after 1 click"},
        {"11+", "after 11 clicks and more"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(segment, words[i][0]) == 0)
            return words[i][1];
    return sqlite3_snprintf(sizeof room->text, room->text, "after %s clicks", segment);
}

/* Returns the name of the baseline that finds most; NULL: there is none. */
static const char *best_of(const ext_report_facts *facts)
{
    const gru4rec_metrics *best = facts->best[EXT_REPORT_BY_RECALL];
    return best != NULL ? best->method : NULL;
}

/* Tells whether a row is the version's, in one segment, at the cut-off of the text. */
static bool is_shown(const gru4rec_metrics *row, int64_t k)
{
    return row->k == k && row->segment != NULL && strcmp(row->method, "gru4rec") == 0 &&
           row->events > 0;
}

/* Appends a cell with a measure and its interval. */
static void write_measure(ext_report_html *html, double value, double half_width)
{
    if (isnan(half_width))
        ext_report_html_number(html, "%.3f", value);
    else
        ext_report_html_number(html, "%.3f ± %.3f", value, half_width);
}

/* The table of segments, with the version beside the best baseline. */
static void write_table(ext_report_html *html, const ext_report_facts *facts,
                        const ext_plot_measures *measures, const char *caption)
{
    const char *best = best_of(facts);
    char other_recall[60], other_mrr[60];
    const char *const headings[] = {"targets", "how many",   "recall",
                                    "MRR",     other_recall, other_mrr};
    segment_text room;
    sqlite3_snprintf(sizeof other_recall, other_recall, "recall of %s", best);
    sqlite3_snprintf(sizeof other_mrr, other_mrr, "MRR of %s", best);
    ext_report_html_table(html, caption, best != NULL ? "lrrrrr" : "lrrr", headings);
    for (size_t i = 0; i < measures->n; i++) {
        const gru4rec_metrics *row = &measures->rows[i], *other;
        if (!is_shown(row, facts->k))
            continue;
        ext_report_html_row(html, false);
        ext_report_html_cell(html, "%s", name_of(&room, row->segment));
        ext_report_html_number(html, "%s",
                               ext_report_html_count(&(ext_report_count){""},
                                                     row->events));
        write_measure(html, row->recall, row->recall_ci);
        write_measure(html, row->mrr, row->mrr_ci);
        other = best != NULL
                    ? ext_report_facts_find(measures, best, row->segment, facts->k)
                    : NULL;
        if (other != NULL) {
            write_measure(html, other->recall, other->recall_ci);
            write_measure(html, other->mrr, other->mrr_ci);
        }
        ext_report_html_row_end(html);
    }
    ext_report_html_table_end(html);
}

/* Says where recall is highest and where it is lowest, and whether that is sure. */
static void say_ends(ext_report_html *html, const ext_report_facts *facts,
                     const ext_plot_measures *measures)
{
    const gru4rec_metrics *most = NULL, *least = NULL;
    segment_text rooms[2];
    for (size_t i = 0; i < measures->n; i++) {
        const gru4rec_metrics *row = &measures->rows[i];
        if (!is_shown(row, facts->k))
            continue;
        most = most == NULL || row->recall > most->recall ? row : most;
        least = least == NULL || row->recall < least->recall ? row : least;
    }
    if (most == NULL || most->recall == least->recall)
        return;
    const double low = most->recall - most->recall_ci;
    const double high = least->recall + least->recall_ci;
    ext_report_html_say(html,
                        "Of 100 targets it finds most %s: %.1f; and fewest %s: %.1f.%s",
                        name_of(&rooms[0], most->segment), 100 * most->recall,
                        name_of(&rooms[1], least->segment), 100 * least->recall,
                        low > high
                            ? ""
                            : " Their intervals meet, so this order may be chance.");
}

/*
 * Appends to names, separated by semicolons, the segments in which the best baseline has
 * more of a measure, recall or MRR. Returns how many segments were compared, and sets
 * *n_lost to how many were appended.
 */
static int list_losses(sqlite3_str *names, int *n_lost, const ext_report_facts *facts,
                       const ext_plot_measures *measures, ext_report_measure measure)
{
    segment_text room;
    int n = 0;
    *n_lost = 0;
    for (size_t i = 0; i < measures->n; i++) {
        const gru4rec_metrics *row = &measures->rows[i];
        const gru4rec_metrics *other =
            is_shown(row, facts->k)
                ? ext_report_facts_find(measures, best_of(facts), row->segment, facts->k)
                : NULL;
        if (other == NULL)
            continue;
        n++;
        if (measure == EXT_REPORT_BY_RECALL ? other->recall > row->recall
                                            : other->mrr > row->mrr)
            sqlite3_str_appendf(names, "%s%s", (*n_lost)++ > 0 ? "; " : "",
                                name_of(&room, row->segment));
    }
    return n;
}

/* Says in which segments the best baseline has more of a measure, recall or MRR. */
static void say_losses(ext_report_html *html, const ext_report_facts *facts,
                       const ext_plot_measures *measures, ext_report_measure measure)
{
    const char *best = best_of(facts);
    const bool is_recall = measure == EXT_REPORT_BY_RECALL;
    int n_lost;
    if (best == NULL)
        return;
    sqlite3_str *names = sqlite3_str_new(NULL);
    const int n = list_losses(names, &n_lost, facts, measures, measure);
    html->is_short |= sqlite3_str_errcode(names) != SQLITE_OK;
    char *text = sqlite3_str_finish(names);
    if (n_lost > 0)
        ext_report_html_say(html,
                            is_recall ? "%s finds more here: %s."
                                      : "%s has the higher MRR here: %s.",
                            best, text != NULL ? text : "");
    else if (n > 0)
        ext_report_html_say(html,
                            is_recall
                                ? "It finds as many as %s or more in each of these."
                                : "Its MRR is that of %s or higher in each of these.",
                            best);
    sqlite3_free(text);
}

/*
 * A part of the section: the sentences and the table of one kind of segments. option: the
 * kind, as the option segment has it.
 */
static void write_part(ext_report_html *html, const ext_report_facts *facts,
                       const ext_plot_measures *measures, const char *caption,
                       const char *option)
{
    say_ends(html, facts, measures);
    say_losses(html, facts, measures, EXT_REPORT_BY_RECALL);
    say_losses(html, facts, measures, EXT_REPORT_BY_MRR);
    write_table(html, facts, measures, caption);
    if (best_of(facts) != NULL)
        ext_report_html_note(html,
                             "A small difference may be chance: gru4rec_compare() with "
                             "segment=%s has its interval and p.",
                             option);
}

int ext_report_segments_write(ext_report_html *html, ext_report_facts *facts,
                              ext_error *error)
{
    const gru4rec_metrics *own =
        ext_report_facts_find(facts->all, "gru4rec", NULL, facts->k);
    if (own == NULL || own->events == 0)
        return SQLITE_OK;
    ext_report_html_section(html, "Where it is good, and where not");
    if (ext_report_page_picture(html, facts, "positions", error) != SQLITE_OK)
        return error->rc;
    ext_report_html_part(html, "By the place in the session");
    write_part(html, facts, facts->positions,
               "Targets by how many clicks of their session come before them",
               "position");
    ext_report_html_part(html, "By how frequent the target is");
    ext_report_html_say(html, "Each of the three groups of items has a third of the "
                              "training's events.");
    write_part(html, facts, facts->popularity, "Targets by how frequent their item is",
               "popularity");
    ext_report_html_section_end(html);
    return SQLITE_OK;
}
