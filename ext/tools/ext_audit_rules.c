/*
 * ext_audit_rules.c - the checks of an audit: name, thresholds, and advice; see
 * ext_tools.h.
 *
 * One table has the rules of all checks. Every check gives a row of gru4rec_audit(),
 * whatever it found, so that a program that watches a log can rely on the rows.
 */
#include "ext_tools.h"

#include <string.h>

/*
 * A threshold that no share exceeds, because shares are at most 1. So a check with it
 * never gives that severity, unless the code sets a weight that is no share, as
 * judge_rows() in ext_audit_look.c does (1e9).
 */
#define NEVER 2.0

/*
 * SQL text: the white space characters that the library ignores at both ends of ids when
 * it looks for ids that are alike (src/data/alike.c).
 */
#define SPACES "char(9, 10, 11, 12, 13, 32, 160, 12288, 65279)"

/*
 * The rules of all checks, indexed by ext_audit_check.
 *   name      of the check, in the column check_name
 *   warning   a finding with cases and a weight above it has the severity 'warning'
 *   error     the same for 'error', if the weight is above warning too
 *   what      the words behind "3 of 90 (3.3 %)" in the column advice
 *   advice    what to do; given whenever there is a case, also with 'info'. For some
 *             checks it is a format (see ext_audit_rules_advice()).
 */
static const struct rule {
    const char *name;
    double warning, error;
    const char *what, *advice;
} rules[EXT_AUDIT_CHECKS] = {
    [EXT_AUDIT_MISSING] = {"missing_values", 0.01, 0.5,
                           "rows lack a session, an item or a time (NULL or empty)",
                           "training skips them; "
                           "fill in the values where the rows are written"},
    [EXT_AUDIT_BLANK] = {"blank_ids", 0, 0.05,
                         "events have a session or an item "
                         "that is only white space, and it counts as an id",
                         "read from (SELECT ... WHERE trim(%s, " SPACES ") <> '' "
                         "AND trim(%s, " SPACES ") <> '')"},
    [EXT_AUDIT_BAD_TIMES] = {"bad_times", 0, NEVER, "rows have times that cannot be read",
                             "gru4rec_time() is NULL for them; convert them in the "
                             "source, or let bad_rows skip them"},
    [EXT_AUDIT_UNITS] = {"mixed_units", 0, 0.05,
                         "events have times in another unit than most events, "
                         "so their order and their pauses are wrong",
                         "convert the times in the source to one unit"},
    [EXT_AUDIT_BAD_ITEMS] = {"bad_items", 0, 0,
                             "rows have items that training refuses: "
                             "BLOBs, or REALs that are not integers",
                             "convert them in the source: "
                             "(SELECT ..., hex(%s) AS item, ...) or CAST"},
    [EXT_AUDIT_DUPLICATES] = {"duplicate_events", 0.02, 0.4,
                              "events repeat another event, "
                              "with the same session, item and time",
                              "import the log once, or read from (SELECT DISTINCT ...)"},
    [EXT_AUDIT_ALIKE_ITEMS] = {"alike_items", 0.001, 0.3,
                               "items differ from another item only by type, "
                               "case or spaces, and count as items of their own",
                               "write ids in one form: lower(trim(%s, " SPACES "))"},
    [EXT_AUDIT_ALIKE_SESSIONS] = {"alike_sessions", 0.001, 0.3,
                                  "sessions differ from another session only by type, "
                                  "case or spaces, and count as sessions of their own",
                                  "write ids in one form: lower(trim(%s, " SPACES "))"},
    [EXT_AUDIT_SINGLE] = {"single_event_sessions", 0.6, NEVER,
                          "sessions have one event and teach nothing",
                          "this is usual if most visitors leave at once; "
                          "else check that the session column is the right one, "
                          "and that session_gap is not too small"},
    [EXT_AUDIT_REPEATS] = {"repeated_items", 0.2, 0.8,
                           "events have the item of the event before them",
                           "if they are reloads of a page, "
                           "collapse_repeats=true counts them once; "
                           "as they are now, the model learns to predict "
                           "the same item again, which is easy and useless"},
    [EXT_AUDIT_TIES] = {"same_time", 0.2, NEVER,
                        "events have the time of the event before them in their session",
                        "store finer times; until then the rowid, "
                        "or the column that order= names, "
                        "decides which event is first"},
    [EXT_AUDIT_ARBITRARY] = {"arbitrary_order", 0.001, 0.5,
                             "events have the time of the event before them, "
                             "and only the ids of their items decide which is first",
                             "name a column that gives their order: order=..."},
    [EXT_AUDIT_LONG] = {"long_sessions", 0.02, 0.5,
                        "events are in sessions of at least 100 events "
                        "and more than 20 times the median length; "
                        "such sessions are mostly robots",
                        "leave them out: max_length=%lld,long_sessions=drop"},
    [EXT_AUDIT_FAST] = {"fast_sessions", 0.02, 0.5,
                        "events are in sessions of at least 20 events "
                        "whose mean pause is below a twentieth "
                        "of the median pause; such sessions are mostly robots",
                        "leave these sessions out of the source (WHERE ... NOT IN)"},
    [EXT_AUDIT_SPANS] = {"day_long_sessions", 0.02, NEVER,
                         "sessions take more than a day, "
                         "so each of them is probably a visitor and not a visit",
                         "cut them by session_gap; "
                         "the pauses of this log suggest no value, "
                         "so use half an hour, which is usual"},
    [EXT_AUDIT_ONCE] = {"items_seen_once", 0.5, NEVER,
                        "items have only one event, "
                        "which is too little to learn from",
                        "min_support=2, or more, leaves them out"},
    [EXT_AUDIT_POPULAR] = {"popular_items", 0.3, NEVER,
                           "events are of the 20 most frequent items, "
                           "so a list of these items is hard to beat",
                           "compare with it: gru4rec_evaluate(..., 'baselines=pop')"},
    [EXT_AUDIT_FEW_SESSIONS] = {"few_sessions", 0, 0.9999,
                                "sessions of two events or more are missing: "
                                "there should be ten times batch_size",
                                "use a smaller batch_size, or more of the log"},
    [EXT_AUDIT_FEW_EVENTS] = {"few_events", 0, NEVER,
                              "events are missing: an item should have five on "
                              "average",
                              "use more of the log, or leave out rare items: "
                              "min_support=5"},
    [EXT_AUDIT_FEW_ITEMS] = {"few_items", 0, NEVER,
                             "items are missing: "
                             "there should be as many as n_sample draws",
                             "score all items: n_sample=all"},
    [EXT_AUDIT_UNKNOWN_ITEMS] = {"unknown_items", 0.3, NEVER,
                                 "items of the test are not known from the training",
                                 "the model cannot recommend them; "
                                 "train on events nearer to the test"},
    [EXT_AUDIT_UNKNOWN_EVENTS] = {"unknown_events", 0.1, 0.9,
                                  "events of the test are of items that are not known "
                                  "from the training, and no measure counts them",
                                  "train on events nearer to the test, "
                                  "or with a smaller min_support; "
                                  "check that training and test write ids in the same "
                                  "form"},
    [EXT_AUDIT_TRAINED] = {"trained_sessions", 0.001, 0.01,
                           "sessions of the test were likely trained on: "
                           "a session of the training has the same id, "
                           "or the same items at the same times",
                           "test on sessions that begin after the training ended"},
    [EXT_AUDIT_SHARED] = {"shared_sessions", 0.001, 0.01,
                          "sessions of the test likely have the id of a session that was "
                          "trained on",
                          "split the log by session, not by event; "
                          "if each file numbers its sessions from the beginning, "
                          "make the ids of the files differ"},
    [EXT_AUDIT_BEFORE] = {"events_before_end", 0.001, 0.5,
                          "events of the test are from before the end of the training",
                          "in use, a model predicts what comes after its training; "
                          "split the log by time"},
    [EXT_AUDIT_IDENTICAL] = {"identical_sequences", 0.02, 0.2,
                             "sessions of three events or more likely have "
                             "the items of a session that was trained on, "
                             "in the same order",
                             "check whether the test is a copy of the training, "
                             "with other ids and times"},
};

/*
 * Returns the severity of a finding, static: 'info' if the check did not count, found no
 * case, or its weight is not above rule->warning; 'error' if the weight is above
 * rule->error too; else 'warning'.
 */
static const char *severity_of(const ext_audit_finding *finding, const struct rule *rule)
{
    if (finding->state != EXT_AUDIT_COUNTED || finding->n == 0 ||
        !(finding->weight > rule->warning))
        return "info";
    return finding->weight > rule->error ? "error" : "warning";
}

/*
 * Returns the text of the column advice, of sqlite3_malloc: "N of M (P %)" with the
 * rule's words, the example, the advice (the finding's, else the rule's) and the detail.
 * If the check did not count, the text is only the detail. NULL: there is no case, there
 * is no detail, or there is not enough memory.
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
