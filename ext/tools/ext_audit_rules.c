/*
 * ext_audit_rules.c - the checks of an audit: name, thresholds, and advice; see
 * ext_tools.h.
 *
 * They are in one table. Every check gives a row of gru4rec_audit(), whatever it found,
 * so that a program that watches a log can rely on the rows.
 */
#include "ext_tools.h"

#include <string.h>

/* A threshold that no share reaches. */
#define NEVER 2.0

/*
 * The rule of each check. A finding is a warning, or an error, if its weight is above
 * that threshold; else it is 'info'. The advice is given whenever something was found,
 * also with 'info'. The text what follows "3 of 90 (3.3 %)" in the message.
 */
static const struct rule {
    const char *name;
    double warning, error;
    const char *what, *advice;
} rules[EXT_AUDIT_CHECKS] = {
    [EXT_AUDIT_MISSING] = {"missing_values", 0.01, 0.5,
                           "rows lack a session, an item or a time (NULL or empty)",
                           "training skips them; fill them in where they are made"},
    [EXT_AUDIT_BLANK] = {"blank_ids", 0, 0.05,
                         "events have a session or an item of white space alone, which "
                         "counts as an id",
                         "read from (SELECT ... WHERE trim(%s) <> '' AND trim(%s) <> "
                         "''), with char(9, 10, 13) as its second argument where there "
                         "are tabs"},
    [EXT_AUDIT_BAD_TIMES] = {"bad_times", 0, NEVER, "rows have times that cannot be read",
                             "gru4rec_time() is NULL for them; convert them in the "
                             "source, or let bad_rows skip them"},
    [EXT_AUDIT_BAD_ITEMS] = {"bad_items", 0, 0,
                             "rows have items that are BLOBs, or REALs but no integers, "
                             "and training refuses them",
                             "use (SELECT ..., hex(%s) AS item, ...) or CAST"},
    [EXT_AUDIT_DUPLICATES] = {"duplicate_events", 0.02, 0.4,
                              "events are there before, with the same session, item and "
                              "time",
                              "import the log once, and read from (SELECT DISTINCT ...)"},
    [EXT_AUDIT_ALIKE_ITEMS] = {"alike_items", 0.001, 0.3,
                               "items differ from another one by type, case or spaces "
                               "alone, and are items of their own",
                               "write ids in one form: lower(trim(%s))"},
    [EXT_AUDIT_ALIKE_SESSIONS] = {"alike_sessions", 0.001, 0.3,
                                  "sessions differ from another one by type, case or "
                                  "spaces alone, and are sessions of their own",
                                  "write ids in one form: lower(trim(%s))"},
    [EXT_AUDIT_SINGLE] = {"single_event_sessions", 0.6, NEVER,
                          "sessions have one event and teach nothing",
                          "that is usual where most visitors leave at once; else see "
                          "whether the session is the right column, or session_gap too "
                          "small"},
    [EXT_AUDIT_REPEATS] =
        {"repeated_items", 0.2, 0.8, "events have the item of the event before them",
         "where these are reloads, collapse_repeats=true counts them "
         "once; as they are, to predict the same item again is easy and "
         "of no use"},
    [EXT_AUDIT_TIES] = {"same_time", 0.2, NEVER,
                        "events have the time of the event before them in their session",
                        "keep times finer than now; until then the rowid, or the column "
                        "that order= names, says which is first"},
    [EXT_AUDIT_ARBITRARY] = {"arbitrary_order", 0.001, 0.5,
                             "events have the time of the one before, and nothing says "
                             "which of them is first but their ids",
                             "name a column that does: order=..."},
    [EXT_AUDIT_LONG] = {"long_sessions", 0.02, 0.5,
                        "events are in sessions of at least 100 events and more than 20 "
                        "times the median: robots, mostly",
                        "leave them out: max_length=%lld,long_sessions=drop"},
    [EXT_AUDIT_FAST] =
        {"fast_sessions", 0.02, 0.5,
         "events are in sessions of at least 20 events whose mean pause is "
         "below a twentieth of the median: robots, mostly",
         "leave these sessions out of the source (WHERE ... NOT IN)"},
    [EXT_AUDIT_SPANS] =
        {"day_long_sessions", 0.02, NEVER,
         "sessions take more than a day, and so are visitors rather than "
         "visits",
         "cut them by session_gap; half an hour is usual where the pauses, as "
         "here, do not tell"},
    [EXT_AUDIT_ONCE] = {"items_seen_once", 0.5, NEVER,
                        "items have one event, too little to learn them",
                        "min_support=2, or more, leaves them out"},
    [EXT_AUDIT_POPULAR] = {"popular_items", 0.3, NEVER,
                           "events are of the 20 items that have most, so that a list of "
                           "these is hard to beat",
                           "compare with it: gru4rec_evaluate(..., 'baselines=pop')"},
    [EXT_AUDIT_FEW_SESSIONS] = {"few_sessions", 0, 0.9999,
                                "sessions of two events and more are missing, as ten "
                                "times batch_size should be there",
                                "take a smaller batch_size, or more of the log"},
    [EXT_AUDIT_FEW_EVENTS] = {"few_events", 0, NEVER,
                              "events are missing, as an item should have five on the "
                              "average",
                              "take more of the log, or leave rare items out: "
                              "min_support=5"},
    [EXT_AUDIT_FEW_ITEMS] = {"few_items", 0, NEVER,
                             "items are missing, as many as n_sample draws",
                             "score all of them: n_sample=all"},
    [EXT_AUDIT_UNKNOWN_ITEMS] = {"unknown_items", 0.3, NEVER,
                                 "items of the test are not known from the training",
                                 "they cannot be recommended; train nearer to the test"},
    [EXT_AUDIT_UNKNOWN_EVENTS] = {"unknown_events", 0.1, 0.9,
                                  "events of the test are of items that are not known "
                                  "from the training, and no measure counts them",
                                  "train nearer to the test, or with a smaller "
                                  "min_support; see that ids are written alike"},
    [EXT_AUDIT_TRAINED] = {"trained_sessions", 0.001, 0.01,
                           "sessions of the test were likely trained on: the same id, or "
                           "the same items at the same times",
                           "test on sessions that begin after the training ended"},
    [EXT_AUDIT_SHARED] = {"shared_sessions", 0.001, 0.01,
                          "sessions of the test likely have the id of a session that was "
                          "trained on",
                          "split the log by session, not by event; where files number "
                          "their sessions anew, make ids that differ"},
    [EXT_AUDIT_BEFORE] = {"events_before_end", 0.001, 0.5,
                          "events of the test are from before the end of the training",
                          "a log in use is predicted forward: split it by time"},
    [EXT_AUDIT_IDENTICAL] = {"identical_sequences", 0.02, 0.2,
                             "sessions of three events and more likely have the items of "
                             "a session that was trained on, in its order",
                             "see whether the test is a copy with other ids and times"},
};

static const char *severity_of(const ext_audit_finding *finding, const struct rule *rule)
{
    if (finding->state != EXT_AUDIT_COUNTED || finding->n == 0 ||
        !(finding->weight > rule->warning))
        return "info";
    return finding->weight > rule->error ? "error" : "warning";
}

/*
 * Writes what was found, and what to do about it. NULL: there is nothing to say, or not
 * enough memory.
 */
static char *describe(const ext_audit_finding *finding, const struct rule *rule)
{
    const double share =
        finding->of > 0 ? 100 * (double)finding->n / (double)finding->of : 0;
    sqlite3_str *text;
    if (finding->state != EXT_AUDIT_COUNTED)
        return finding->detail != NULL ? sqlite3_mprintf("%s", finding->detail) : NULL;
    if (finding->n == 0)
        return NULL;
    text = sqlite3_str_new(NULL);
    sqlite3_str_appendf(text, "%lld of %lld (%.3g %%) %s", (long long)finding->n,
                        (long long)finding->of, share, rule->what);
    if (finding->example != NULL)
        sqlite3_str_appendf(text, ", such as %s", finding->example);
    sqlite3_str_appendf(text, "; %s",
                        finding->advice != NULL ? finding->advice : rule->advice);
    if (finding->detail != NULL)
        sqlite3_str_appendf(text, "; %s", finding->detail);
    return sqlite3_str_finish(text);
}

int ext_audit_rules_row(ext_audit_line *line, const ext_audit_finding *finding,
                        ext_audit_check check, ext_error *error)
{
    const struct rule *rule = &rules[check];
    const bool has_advice =
        finding->state == EXT_AUDIT_COUNTED ? finding->n > 0 : finding->detail != NULL;
    *line = (ext_audit_line){.name = rule->name,
                             .severity = severity_of(finding, rule),
                             .state = finding->state,
                             .n = finding->n,
                             .advice = describe(finding, rule)};
    return has_advice && line->advice == NULL ? ext_error_nomem(error) : SQLITE_OK;
}

const char *ext_audit_rules_advice(ext_audit_check check)
{
    return rules[check].advice;
}
