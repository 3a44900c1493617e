/*
 * ext_report_page.c - the page of a report, section by section; see ext_report.h.
 */
#include "ext_report.h"

#include <math.h>
#include <string.h>

int ext_report_page_picture(ext_report_html *html, ext_report_facts *facts,
                            const char *what, ext_error *error)
{
    ext_entry entry;
    ext_error own = {0};
    char *why = NULL;
    sqlite3_str *svg = sqlite3_str_new(NULL);
    if (ext_entry_start(&entry, facts->request.home.db, &own) == SQLITE_OK)
        ext_plot_append(svg, &facts->request, what, &own);
    ext_entry_end(&entry);
    const bool is_drawn = own.rc == SQLITE_OK;
    char *text = sqlite3_str_finish(svg);
    ext_report_rows_excuse(&why, &own, error);
    if (is_drawn && text != NULL)
        ext_report_html_picture(html, text);
    else if (is_drawn)
        ext_error_nomem(error);
    else if (why != NULL)
        ext_report_html_note(html, "There is no picture '%s': %s.", what, why);
    sqlite3_free(text);
    sqlite3_free(why);
    return error->rc;
}

/* ---- the version ---- */

/* Tells whether the version was imported, so that no training of it is known. */
static bool is_imported(const ext_report_facts *facts)
{
    const char *source = ext_report_rows_text(&facts->version, 0, EXT_REPORT_SOURCE);
    return source != NULL && strcmp(source, "import") == 0;
}

/* The figures that stand out on top. */
static void write_cards(ext_report_html *html, const ext_report_facts *facts)
{
    const gru4rec_metrics *own =
        ext_report_facts_find(facts->all, "gru4rec", NULL, facts->k);
    const ext_report_rows *version = &facts->version;
    char label[80];
    ext_report_html_cards(html);
    if (own != NULL && own->events > 0) {
        sqlite3_snprintf(sizeof label, label,
                         "of 100 next clicks are in a list of %lld%s",
                         (long long)facts->k,
                         facts->request.measurement.options.exclude_seen
                             ? " items not seen before"
                             : "");
        ext_report_html_card(html, label, "%.1f", 100 * own->recall);
        sqlite3_snprintf(sizeof label, label, "MRR@%lld", (long long)facts->k);
        ext_report_html_card(html, label, "%.3f", own->mrr);
    }
    ext_report_html_card(
        html, "items", "%s",
        ext_report_html_count(&(ext_report_count){""},
                              ext_report_rows_integer(&facts->catalogue, 0,
                                                      EXT_REPORT_ITEMS)));
    if (!is_imported(facts)) {
        ext_report_html_card(html, "sessions", "%s",
                             ext_report_html_count(&(ext_report_count){""},
                                                   ext_report_rows_integer(
                                                       version, 0, EXT_REPORT_SESSIONS)));
        ext_report_html_card(html, "events", "%s",
                             ext_report_html_count(
                                 &(ext_report_count){""},
                                 ext_report_rows_integer(version, 0, EXT_REPORT_EVENTS)));
    }
    ext_report_html_cards_end(html);
}

/* Says what was trained on what, and when. */
static void say_version(ext_report_html *html, const ext_report_facts *facts)
{
    const ext_report_rows *version = &facts->version;
    const char *source = ext_report_rows_text(version, 0, EXT_REPORT_SOURCE);
    const char *finished = ext_report_rows_text(version, 0, EXT_REPORT_FINISHED);
    const long long number = (long long)facts->request.options.version;
    finished = finished != NULL ? finished : "an unknown time";
    if (is_imported(facts)) {
        ext_report_html_say(html,
                            "Version %lld was imported at %s UTC. What it was "
                            "trained on is not in an import.",
                            number, finished);
        return;
    }
    const bool is_select = source != NULL && ext_select_is(source);
    if (is_select)
        ext_report_html_code(html, "%s", source);
    ext_report_html_say(html, "Version %lld was trained on %s and finished at %s UTC.",
                        number,
                        is_select        ? "the events of the SELECT above"
                        : source != NULL ? source
                                         : "an unknown source",
                        finished);
    if (facts->first != NULL && facts->last != NULL)
        ext_report_html_say(html, "The events are from %s to %s.", facts->first,
                            facts->last);
}

/* Counts the findings of the audit that have that severity. */
static int count_findings(const ext_report_facts *facts, const char *severity)
{
    int n = 0;
    for (size_t i = 0; i < facts->audit.n; i++) {
        const char *own = ext_report_rows_text(&facts->audit, i, 1);
        n += own != NULL && strcmp(own, severity) == 0;
    }
    return n;
}

/* The summary at the top. */
static void write_summary(ext_report_html *html, const ext_report_facts *facts)
{
    const int n_errors = count_findings(facts, "error");
    const int n_warnings = count_findings(facts, "warning");
    ext_text_count errors, warnings;
    say_version(html, facts);
    write_cards(html, facts);
    const gru4rec_metrics *best = facts->best[EXT_REPORT_BY_RECALL];
    if (best != NULL && best->events > 0)
        ext_report_html_say(html,
                            "The best simple method that it was measured beside is %s, "
                            "which has %.1f of 100 next clicks in such a list.",
                            best->method, 100 * best->recall);
    ext_text_count_of(&warnings, n_warnings, "warning");
    if (n_errors > 0)
        ext_report_html_warn(html,
                             "The audit of the events has %s and %s: see below before "
                             "you trust a figure.",
                             ext_text_count_of(&errors, n_errors, "error"),
                             warnings.text);
    else if (n_warnings > 0)
        ext_report_html_say(html, "The audit of the events has %s, and no error.",
                            warnings.text);
}

/* ---- the events ---- */

/* Appends a row of the profile, unless the number is not known. */
static void write_fact(ext_report_html *html, const char *what, double value, int digits)
{
    if (isnan(value))
        return;
    ext_report_html_row(html, false);
    ext_report_html_cell(html, "%s", what);
    if (digits > 0 || fabs(value) >= 1e18)
        ext_report_html_number(html, "%.*f", digits, value);
    else
        ext_report_html_number(html, "%s",
                               ext_report_html_count(&(ext_report_count){""},
                                                     (int64_t)value));
    ext_report_html_row_end(html);
}

/* The table of what the version was trained on. */
static void write_profile(ext_report_html *html, const ext_report_facts *facts)
{
    static const char *const headings[] = {"what", "how many"};
    const ext_report_rows *version = &facts->version, *items = &facts->catalogue;
    const double events = ext_report_rows_real(version, 0, EXT_REPORT_EVENTS);
    const double sessions = ext_report_rows_real(version, 0, EXT_REPORT_SESSIONS);
    const double sum = ext_report_rows_real(items, 0, EXT_REPORT_SUM);
    ext_report_html_table(html, "What the version was trained on", "lr", headings);
    write_fact(html, "sessions", sessions, 0);
    write_fact(html, "events", events, 0);
    write_fact(html, "events in a session, on average",
               sessions > 0 ? events / sessions : NAN, 2);
    write_fact(html, "items", ext_report_rows_real(items, 0, EXT_REPORT_ITEMS), 0);
    write_fact(html, "items with fewer than 5 events",
               ext_report_rows_real(items, 0, EXT_REPORT_RARE), 0);
    write_fact(html, "events of the most frequent item",
               ext_report_rows_real(items, 0, EXT_REPORT_MOST), 0);
    write_fact(html, "events of the 20 most frequent items, in % of all",
               sum > 0 ? 100 * ext_report_rows_real(items, 0, EXT_REPORT_TWENTY) / sum
                       : NAN,
               1);
    write_fact(html, "rows without a session, an item or a time, which were left out",
               ext_report_rows_real(version, 0, EXT_REPORT_SKIPPED_EVENTS), 0);
    write_fact(html, "sessions of one event, which were left out",
               ext_report_rows_real(version, 0, EXT_REPORT_SKIPPED_SESSIONS), 0);
    write_fact(html, "sessions that were held out",
               ext_report_rows_real(version, 0, EXT_REPORT_HELD_OUT), 0);
    ext_report_html_table_end(html);
}

/* The most frequent items. */
static void write_frequent(ext_report_html *html, const ext_report_facts *facts)
{
    const int64_t *support = gru4rec_items_support(facts->model->loaded.items);
    ext_report_html_list(html, "The most frequent items", 1);
    for (size_t i = 0; i < facts->frequent.n; i++) {
        const int32_t row = facts->frequent.rows[i];
        ext_text_count badge;
        ext_report_shown_item(html, facts, row,
                              ext_text_count_of(&badge, support[row], "event"), false);
    }
    ext_report_html_list_end(html);
}

/* Appends the findings of one severity; an info only if it found something. */
static void write_findings(ext_report_html *html, const ext_report_rows *audit,
                           const char *severity)
{
    for (size_t i = 0; i < audit->n; i++) {
        const char *own = ext_report_rows_text(audit, i, 1);
        const char *value = ext_report_rows_text(audit, i, 2);
        const char *advice = ext_report_rows_text(audit, i, 3);
        if (own == NULL || strcmp(own, severity) != 0 || value == NULL ||
            strcmp(value, "0") == 0)
            continue;
        ext_report_html_row(html, strcmp(severity, "info") != 0);
        ext_report_html_cell(html, "%s", severity);
        ext_report_html_cell(html, "%s", ext_report_rows_text(audit, i, 0));
        ext_report_html_cell(html, "%s", advice != NULL ? advice : value);
        ext_report_html_row_end(html);
    }
}

/*
 * Says which checks have that value (NULL: they did not run), if there are any. verdict:
 * what is so of them; why: the reason, or where that is from.
 */
static void say_checks(ext_report_html *html, const ext_report_rows *audit,
                       const char *value, const char *verdict, const char *why)
{
    sqlite3_str *names = sqlite3_str_new(NULL);
    for (size_t i = 0; i < audit->n; i++) {
        const char *own = ext_report_rows_text(audit, i, 2);
        if (own == NULL ? value == NULL : value != NULL && strcmp(own, value) == 0)
            sqlite3_str_appendf(names, ", %s", ext_report_rows_text(audit, i, 0));
    }
    html->is_short |= sqlite3_str_errcode(names) != SQLITE_OK;
    char *list = sqlite3_str_finish(names);
    if (list != NULL) /* else there is none, or no memory */
        ext_report_html_note(html, "Checks that %s: %s (%s).", verdict, list + 2, why);
    sqlite3_free(list);
}

/* Returns why checks of the audit did not run: the advice of the first; NULL: all ran. */
static const char *why_skipped(const ext_report_rows *audit)
{
    for (size_t i = 0; i < audit->n; i++)
        if (ext_report_rows_is_null(audit, i, 2))
            return ext_report_rows_text(audit, i, 3);
    return NULL;
}

/* What the audit found, which checks found nothing, and which did not run. */
static void write_audit(ext_report_html *html, const ext_report_facts *facts)
{
    static const char *const headings[] = {"severity", "check", "what was found"};
    const ext_report_rows *audit = &facts->audit;
    const char *why = why_skipped(audit);
    ext_report_html_part(html, "Findings of the audit");
    if (facts->no_audit != NULL) {
        ext_report_html_note(html, "The events were not audited: %s.", facts->no_audit);
        return;
    }
    ext_report_html_table(html, "Checks that found something", "lll", headings);
    write_findings(html, audit, "error");
    write_findings(html, audit, "warning");
    write_findings(html, audit, "info");
    ext_report_html_table_end(html);
    say_checks(html, audit, "0", "found nothing", "by gru4rec_audit()");
    say_checks(html, audit, NULL, "did not run", why != NULL ? why : "");
}

static int write_events(ext_report_html *html, ext_report_facts *facts, ext_error *error)
{
    static const char *const pictures[] = {"days", "lengths", "popularity"};
    ext_report_html_section(html, "The events");
    write_profile(html, facts);
    write_frequent(html, facts);
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        if (ext_report_page_picture(html, facts, pictures[i], error) != SQLITE_OK)
            return error->rc;
    write_audit(html, facts);
    ext_report_html_section_end(html);
    return SQLITE_OK;
}

/* ---- the page ---- */

/* The map of the items. */
static int write_map(ext_report_html *html, ext_report_facts *facts, ext_error *error)
{
    ext_report_html_section(html, "The map of the items");
    ext_report_html_say(html, "Items that the model treats alike stand near each other.");
    if (ext_report_page_picture(html, facts, "items", error) != SQLITE_OK)
        return error->rc;
    if (facts->request.columns.label == NULL)
        ext_report_html_note(html, "Colours come from an option: "
                                   "'label=(SELECT id, category FROM products)'.");
    ext_report_html_section_end(html);
    return SQLITE_OK;
}

int ext_report_page_write(ext_report_html *html, ext_report_facts *facts,
                          ext_error *error)
{
    char *title = sqlite3_mprintf("Report on %s", facts->reference);
    if (title == NULL)
        return ext_error_nomem(error);
    ext_report_html_begin(html, title);
    sqlite3_free(title);
    write_summary(html, facts);
    int rc = ext_report_measured_write(html, facts, error);
    if (rc == SQLITE_OK)
        rc = ext_report_segments_write(html, facts, error);
    if (rc == SQLITE_OK)
        ext_report_shown_write(html, facts);
    if (rc == SQLITE_OK)
        rc = write_events(html, facts, error);
    if (rc == SQLITE_OK)
        rc = ext_report_training_write(html, facts, error);
    if (rc == SQLITE_OK)
        rc = write_map(html, facts, error);
    if (rc != SQLITE_OK)
        return rc;
    ext_report_html_note(html, "Written by gru4rec_report(), version " GRU4REC_VERSION
                               " of gru4rec.");
    ext_report_html_end(html);
    return ext_report_html_check(html, error);
}
