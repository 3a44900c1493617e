/*
 * ext_report_facts.c - reads what a report says from the model, its events and the test;
 * see ext_report.h.
 */
#include "ext_report.h"

#include <math.h>
#include <string.h>

/* Runs a query on the model's tables, with ?1 the number of the version. */
static int read_rows(ext_report_rows *rows, const ext_report_facts *facts,
                     const char *sql, ext_error *error)
{
    sqlite3_stmt *stmt;
    ext_query(&facts->request.home, &stmt, error, sql, "i",
              facts->request.options.version);
    return ext_report_rows_read(rows, stmt, error);
}

/* ---- the version ---- */

/*
 * Finds the version that is meant, and fixes its number in the request, so that all parts
 * of the page are of one version; then loads it.
 */
static int find_version(ext_report_facts *facts, ext_error *error)
{
    ext_plot_request *request = &facts->request;
    ext_choice choice = ext_choice_of_option(request->options.version);
    ext_version version;
    int rc = ext_choice_find(&version, &choice, &request->home, error);
    if (rc != SQLITE_OK)
        return rc;
    request->options.version = version.version;
    choice = ext_choice_of_option(version.version);
    facts->reference = ext_schema_reference(&request->home);
    return facts->reference != NULL
               ? ext_model_acquire_version(&facts->model, &request->home, &choice, error)
               : ext_error_nomem(error);
}

/* The query of facts->version; its columns are those of ext_report_version. */
static const char version_query[] =
    "SELECT source, finished, summary ->> '$.events', summary ->> '$.sessions',"
    " summary ->> '$.best_epoch', summary ->> '$.seconds', summary ->> '$.skipped_events',"
    " summary ->> '$.skipped_sessions', summary ->> '$.held_out',"
    " summary ->> '$.recall', summary ->> '$.mrr',"
    " summary ->> '$.first_event', summary ->> '$.last_event',"
    " (SELECT group_concat(value, '; ') FROM json_each(summary, '$.warnings'))"
    " FROM @version WHERE version = ?1";

/* The query of facts->catalogue; its columns are those of ext_report_catalogue. */
static const char catalogue_query[] =
    "SELECT count(*), max(support), count(*) FILTER (WHERE support < 5), sum(support),"
    " (SELECT sum(support) FROM (SELECT support FROM @item WHERE version = ?1"
    " ORDER BY support DESC LIMIT 20)) FROM @item WHERE version = ?1";

/*
 * Sets *text to the time in a column of facts->version as a reader writes it: a date in
 * UTC if the unit is known, else the number. NULL if there is no time.
 */
static int read_time(char **text, const ext_report_facts *facts, size_t column,
                     ext_error *error)
{
    gru4rec_time time;
    sqlite3_stmt *stmt;
    char number[EXT_TIME_TEXT];
    if (facts->version.n == 0 || !ext_time_value(facts->version.values[column], &time))
        return SQLITE_OK;
    const ext_unit *unit = ext_unit_of(&time);
    ext_time_text(number, &time);
    int rc =
        ext_query(&facts->request.home, &stmt, error,
                  "SELECT coalesce(strftime('%Y-%m-%d %H:%M', ?1, 'unixepoch'), ?2)",
                  "ds", unit != NULL ? gru4rec_time_real(&time) / unit->per_second : NAN,
                  number);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && (*text = ext_sql_text(stmt, 0)) == NULL)
        rc = ext_error_nomem(error);
    return ext_sql_finish(stmt, rc, NULL, error);
}

/* Reads which options of the version are not those that a training has by default. */
static int read_options(ext_report_facts *facts, ext_error *error)
{
    static const char query[] = "SELECT v.key, " EXT_PLOT_VALUE("v") ", " EXT_PLOT_VALUE(
        "d") " FROM json_each(?1) AS v"
             " JOIN json_each(?2) AS d ON d.key = v.key"
             " WHERE v.value <> d.value ORDER BY v.id";
    sqlite3_stmt *stmt = NULL;
    gru4rec_options defaults;
    gru4rec_options_init(&defaults);
    if (ext_options_resolve(&defaults, error) != SQLITE_OK)
        return error->rc;
    char *own = ext_options_json(&facts->model->loaded.options, true);
    char *other = ext_options_json(&defaults, true);
    if (own == NULL || other == NULL)
        ext_error_nomem(error);
    else
        ext_query(&facts->request.home, &stmt, error, query, "ss", own, other);
    sqlite3_free(own);
    sqlite3_free(other);
    return ext_report_rows_read(&facts->options, stmt, error);
}

/* Reads the last tuning of the model, and its best trials. */
static int read_trials(ext_report_facts *facts, ext_error *error)
{
    static const char tuning[] =
        "SELECT (SELECT count(DISTINCT trial) FROM @trial AS t"
        "  WHERE t.tune = m.tune AND trial > 0), options ->> '$.best'"
        " FROM @trial AS m WHERE trial = 0 AND ?1 > 0"
        " ORDER BY tune DESC LIMIT 1";
    static const char trials[] =
        "SELECT trial, epochs, objective, recall, mrr,"
        " (SELECT group_concat(key || ' ' || " EXT_PLOT_VALUE(
            "j") ", ', ')"
                 "  FROM json_each(options) AS j)"
                 " FROM @trial AS m WHERE tune = (SELECT max(tune) FROM @trial) AND trial > 0"
                 " AND ?1 > 0 AND rung = (SELECT max(rung) FROM @trial AS t"
                 "  WHERE t.tune = m.tune AND t.trial = m.trial)"
                 " ORDER BY objective DESC, trial LIMIT 10";
    bool has_trials;
    int rc = ext_shadow_has(&facts->request.home, "trial", &has_trials, error);
    if (rc == SQLITE_OK && has_trials)
        rc = read_rows(&facts->tuning, facts, tuning, error);
    if (rc == SQLITE_OK && has_trials)
        rc = ext_plot_trials_objective(&facts->objective, &facts->request.home, error);
    return rc == SQLITE_OK && has_trials ? read_rows(&facts->trials, facts, trials, error)
                                         : rc;
}

/* Lists the ten items with the most events. */
static int list_frequent(ext_report_facts *facts, ext_error *error)
{
    enum { MOST = 10 };
    const gru4rec_items *items = facts->model->loaded.items;
    const int32_t n = gru4rec_items_count(items);
    ext_plot_item *list;
    int rc = ext_plot_ranking_make(&list, &ext_memory, items, error);
    for (int32_t i = 0; rc == SQLITE_OK && i < MOST && i < n; i++)
        rc = ext_rows_add(&facts->frequent, list[i].row, error);
    ext_memory.resize(ext_memory.context, list, 0);
    return rc;
}

/* Reads what the model's own tables say of the version. */
static int read_version(ext_report_facts *facts, ext_error *error)
{
    int rc = read_rows(&facts->version, facts, version_query, error);
    if (rc == SQLITE_OK)
        rc = read_rows(&facts->catalogue, facts, catalogue_query, error);
    if (rc == SQLITE_OK)
        rc = read_time(&facts->first, facts, EXT_REPORT_FIRST_EVENT, error);
    if (rc == SQLITE_OK)
        rc = read_time(&facts->last, facts, EXT_REPORT_LAST_EVENT, error);
    if (rc == SQLITE_OK)
        rc = read_options(facts, error);
    if (rc == SQLITE_OK)
        rc = read_rows(&facts->epochs, facts,
                       "SELECT epoch, loss, recall, mrr FROM @epoch"
                       " WHERE version = ?1 ORDER BY epoch",
                       error);
    if (rc == SQLITE_OK)
        rc = list_frequent(facts, error);
    return rc == SQLITE_OK ? read_trials(facts, error) : rc;
}

/* ---- what other functions say ---- */

/* Appends "name":"text" to the JSON object, unless text is NULL. */
static void append_text(sqlite3_str *json, const char *name, const char *text)
{
    if (text == NULL)
        return;
    sqlite3_str_appendf(json, ",\"%s\":", name);
    ext_json_append(json, text);
}

/* Appends the columns that the options name. */
static void append_columns(sqlite3_str *json, const ext_columns *columns)
{
    append_text(json, "session", columns->session);
    append_text(json, "item", columns->item);
    append_text(json, "time", columns->time);
    append_text(json, "order", columns->order);
}

/* Audits the model's source, and the test if there is one. */
static int read_audit(ext_report_facts *facts, ext_error *error)
{
    const ext_plot_request *request = &facts->request;
    ext_error own = {0};
    sqlite3_stmt *stmt = NULL;
    sqlite3_str *json = sqlite3_str_new(NULL);
    sqlite3_str_appendf(json, "{\"version\":%lld", (long long)request->options.version);
    append_columns(json, &request->columns);
    sqlite3_str_appendchar(json, 1, '}');
    char *options = sqlite3_str_finish(json);
    if (options == NULL)
        return ext_error_nomem(error);
    ext_query(&request->home, &stmt, &own,
              "SELECT check_name, severity, value, advice FROM " EXT_REPORT_OWN
              "gru4rec_audit(?1, ?2, ?3)",
              "sss", facts->reference, request->columns.test, options);
    sqlite3_free(options);
    ext_report_rows_read(&facts->audit, stmt, &own);
    return ext_report_rows_excuse(&facts->no_audit, &own, error);
}

const gru4rec_metrics *ext_report_facts_find(const ext_plot_measures *measures,
                                             const char *method, const char *segment,
                                             int64_t k)
{
    for (size_t i = 0; measures != NULL && i < measures->n; i++) {
        const gru4rec_metrics *row = &measures->rows[i];
        const bool is_segment =
            segment == NULL ? row->segment == NULL
                            : row->segment != NULL && strcmp(row->segment, segment) == 0;
        if (row->k == k && is_segment && strcmp(row->method, method) == 0)
            return row;
    }
    return NULL;
}

/* Returns a measure of the row. */
static double value_of(const gru4rec_metrics *row, int measure)
{
    return measure == EXT_REPORT_BY_RECALL ? row->recall
           : measure == EXT_REPORT_BY_MRR  ? row->mrr
                                           : row->ndcg;
}

/* Finds the baseline that has most of each measure at k; of equal ones the first. */
static void find_best(ext_report_facts *facts)
{
    for (size_t i = 0; i < facts->all->n; i++) {
        const gru4rec_metrics *row = &facts->all->rows[i];
        if (row->k != facts->k || row->segment != NULL ||
            strncmp(row->method, "gru4rec", strlen("gru4rec")) == 0)
            continue;
        for (int m = 0; m < EXT_REPORT_MEASURES; m++)
            if (facts->best[m] == NULL || value_of(row, m) > value_of(facts->best[m], m))
                facts->best[m] = row;
    }
}

/* Tells whether an option belongs to a baseline, but not to the one of that name. */
static bool is_of_another(const char *option, const char *name)
{
    bool is_any = false;
    for (int kind = 0; kind < GRU4REC_N_BASELINES; kind++) {
        const bool has = gru4rec_baseline_has_option((gru4rec_baseline_kind)kind, option);
        if (has && strcmp(gru4rec_baseline_name((gru4rec_baseline_kind)kind), name) == 0)
            return false;
        is_any |= has;
    }
    return is_any;
}

/*
 * Returns the options of the comparison with a baseline: those of the request that such a
 * comparison takes. The caller frees them. NULL: there is no memory.
 */
static char *comparison_options(const ext_report_facts *facts, const char *baseline)
{
    static const char *const others[] = {"version", "baselines", "segment", "cutoffs"};
    const ext_plot_request *request = &facts->request;
    sqlite3_str *json = sqlite3_str_new(NULL);
    sqlite3_str_appendf(json, "{\"version_a\":%lld,\"cutoffs\":%lld",
                        (long long)request->options.version, (long long)facts->k);
    for (size_t i = 0; i < gru4rec_option_count(); i++) {
        gru4rec_option_info info;
        gru4rec_option_describe(i, &info);
        bool is_left_out = (info.scope & GRU4REC_SCOPE_EVALUATE) == 0 ||
                           !gru4rec_option_is_set(&request->options, i) ||
                           is_of_another(info.name, baseline);
        for (size_t j = 0; j < sizeof others / sizeof *others; j++)
            is_left_out |= strcmp(info.name, others[j]) == 0;
        if (is_left_out)
            continue;
        sqlite3_str_appendchar(json, 1, ',');
        ext_options_append(json, &request->options, i);
    }
    append_columns(json, &request->columns);
    append_text(json, "candidates", request->columns.candidates);
    sqlite3_str_appendchar(json, 1, '}');
    return sqlite3_str_finish(json);
}

/* Compares the version with the best baseline by a measure, on the test. */
static int compare(ext_report_facts *facts, int measure, ext_error *error)
{
    static const char *const names[] = {"recall", "mrr", "ndcg"};
    const ext_plot_request *request = &facts->request;
    const char *baseline = facts->best[measure]->method;
    sqlite3_stmt *stmt = NULL;
    char *options = comparison_options(facts, baseline);
    char *method = sqlite3_mprintf("baseline:%s", baseline);
    if (options == NULL || method == NULL)
        ext_error_nomem(error);
    else
        ext_query(&request->home, &stmt, error,
                  "SELECT b, difference, low, high, p"
                  " FROM " EXT_REPORT_OWN "gru4rec_compare(?1, ?2, ?3, ?4)"
                  " WHERE measure = ?5",
                  "sssss", facts->reference, method, request->columns.test, options,
                  names[measure]);
    sqlite3_free(options);
    sqlite3_free(method);
    return ext_report_rows_read(&facts->comparisons[measure], stmt, error);
}

/* Measures the version on the test: all targets, by position and by popularity. */
static int measure(ext_report_facts *facts, ext_error *error)
{
    ext_plot_request *request = &facts->request;
    int rc = ext_plot_request_measures(&facts->all, request, GRU4REC_SEGMENT_NONE, error);
    if (rc == SQLITE_OK)
        rc = ext_plot_request_measures(&facts->positions, request,
                                       GRU4REC_SEGMENT_POSITION, error);
    if (rc == SQLITE_OK)
        rc = ext_plot_request_measures(&facts->popularity, request,
                                       GRU4REC_SEGMENT_POPULARITY, error);
    for (size_t i = 0; rc == SQLITE_OK && i < facts->all->n; i++)
        if (facts->all->rows[i].k > facts->k)
            facts->k = facts->all->rows[i].k;
    if (rc == SQLITE_OK)
        find_best(facts);
    return rc;
}

/* ---- examples and titles ---- */

/* Notes the items that the page will name. */
static int list_items(ext_rows *rows, const ext_report_facts *facts, ext_error *error)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < facts->frequent.n; i++)
        rc = ext_rows_add(rows, facts->frequent.rows[i], error);
    for (size_t i = 0; i < facts->examples.n; i++) {
        const ext_report_example *example = &facts->examples.examples[i];
        for (size_t j = 0; rc == SQLITE_OK && j < example->rows.n; j++)
            rc = ext_rows_add(rows, example->rows.rows[j], error);
        for (int j = 0; rc == SQLITE_OK && j < example->n_list; j++)
            rc = ext_rows_add(rows, example->list[j], error);
    }
    return rc;
}

/* A step of reading the facts. */
typedef int reader(ext_report_facts *facts, ext_error *error);

/*
 * Runs a step as a call of its own, nested in the present one: so a model that the step
 * uses does not count as used in the steps behind it, which reach it by SQL.
 */
static int run(reader *step, ext_report_facts *facts, ext_error *error)
{
    ext_entry entry;
    int rc = ext_entry_start(&entry, facts->request.home.db, error);
    if (rc == SQLITE_OK)
        rc = step(facts, error);
    ext_entry_end(&entry);
    return rc;
}

int ext_report_facts_read(ext_report_facts *facts, ext_error *error)
{
    const ext_plot_request *request = &facts->request;
    int rc = run(find_version, facts, error);
    if (rc == SQLITE_OK)
        rc = read_version(facts, error);
    if (rc == SQLITE_OK)
        rc = read_audit(facts, error);
    if (rc == SQLITE_OK && request->columns.test != NULL)
        rc = run(measure, facts, error);
    for (int i = 0; rc == SQLITE_OK && i < EXT_REPORT_MEASURES; i++)
        if (facts->best[i] != NULL && facts->all->rows[0].events > 0)
            rc = compare(facts, i, error);
    if (rc == SQLITE_OK)
        rc = ext_report_examples_draw(&facts->examples, EXT_REPORT_EXAMPLES, request,
                                      facts->reference, &facts->model->loaded, error);
    if (rc == SQLITE_OK)
        rc = list_items(&facts->titles.rows, facts, error);
    return rc == SQLITE_OK ? ext_report_titles_read(&facts->titles, request,
                                                    facts->model->loaded.items, error)
                           : rc;
}

void ext_report_facts_free(ext_report_facts *facts)
{
    ext_report_rows *const rows[] = {&facts->version, &facts->catalogue, &facts->options,
                                     &facts->epochs,  &facts->audit,     &facts->tuning,
                                     &facts->trials};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ext_report_rows_free(rows[i]);
    for (int i = 0; i < EXT_REPORT_MEASURES; i++)
        ext_report_rows_free(&facts->comparisons[i]);
    ext_rows_free(&facts->frequent);
    ext_report_titles_free(&facts->titles);
    ext_report_examples_free(&facts->examples);
    sqlite3_free(facts->reference);
    sqlite3_free(facts->first);
    sqlite3_free(facts->last);
    sqlite3_free(facts->no_audit);
    sqlite3_free(facts->objective);
    ext_model_release(facts->model);
    ext_plot_request_free(&facts->request);
    *facts = (ext_report_facts){0};
}
