/*
 * ext_mending.c - explains why a model's source does not open, and how to mend the model.
 *
 * The contracts are in ext_store.h. The source, or a column of it, was renamed or is
 * missing. The message gives the call of gru4rec_configure() that mends the model. If the
 * new name can be found, the user can paste the call as it is; otherwise the call has
 * "..." in the place of what only the user knows.
 */
#include "ext_store.h"

#include <string.h>

/*
 * Returns the text "SELECT gru4rec_configure(MODEL, JSON)", of sqlite3_malloc. MODEL is
 * the name of the model, and JSON the text that json has; both are quoted. Frees json in
 * any case. NULL: there is not enough memory.
 */
static char *write_call(const ext_home *home, sqlite3_str *json)
{
    char *options = sqlite3_str_finish(json), *call = NULL;
    char *model = options != NULL ? ext_schema_reference(home) : NULL;
    if (model != NULL)
        call = sqlite3_mprintf("SELECT gru4rec_configure(%Q, %Q)", model, options);
    sqlite3_free(options);
    sqlite3_free(model);
    return call;
}

/*
 * Returns the call of gru4rec_configure() that gives the model that source. The caller
 * frees the call. NULL: there is not enough memory.
 */
static char *call_with_source(const ext_home *home, const char *source)
{
    sqlite3_str *json = sqlite3_str_new(NULL);
    sqlite3_str_appendall(json, "{\"source\":");
    ext_json_append(json, source);
    sqlite3_str_appendchar(json, 1, '}');
    return write_call(home, json);
}

int ext_mending_fail_none(const ext_home *home, ext_error *error)
{
    char *call = call_with_source(home, "...");
    if (call == NULL)
        return ext_error_nomem(error);
    ext_error_set(error, SQLITE_ERROR,
                  "model '%s' has no source of events; "
                  "to train it, name a source as the second argument of gru4rec_train(); "
                  "to serve it, use gru4rec_recommend(); "
                  "or give the model a source: %s",
                  ext_show_text(&(ext_show){""}, home->name), call);
    sqlite3_free(call);
    return error->rc;
}

/* ---- columns ---- */

/*
 * Appends to json the member "role":"name" for a column that the source lacks, after a
 * comma if that is needed. name is the new name of the column, or "..." if that cannot be
 * found. If the source still has the column, appends nothing.
 * now: the shape that the source has now.
 * If role is order and no new name is found, appends null in the place of the name,
 * because a model can work without that column; but "..." if the model's old shape is not
 * known.
 */
static void append_column(sqlite3_str *json, const ext_config *config,
                          const ext_home *home, const char *now, const char *role,
                          const char *column)
{
    char *name;
    if (ext_renamed_column(&name, home->db, config->shape, now, column) !=
        EXT_RENAMED_IS_THERE) {
        sqlite3_str_appendf(json, "%s\"%s\":", sqlite3_str_length(json) > 1 ? "," : "",
                            role);
        if (name == NULL && config->shape != NULL && strcmp(role, "order") == 0)
            sqlite3_str_appendall(json, "null");
        else
            ext_json_append(json, name != NULL ? name : "...");
    }
    sqlite3_free(name);
}

/*
 * Returns the call of gru4rec_configure() that gives a new name for each column of config
 * that the source lacks. Where none is found, it has "..."; but null for the role order
 * if the model's old shape is known, which takes that column from the model. Leaves out
 * the roles for which the caller named a column in given. now: the shape that the source
 * has now. The caller frees the call. NULL: there is not enough memory.
 */
static char *call_with_columns(const ext_config *config, const ext_home *home,
                               const char *now, const ext_columns *given)
{
    const struct {
        const char *role, *column, *given;
    } roles[] = {
        {"session", config->columns.session, given->session},
        {"item", config->columns.item, given->item},
        {"time", config->columns.time, given->time},
        {"order", config->columns.order, given->order},
    };
    sqlite3_str *json = sqlite3_str_new(NULL);
    sqlite3_str_appendchar(json, 1, '{');
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (roles[i].column != NULL && roles[i].given == NULL)
            append_column(json, config, home, now, roles[i].role, roles[i].column);
    sqlite3_str_appendchar(json, 1, '}');
    return write_call(home, json);
}

/*
 * Sets the error that the source lacks a column. The code is that of cause; the message
 * is the model's name, that of cause, and the call of gru4rec_configure() that gives new
 * names to the columns (call_with_columns()): "if it was renamed", or "if it was dropped"
 * if the call takes the column order from the model. name: the table or the view that was
 * to be opened. given: columns that the caller has named, which the call leaves out.
 * Errors of their own: those of ext_source_shape(), and NOMEM.
 */
static int explain_columns(const ext_config *config, const ext_home *home,
                           const char *name, const ext_columns *given,
                           const ext_error *cause, ext_error *error)
{
    char *now, *call;
    if (ext_source_shape(&now, home->db, home->schema, name, error) != SQLITE_OK)
        return error->rc;
    call = call_with_columns(config, home, now, given);
    sqlite3_free(now);
    if (call == NULL)
        return ext_error_nomem(error);
    ext_error_set(error, cause->rc, "model '%s': %s; if it was %s: %s",
                  ext_show_text(&(ext_show){""}, home->name), cause->message,
                  strstr(call, "\"order\":null") != NULL ? "dropped" : "renamed", call);
    sqlite3_free(call);
    return error->rc;
}

/* ---- the source ---- */

/*
 * Tells whether the SELECT that is stored in m_config can be opened as a source with the
 * columns of config. No row is read, and the source is closed again. An error means
 * false.
 */
static bool can_be_read(const ext_config *config, const ext_home *home)
{
    ext_error ignored = {0};
    ext_source source;
    int rc = ext_source_open(&source, home->db, home->schema, config->source,
                             &config->columns, &ignored);
    ext_source_close(&source);
    ext_error_clear(&ignored);
    return rc == SQLITE_OK;
}

/*
 * Returns the call of gru4rec_configure() that gives the model another source.
 * - For a model whose source is a SELECT: the stored SELECT, if the view m_source is gone
 *   and the SELECT can be read; else "SELECT ...".
 * - For any other model: the new name of the source, if the source is gone and is found
 *   under another name; else "...".
 * is_there: the source (or m_source) still exists, but cannot be read.
 * The caller frees the call. NULL: there is not enough memory.
 */
static char *call_for_source(const ext_config *config, const ext_home *home,
                             bool is_there)
{
    if (ext_select_is(config->source))
        return call_with_source(home, !is_there && can_be_read(config, home)
                                          ? config->source
                                          : "SELECT ...");
    char *found = is_there ? NULL
                           : ext_renamed_source(home->db, home->schema, config->shape,
                                                &config->columns);
    char *call = call_with_source(home, found != NULL ? found : "...");
    sqlite3_free(found);
    return call;
}

/*
 * Tells whether the name has a dot, and the part before the dot is a schema that the
 * connection does not have. An error means false, because then it may have that schema.
 */
static bool is_detached(sqlite3 *db, const char *name)
{
    const char *dot = strchr(name, '.');
    ext_error ignored = {0};
    char *schema;
    bool is_there = dot == NULL;
    for (int i = 0; !is_there; i++) {
        if (ext_sql_schema(&schema, db, i, &ignored) != SQLITE_OK || schema == NULL)
            break;
        is_there = strlen(schema) == (size_t)(dot - name) &&
                   sqlite3_strnicmp(schema, name, (int)(dot - name)) == 0;
        sqlite3_free(schema);
    }
    const bool is_listed = ignored.rc == SQLITE_OK;
    ext_error_clear(&ignored);
    return is_listed && !is_there;
}

/*
 * Sets the error that the source of that name does not exist, or is a view that cannot be
 * read. The code is that of cause; the message ends with the call of gru4rec_configure()
 * that gives the model another source. If the name has a schema that is not attached, the
 * message advises to attach it. Looking for the source can fail; then the error is that
 * failure.
 */
static int explain_source(const ext_config *config, const ext_home *home,
                          const char *name, const ext_error *cause, ext_error *error)
{
    bool is_there;
    ext_show show, model;
    if (ext_source_exists(&is_there, home->db, home->schema, name, error) != SQLITE_OK)
        return error->rc;
    char *call = call_for_source(config, home, is_there);
    if (call == NULL)
        return ext_error_nomem(error);
    ext_show_text(&model, home->name);
    if (is_there)
        ext_error_set(error, cause->rc,
                      "model '%s': %s; mend that view, or give the model another source: "
                      "%s",
                      model.text, cause->message, call);
    else
        ext_error_set(error, cause->rc, "model '%s' reads '%s', which is gone; %s: %s",
                      model.text, ext_show_text(&show, name),
                      ext_select_is(config->source) ? "give its SELECT again"
                      : is_detached(home->db, name)
                          ? "attach its database, or, if it was renamed"
                          : "if it was renamed",
                      call);
    sqlite3_free(call);
    return error->rc;
}

int ext_mending_explain(const ext_config *config, const ext_home *home, const char *name,
                        const char *missing, const ext_columns *given,
                        const ext_error *cause, ext_error *error)
{
    return strcmp(missing, "source") == 0
               ? explain_source(config, home, name, cause, error)
               : explain_columns(config, home, name, given, cause, error);
}
