/*
 * ext_model.c - keeps the loaded versions of the process, and the handles on them.
 *
 * The contracts are in ext_cache.h. The process has one list of loaded versions. The key
 * is the database file and the random name of the training run. Every query reads the
 * name of the run from the database. So an old version is never served in place of the
 * active one, even after a rollback, after a file was restored, with an attached copy, or
 * when another process writes. The file is part of the key because a forged database
 * could contain the run name of another one.
 *
 * A connection keeps a handle on the active version of each model that it has used, and
 * on the few other versions that it has used last. A version is freed when its last
 * holder releases it.
 */
#include "ext_cache.h"

#include <string.h>

/* ---- the models of the process ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/*
 * List of all loaded versions of the process, by next. The lock protects the list, and
 * n_users of each entry.
 */
static ext_model *models;

/*
 * Frees a loaded version with all that it owns. It must be in no list, and nobody may
 * hold it.
 */
static void free_model(ext_model *model)
{
    GRU4REC_TRACE(2, "version %lld of %s is freed", (long long)model->version,
                  model->file != NULL ? model->file : "a file");
    ext_load_free(&model->loaded);
    sqlite3_free(model->file);
    sqlite3_free(model);
}

static bool is_same(const ext_model *model, const char *file, const char *run)
{
    return strcmp(model->run, run) == 0 && strcmp(model->file, file) == 0;
}

/*
 * Looks in the list of loaded versions for that database file and run name, adds a holder
 * to the version found, and returns it; NULL: it is not loaded. The caller must have
 * taken the lock.
 */
static ext_model *find_locked(const char *file, const char *run)
{
    ext_model *model = models;
    while (model != NULL && !is_same(model, file, run))
        model = model->next;
    if (model != NULL)
        model->n_users++;
    return model;
}

/*
 * Does what find_locked() does, but takes the lock for the time of the search: adds a
 * holder to the loaded version of that file and run, and returns it. NULL: it is not
 * loaded.
 */
static ext_model *find_model(const char *file, const char *run)
{
    pthread_mutex_lock(&lock);
    ext_model *model = find_locked(file, run);
    pthread_mutex_unlock(&lock);
    return model;
}

/*
 * Puts a version that was just loaded into the list of the process, and returns it; its
 * n_users stays. If another thread has put the same version there first, frees model, and
 * returns that of the other thread with one more holder.
 */
static ext_model *share_model(ext_model *model)
{
    pthread_mutex_lock(&lock);
    ext_model *first = find_locked(model->file, model->run);
    if (first == NULL) {
        model->next = models;
        models = model;
    }
    pthread_mutex_unlock(&lock);
    if (first == NULL)
        return model;
    free_model(model);
    return first;
}

void ext_model_release(ext_model *model)
{
    if (model == NULL)
        return;
    pthread_mutex_lock(&lock);
    const bool is_last = --model->n_users == 0;
    for (ext_model **at = &models; is_last && *at != NULL; at = &(*at)->next)
        if (*at == model) {
            *at = model->next;
            break;
        }
    pthread_mutex_unlock(&lock);
    if (is_last)
        free_model(model);
}

ext_model *ext_model_retain(ext_model *model)
{
    pthread_mutex_lock(&lock);
    model->n_users++;
    pthread_mutex_unlock(&lock);
    return model;
}

/* ---- loading ---- */

/*
 * Returns the type that the ids of all items have, a gru4rec_id_type; -1: there are no
 * items, or not all ids have the same type.
 */
static int find_id_type(const gru4rec_items *items)
{
    gru4rec_id id;
    int type = -1;
    for (int32_t row = 0; row < gru4rec_items_count(items); row++) {
        gru4rec_items_get(items, row, &id);
        if (row > 0 && type != (int)id.type)
            return -1;
        type = (int)id.type;
    }
    return type;
}

/*
 * Checks, after a version was loaded, that the choice still means a version of the same
 * run. The choice can mean another one by then: in a shared cache with PRAGMA
 * read_uncommitted, a snapshot keeps no writer away. SQLITE_BUSY: it does mean another
 * one. Other errors: those of ext_choice_find().
 */
static int check_still(const ext_home *home, const ext_choice *choice,
                       const ext_version *version, ext_error *error)
{
    ext_version now;
    int rc = ext_choice_find(&now, choice, home, error);
    return rc != SQLITE_OK || strcmp(now.run, version->run) == 0
               ? rc
               : ext_error_set(error, SQLITE_BUSY,
                               "model '%s' changed while it was read; try again",
                               home->name);
}

/*
 * Loads a version to serve it, finds out the type of its ids, and puts it into the list
 * of the process. *out is the loaded version; or, if another thread has put the same
 * version into the list meanwhile, that one. The caller gets one hold on *out. After a
 * failure *out is unchanged, and what was loaded is freed. Errors: those of
 * ext_load_version() and check_still().
 */
static int load_model(ext_model **out, const ext_home *home, const ext_choice *choice,
                      const ext_version *version, ext_error *error)
{
    ext_model *model = sqlite3_malloc(sizeof *model);
    if (model == NULL)
        return ext_error_nomem(error);
    *model = (ext_model){.file = ext_home_file(home),
                         .version = version->version,
                         .n_users = 1};
    memcpy(model->run, version->run, sizeof model->run);
    int rc = model->file != NULL
                 ? ext_load_version(&model->loaded, home, version->version, true, error)
                 : ext_error_nomem(error);
    if (rc == SQLITE_OK)
        rc = check_still(home, choice, version, error);
    if (rc != SQLITE_OK) {
        free_model(model);
        return rc;
    }
    model->id_type = find_id_type(model->loaded.items);
    GRU4REC_TRACE(2, "version %lld of '%s' is loaded", (long long)model->version,
                  home->name);
    *out = share_model(model);
    return SQLITE_OK;
}

/* ---- the handles of a connection ---- */

/*
 * Empties a handle: frees its spare workspace and releases its version, and sets model to
 * NULL. The handle itself stays in its list.
 */
static void drop_handle(ext_handle *handle)
{
    ext_workspace_free(&handle->spare);
    ext_model_release(handle->model);
    handle->model = NULL;
}

/*
 * Frees a handle, which must be in no list, with its spare workspace, its hold on a
 * version, and its home.
 */
static void free_handle(ext_handle *handle)
{
    drop_handle(handle);
    ext_home_clear(&handle->home);
    sqlite3_free(handle);
}

/*
 * Tells whether the handle is on a version of the model home: their names and their
 * schemas are equal; upper and lower case do not count. The choice does not matter.
 */
static bool is_of(const ext_handle *handle, const ext_home *home)
{
    return sqlite3_stricmp(handle->home.name, home->name) == 0 &&
           sqlite3_stricmp(handle->home.schema, home->schema) == 0;
}

/*
 * Returns the connection's handle on that model with that choice, and moves it to the
 * front of the connection's list; NULL: there is none. The handle may hold no version, or
 * an old one.
 */
static ext_handle *find_handle(const ext_home *home, const ext_choice *choice)
{
    ext_handle **first = &home->connection->handles, **at = first;
    while (*at != NULL &&
           !(is_of(*at, home) && ext_choice_is_same(&(*at)->choice, choice)))
        at = &(*at)->next;
    ext_handle *handle = *at;
    if (handle != NULL) {
        *at = handle->next;
        handle->next = *first;
        *first = handle;
    }
    return handle;
}

/*
 * Largest number of handles that a connection keeps on versions that were not chosen as
 * the active one; there can be more while outer calls use them. A model keeps as many
 * other versions by default: the one before the active one, and two candidates. So a
 * query that compares all of them loads none of them twice.
 */
enum { OTHERS = 3 };

/*
 * If the connection has OTHERS or more handles whose choice is not the active version,
 * takes one of them out of the list and frees it: of those that no outer call uses
 * (ext_entry_holds()), the one whose last use is the longest ago. Does nothing if outer
 * calls use all of them, or if there are fewer.
 */
static void drop_other(ext_connection *connection)
{
    ext_handle **last = NULL;
    int n = 0;
    for (ext_handle **at = &connection->handles; *at != NULL; at = &(*at)->next)
        if ((*at)->choice.kind != EXT_CHOICE_ACTIVE) {
            n++;
            last = ext_entry_holds(&(*at)->home) ? last : at;
        }
    if (n < OTHERS || last == NULL)
        return;
    ext_handle *handle = *last;
    *last = handle->next;
    free_handle(handle);
}

/*
 * Makes a handle that holds no version yet, with a copy of home, puts it at the front of
 * the connection's list, and sets *out to it. If its choice is not the active version,
 * first frees an old handle if there are too many (drop_other()). Error: SQLITE_NOMEM;
 * *out is then unchanged.
 */
static int make_handle(ext_handle **out, const ext_home *home, const ext_choice *choice,
                       ext_error *error)
{
    if (choice->kind != EXT_CHOICE_ACTIVE)
        drop_other(home->connection);
    ext_handle *handle = sqlite3_malloc(sizeof *handle);
    if (handle == NULL)
        return ext_error_nomem(error);
    *handle = (ext_handle){.choice = *choice, .next = home->connection->handles};
    if (ext_home_init(&handle->home, home->db, home->connection, home->schema, home->name,
                      error) != SQLITE_OK) {
        sqlite3_free(handle);
        return error->rc;
    }
    home->connection->handles = handle;
    *out = handle;
    return SQLITE_OK;
}

void ext_model_forget(const ext_home *home)
{
    for (ext_handle *handle = home->connection->handles; handle != NULL;
         handle = handle->next)
        if (is_of(handle, home))
            drop_handle(handle);
}

void ext_model_forget_all(ext_connection *connection)
{
    while (connection->handles != NULL) {
        ext_handle *handle = connection->handles;
        connection->handles = handle->next;
        free_handle(handle);
    }
}

/*
 * Tells whether the handle holds the version that its choice means now, of the same
 * database file. It reads the run name from the database, and loads nothing. Returns
 * false if the handle holds none, and if that cannot be found out.
 */
static bool is_current(const ext_handle *handle)
{
    if (handle->model == NULL)
        return false;
    char *file = ext_home_file(&handle->home);
    const bool is_same_file = file != NULL && strcmp(file, handle->model->file) == 0;
    sqlite3_free(file);
    return is_same_file &&
           ext_choice_is(&handle->choice, &handle->home, handle->model->run);
}

/*
 * Checks the shadow tables, and makes the handle hold the version that its choice means
 * now: one from the list of the process, or, if it is not there, one that this function
 * loads. Before that the handle gives up its old version and its spare workspace. There
 * are two kinds of failure. If the tables cannot be read now, or are damaged, the handle
 * keeps its old version. After any other failure (there is no such version, or it cannot
 * be loaded) the handle holds no version and no spare workspace.
 */
static int find_version(ext_handle *handle, ext_error *error)
{
    ext_version version;
    int rc = ext_shadow_check(&handle->home, error);
    if (rc == SQLITE_OK)
        rc = ext_choice_find(&version, &handle->choice, &handle->home, error);
    if (rc == SQLITE_OK || (ext_error_is(error, SQLITE_ERROR) && !error->is_sqlite))
        drop_handle(handle);
    if (rc != SQLITE_OK)
        return rc;
    char *file = ext_home_file(&handle->home);
    if (file == NULL)
        return ext_error_nomem(error);
    handle->model = find_model(file, version.run);
    sqlite3_free(file);
    return handle->model == NULL ? load_model(&handle->model, &handle->home,
                                              &handle->choice, &version, error)
                                 : SQLITE_OK;
}

/*
 * Does what find_version() does, within one snapshot of the database: makes the handle
 * hold the version that its choice means now. If the snapshot cannot be started, the
 * handle stays as it is.
 */
static int renew(ext_handle *handle, ext_error *error)
{
    ext_snapshot snapshot = {0};
    int rc = ext_snapshot_start(&snapshot, &handle->home, error);
    if (rc == SQLITE_OK)
        rc = find_version(handle, error);
    ext_snapshot_end(&snapshot);
    return rc;
}

int ext_model_acquire_version(ext_model **model, const ext_home *home,
                              const ext_choice *choice, ext_error *error)
{
    ext_handle *handle = find_handle(home, choice);
    *model = NULL;
    if (handle == NULL && make_handle(&handle, home, choice, error) != SQLITE_OK)
        return error->rc;
    int rc = ext_entry_use(&handle->home, error);
    if (rc == SQLITE_OK && !is_current(handle))
        rc = renew(handle, error);
    if (rc == SQLITE_OK)
        *model = ext_model_retain(handle->model);
    return rc;
}

int ext_model_acquire(ext_model **model, const ext_home *home, ext_error *error)
{
    return ext_model_acquire_version(model, home, &(ext_choice){0}, error);
}

int ext_model_acquire_named(ext_model **model, ext_connection *connection,
                            sqlite3_value *name, const ext_choice *choice,
                            ext_error *error)
{
    const char *text;
    ext_name room;
    ext_home home;
    bool is_found;
    *model = NULL;
    if (ext_value_name(&text, &room, name, error) != SQLITE_OK)
        return error->rc;
    if (text == NULL)
        return ext_error_set(
            error, SQLITE_ERROR,
            "the model's name is missing; give the name of a gru4rec table");
    int rc = ext_schema_find(&home, connection->db, connection, text, &is_found, error);
    if (rc == SQLITE_OK && is_found) {
        rc = ext_model_acquire_version(model, &home, choice, error);
    } else if (rc == SQLITE_OK) {
        ext_model_forget(&home);
        rc = ext_schema_fail_missing(text, error);
    }
    ext_home_clear(&home);
    return rc;
}

/*
 * What SQLite keeps (sqlite3_set_auxdata()) for a call in a statement, if the first
 * argument of the call, the name of the model, is constant: the version that was found
 * for an earlier row. drop_found() frees it.
 */
typedef struct found {
    ext_model *model;  /* the version, with one hold on it */
    ext_choice choice; /* the choice by which the version was found */
} found;

/*
 * The destructor of a found, which SQLite calls: releases the version that was kept with
 * a statement, and frees the found.
 */
static void drop_found(void *context)
{
    found *own = context;
    ext_model_release(own->model);
    sqlite3_free(own);
}

int ext_model_acquire_for(ext_model **model, sqlite3_context *context,
                          sqlite3_value *name, sqlite3_value *version, ext_error *error)
{
    ext_choice choice;
    const found *last = sqlite3_get_auxdata(context, 0);
    *model = NULL;
    if (ext_choice_read(&choice, version, error) != SQLITE_OK)
        return error->rc;
    if (last != NULL && ext_choice_is_same(&last->choice, &choice)) {
        *model = ext_model_retain(last->model);
        return SQLITE_OK;
    }
    if (ext_model_acquire_named(model, ext_connection_of(context), name, &choice,
                                error) != SQLITE_OK)
        return error->rc;
    found *now = sqlite3_malloc(sizeof *now);
    if (now == NULL) {
        ext_model_release(*model);
        *model = NULL;
        return ext_error_nomem(error);
    }
    *now = (found){ext_model_retain(*model), choice};
    sqlite3_set_auxdata(context, 0, now, drop_found);
    return SQLITE_OK;
}

int ext_model_memory(const ext_home *home, size_t *bytes, bool *has_bytes,
                     ext_error *error)
{
    ext_version version;
    *bytes = 0;
    *has_bytes = false;
    int rc = ext_version_find(&version, home, error);
    if (rc != SQLITE_OK || version.version == 0)
        return rc;
    char *file = ext_home_file(home);
    if (file == NULL)
        return ext_error_nomem(error);
    ext_model *model = find_model(file, version.run);
    sqlite3_free(file);
    if (model == NULL)
        return SQLITE_OK;
    const ext_loaded *loaded = &model->loaded;
    *has_bytes = loaded->bytes != NULL;
    *bytes = gru4rec_model_bytes(loaded->model) + gru4rec_items_bytes(loaded->items) +
             (*has_bytes ? gru4rec_bytes_size(loaded->model) : 0) +
             (loaded->neighbours != NULL ? gru4rec_baseline_size(loaded->neighbours) : 0);
    ext_model_release(model);
    return SQLITE_OK;
}
