/*
 * ext_report.c - gru4rec_report(model [, file] [, options]): what is known of a model, as
 * one HTML page; see ext_report.h.
 *
 * With a file, writes it, and the result is its size in bytes. Without a file, the result
 * is the page as TEXT. With the model alone, it runs no SQL of an argument, and writes
 * nothing; so it works in views. The source that the model stores is read as SQLite reads
 * a view.
 */
#include "ext_report.h"

#include <string.h>

/* Writes the page into the file at path, and makes its size in bytes the SQL result. */
static void write_file(sqlite3_context *context, sqlite3 *db, const char *path,
                       const char *page, ext_error *error)
{
    ext_output output;
    int rc = ext_file_create(&output, db, path, error);
    if (rc == SQLITE_OK)
        rc = ext_file_write(&output, page, strlen(page), error);
    if (ext_file_finish(&output, rc, error) == SQLITE_OK)
        sqlite3_result_int64(context, (sqlite3_int64)strlen(page));
}

/* Makes the page the SQL result. The page is freed, or is SQLite's afterwards. */
static void give_text(sqlite3_context *context, sqlite3 *db, char *page, ext_error *error)
{
    const size_t n = strlen(page);
    if (n <= (size_t)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, -1)) {
        sqlite3_result_text64(context, page, n, sqlite3_free, SQLITE_UTF8);
        return;
    }
    sqlite3_free(page);
    ext_error_set(error, SQLITE_TOOBIG,
                  "the report takes %lld bytes, more than SQLite lets a TEXT have; "
                  "give a file as the second argument",
                  (long long)n);
}

/* Reads all facts, and writes the page into *page, which the caller frees. */
static int make_page(char **page, ext_report_facts *facts, ext_error *error)
{
    ext_report_html html = {.text = sqlite3_str_new(NULL)};
    int rc = ext_report_facts_read(facts, error);
    if (rc == SQLITE_OK)
        rc = ext_report_page_write(&html, facts, error);
    *page = sqlite3_str_finish(html.text);
    if (rc == SQLITE_OK || *page == NULL)
        return rc;
    sqlite3_free(*page);
    *page = NULL;
    return rc;
}

/*
 * Reads the arguments behind the model: *path, borrowed, is NULL if no file is given, and
 * *options if there are none. Asks the host whether the file may be written. SQLITE_AUTH:
 * it may not.
 */
static int read_arguments(const char **path, const char **options, sqlite3 *db, int argc,
                          sqlite3_value **argv, ext_error *error)
{
    sqlite3_value *file = argc > 1 ? argv[1] : NULL;
    *path = NULL;
    if (ext_value_text(options, argc > 2 ? argv[2] : file, "the options", error) !=
        SQLITE_OK)
        return error->rc;
    if (argc == 2 && *options != NULL && ext_options_is(*options))
        return SQLITE_OK;
    if (argc == 2)
        *options = NULL;
    return ext_value_is_given(file) ? ext_file_permit(path, db, file, true, error)
                                    : SQLITE_OK;
}

/* What options a report uses, and what it uses in addition if there is a test. */
enum {
    USES = EXT_USES_LISTS | EXT_USES_VERSION | EXT_USES_SEED | EXT_USES_MEMORY |
           EXT_USES_TEST | EXT_USES_ITEMS,
    WITH_TEST = EXT_USES_MEASURES | EXT_USES_COLUMNS
};

/* Reads the model and its options as a call of its own (ext_report_facts.c, run()). */
static int read_request(ext_report_facts *facts, ext_connection *connection,
                        sqlite3_value *name, const char *options, ext_error *error)
{
    ext_entry entry;
    int rc = ext_entry_start(&entry, connection->db, error);
    if (rc == SQLITE_OK)
        rc = ext_plot_request_read(&facts->request, connection, name, options, error);
    if (rc == SQLITE_OK)
        rc =
            ext_plot_request_check(&facts->request, "the report", USES, WITH_TEST, error);
    ext_entry_end(&entry);
    return rc;
}

/*
 * Writes a report: what report() does where no other one runs on the connection.
 */
static void write_report(sqlite3_context *context, int argc, sqlite3_value **argv,
                         ext_error *error)
{
    ext_connection *connection = ext_connection_of(context);
    sqlite3 *db = connection->db;
    ext_report_facts facts = {0};
    const char *path, *options;
    char *page = NULL;
    int rc = read_arguments(&path, &options, db, argc, argv, error);
    if (rc == SQLITE_OK)
        rc = read_request(&facts, connection, argv[0], options, error);
    if (rc == SQLITE_OK)
        rc = make_page(&page, &facts, error);
    if (rc == SQLITE_OK && path != NULL)
        write_file(context, db, path, page, error);
    else if (rc == SQLITE_OK) {
        give_text(context, db, page, error);
        page = NULL;
    }
    sqlite3_free(page);
    ext_report_facts_free(&facts);
}

/*
 * The SQL function gru4rec_report(). SQLITE_ERROR: it is called by a source or a view
 * that another report of the connection reads.
 */
static void report(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    ext_connection *connection = ext_connection_of(context);
    ext_error error = {0};
    if (connection->is_reporting) {
        ext_error_set(&error, SQLITE_ERROR,
                      "a report reads a source or a view that calls gru4rec_report(); "
                      "take that call out of it");
    } else {
        connection->is_reporting = true;
        write_report(context, argc, argv, &error);
        connection->is_reporting = false;
    }
    ext_error_result(&error, context);
}

/*
 * The table that registers gru4rec_report() with one, two and three arguments. The last
 * entry has the name NULL.
 */
const ext_function ext_report_functions[] = {
    {"gru4rec_report", 1, SQLITE_INNOCUOUS, report, NULL},
    {"gru4rec_report", 2, SQLITE_DIRECTONLY, report, NULL},
    {"gru4rec_report", 3, SQLITE_DIRECTONLY, report, NULL},
    {NULL, 0, 0, NULL, NULL},
};
