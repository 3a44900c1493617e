/*
 * ext_report_training.c - the sections of a report on the training and the tuning of a
 * version; see ext_report.h.
 */
#include "ext_report.h"

#include <math.h>
#include <string.h>

/* How many rows of epochs are shown at most; of more, some are left out. */
enum { MOST_EPOCHS = 24 };

/* Appends a cell with a number; an empty one if there is none. */
static void write_number(ext_report_html *html, double value, int digits)
{
    if (isnan(value))
        ext_report_html_number(html, "%s", "");
    else
        ext_report_html_number(html, "%.*f", digits, value);
}

/* ---- the training ---- */

/* Says how many epochs there were, and how the loss fell. */
static void say_epochs(ext_report_html *html, const ext_report_facts *facts)
{
    const ext_report_rows *epochs = &facts->epochs;
    const double seconds = ext_report_rows_real(&facts->version, 0, EXT_REPORT_SECONDS);
    const long long best =
        (long long)ext_report_rows_integer(&facts->version, 0, EXT_REPORT_BEST_EPOCH);
    if (epochs->n == 0) {
        ext_report_html_say(html,
                            "No epoch of this version is known: it was imported, or "
                            "its training had none.");
        return;
    }
    const double first = ext_report_rows_real(epochs, 0, 1);
    const double last = ext_report_rows_real(epochs, epochs->n - 1, 1);
    if (epochs->n == 1)
        ext_report_html_say(html, "One epoch; its mean loss is %.3f.", first);
    else
        ext_report_html_say(html,
                            "%lld epochs; the mean loss went from %.3f in the first one "
                            "to %.3f in the last one.",
                            (long long)epochs->n, first, last);
    if (!isnan(seconds))
        ext_report_html_say(html, "They took %.1f seconds.", seconds);
    if (!ext_report_rows_is_null(epochs, 0, 3) && best > 0)
        ext_report_html_say(html,
                            "The weights are those of epoch %lld, which had the best "
                            "MRR@20 on the sessions that were held out.",
                            best);
}

/* The table of the epochs; the one whose weights were kept is marked. */
static void write_epochs(ext_report_html *html, const ext_report_facts *facts)
{
    static const char *const headings[] = {"epoch", "loss", "recall@20", "MRR@20"};
    const ext_report_rows *epochs = &facts->epochs;
    const int64_t best =
        ext_report_rows_integer(&facts->version, 0, EXT_REPORT_BEST_EPOCH);
    const size_t every = (epochs->n + MOST_EPOCHS - 1) / MOST_EPOCHS;
    const bool is_validated = !ext_report_rows_is_null(epochs, 0, 2);
    if (epochs->n < 2)
        return;
    ext_report_html_table(html, every > 1 ? "Epochs, some left out" : "Epochs",
                          is_validated ? "rrrr" : "rr", headings);
    for (size_t i = 0; i < epochs->n; i++) {
        const int64_t epoch = ext_report_rows_integer(epochs, i, 0);
        const bool is_best = is_validated && epoch == best;
        if (i % every != 0 && i != epochs->n - 1 && !is_best)
            continue;
        ext_report_html_row(html, is_best);
        ext_report_html_number(html, "%lld", (long long)epoch);
        write_number(html, ext_report_rows_real(epochs, i, 1), 4);
        for (size_t column = 2; is_validated && column < 4; column++)
            write_number(html, ext_report_rows_real(epochs, i, column), 4);
        ext_report_html_row_end(html);
    }
    ext_report_html_table_end(html);
}

/* The options that are not those of a training without options. */
static void write_options(ext_report_html *html, const ext_report_facts *facts)
{
    static const char *const headings[] = {"option", "value", "default", "what it is"};
    const ext_report_rows *options = &facts->options;
    gru4rec_option_info info;
    if (options->n == 0) {
        ext_report_html_note(html, "All options have their defaults.");
        return;
    }
    ext_report_html_table(html, "Options that do not have their defaults", "llll",
                          headings);
    for (size_t i = 0; i < options->n; i++) {
        ext_report_html_row(html, false);
        for (size_t column = 0; column < options->n_columns; column++) {
            const char *text = ext_report_rows_text(options, i, column);
            ext_report_html_cell(html, "%s", text != NULL ? text : "");
        }
        const char *name = ext_report_rows_text(options, i, 0);
        const bool is_known = name != NULL && ext_plot_request_option(&info, name);
        ext_report_html_cell(html, "%s", is_known ? info.help : "");
        ext_report_html_row_end(html);
    }
    ext_report_html_table_end(html);
}

/* ---- the tuning ---- */

/* The best trials of the last tuning. */
static void write_trials(ext_report_html *html, const ext_report_facts *facts)
{
    const char *const headings[] = {"trial",  "epochs", facts->objective,
                                    "recall", "MRR",    "options"};
    const ext_report_rows *trials = &facts->trials;
    const int64_t best = ext_report_rows_integer(&facts->tuning, 0, 1);
    ext_report_html_table(html, "The best trials", "rrrrrl", headings);
    for (size_t i = 0; i < trials->n; i++) {
        const int64_t trial = ext_report_rows_integer(trials, i, 0);
        const char *options = ext_report_rows_text(trials, i, 5);
        ext_report_html_row(html, trial == best);
        ext_report_html_number(html, "%lld", (long long)trial);
        ext_report_html_number(html, "%lld",
                               (long long)ext_report_rows_integer(trials, i, 1));
        for (size_t column = 2; column < 5; column++)
            write_number(html, ext_report_rows_real(trials, i, column), 4);
        ext_report_html_cell(html, "%s", options != NULL ? options : "");
        ext_report_html_row_end(html);
    }
    ext_report_html_table_end(html);
}

/* What the last tuning of the model tried; nothing if there was none. */
static int write_tuning(ext_report_html *html, ext_report_facts *facts, ext_error *error)
{
    const ext_report_rows *tuning = &facts->tuning;
    if (tuning->n == 0)
        return SQLITE_OK;
    ext_report_html_section(html, "The tuning");
    ext_report_html_say(html,
                        "The last tuning of this model tried %s of options%s. "
                        "These figures are of the sessions that it chose by.",
                        ext_text_count_of(&(ext_text_count){""},
                                          ext_report_rows_integer(tuning, 0, 0), "set"),
                        ext_report_rows_is_null(tuning, 0, 1) ? ", and did not finish"
                                                              : "");
    if (ext_report_page_picture(html, facts, "trials", error) != SQLITE_OK)
        return error->rc;
    write_trials(html, facts);
    ext_report_html_section_end(html);
    return SQLITE_OK;
}

int ext_report_training_write(ext_report_html *html, ext_report_facts *facts,
                              ext_error *error)
{
    const char *warnings = ext_report_rows_text(&facts->version, 0, EXT_REPORT_WARNINGS);
    ext_report_html_section(html, "The training");
    say_epochs(html, facts);
    if (warnings != NULL && *warnings != '\0')
        ext_report_html_warn(html, "The training warned: %s.", warnings);
    if (facts->epochs.n > 0 &&
        ext_report_page_picture(html, facts, "learning", error) != SQLITE_OK)
        return error->rc;
    write_epochs(html, facts);
    write_options(html, facts);
    ext_report_html_section_end(html);
    return write_tuning(html, facts, error);
}
