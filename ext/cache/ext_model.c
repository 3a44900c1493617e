/*
 * ext_cache.c - loaded models; see ext_int.h.
 *
 * One list for the process, keyed by the file and the training run's random id, so that
 * a rollback, a restored file, an attached copy or another process can never make a stale
 * model pass for the active one: the id is read from the database at every query. The
 * file is there for one that was made to carry another's id. A connection keeps a handle
 * on each model that it used last; a model is freed with its last user.
 */
#include "../base/ext_base.h"

#include <pthread.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ext_model *loaded; /* under lock, as n_users of each */

static void free_model(ext_model *model)
{
    gru4rec_model_free(model->model);
    gru4rec_items_free(model->items);
    sqlite3_free(model->file);
    sqlite3_free(model);
}

static bool is_same(const ext_model *model, const char *file, const char *run)
{
    return strcmp(model->run, run) == 0 && strcmp(model->file, file) == 0;
}

static ext_model *find_loaded(const char *file, const char *run)
{
    ext_model *model = loaded;
    while (model != NULL && !is_same(model, file, run))
        model = model->next;
    if (model != NULL)
        model->n_users++;
    return model;
}

void ext_model_release(ext_model *model)
{
    if (model == NULL)
        return;
    pthread_mutex_lock(&lock);
    bool is_last = --model->n_users == 0;
    for (ext_model **at = &loaded; is_last && *at != NULL; at = &(*at)->next)
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

/* ---- workspaces ---- */

static void free_workspace(ext_workspace *workspace)
{
    gru4rec_session_free(workspace->session);
    gru4rec_ranking_free(workspace->ranking);
    ext_model_release(workspace->model);
    memset(workspace, 0, sizeof *workspace);
}

int ext_workspace_open(ext_connection *connection, ext_model *model,
                       ext_workspace *workspace, ext_error *error)
{
    struct ext_handle *handle = connection->handles;
    while (handle != NULL && handle->spare.model != model)
        handle = handle->next;
    if (handle != NULL) {
        *workspace = handle->spare;
        memset(&handle->spare, 0, sizeof handle->spare);
        gru4rec_session_reset(workspace->session);
        ext_model_release(model); /* the spare holds it too */
        return SQLITE_OK;
    }
    memset(workspace, 0, sizeof *workspace);
    workspace->model = model;
    if (gru4rec_session_new(&ext_allocator, model->model, &workspace->session) ==
            GRU4REC_OK &&
        gru4rec_ranking_new(&ext_allocator, gru4rec_items_count(model->items),
                            &workspace->ranking) == GRU4REC_OK)
        return SQLITE_OK;
    free_workspace(workspace);
    return ext_fail_nomem(error);
}

void ext_workspace_close(ext_connection *connection, ext_workspace *workspace)
{
    struct ext_handle *handle = connection->handles;
    while (handle != NULL && handle->model != workspace->model)
        handle = handle->next;
    if (handle != NULL && workspace->model != NULL && handle->spare.model == NULL)
        handle->spare = *workspace;
    else
        free_workspace(workspace);
    memset(workspace, 0, sizeof *workspace);
}

/* Lets go of what a connection has of a model. */
static void drop_handle(struct ext_handle *handle)
{
    free_workspace(&handle->spare);
    ext_model_release(handle->model);
    handle->model = NULL;
}

/* ---- loading ---- */

int ext_model_check_version(sqlite3 *db, const char *schema, const char *name,
                            int64_t number, ext_error *error)
{
    ext_version version = {.version = number};
    ext_model *model = sqlite3_malloc(sizeof *model);
    if (model == NULL)
        return ext_fail_nomem(error);
    memset(model, 0, sizeof *model);
    int rc = ext_load_version(db, schema, name, false, &version, model, error);
    for (int i = 0; rc == SQLITE_OK && i < GRU4REC_N_SLOTS; i++) {
        const char *state = gru4rec_slot_name((gru4rec_slot)i);
        bool is_kept;
        rc = ext_tensors_find(db, schema, name, number, state, &is_kept, error);
        if (rc == SQLITE_OK && is_kept)
            rc = ext_tensors_load(db, schema, name, number, state, model->model, error);
    }
    free_model(model);
    ext_version_free(&version);
    return rc;
}

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

/* file: becomes the model's. */
static int load_model(sqlite3 *db, const char *schema, const char *name, char *file,
                      ext_version *version, ext_model **out, ext_error *error)
{
    ext_model *model = sqlite3_malloc(sizeof *model);
    if (model == NULL) {
        sqlite3_free(file);
        return ext_fail_nomem(error);
    }
    memset(model, 0, sizeof *model);
    model->file = file;
    memcpy(model->run, version->run, sizeof model->run);
    model->version = version->version;
    model->n_users = 1;
    int rc = ext_load_version(db, schema, name, true, version, model, error);
    if (rc != SQLITE_OK) {
        free_model(model);
        return rc;
    }
    model->id_type = find_id_type(model->items);
    pthread_mutex_lock(&lock);
    *out = find_loaded(model->file, model->run);
    if (*out == NULL) {
        model->next = loaded;
        loaded = model;
        *out = model;
        model = NULL;
    }
    pthread_mutex_unlock(&lock);
    if (model != NULL) /* another thread was faster */
        free_model(model);
    return SQLITE_OK;
}

/* ---- connections ---- */

ext_connection *ext_connection_new(sqlite3 *db)
{
    ext_connection *connection = sqlite3_malloc(sizeof *connection);
    if (connection != NULL) {
        memset(connection, 0, sizeof *connection);
        connection->db = db;
        connection->n_users = 1;
    }
    return connection;
}

ext_connection *ext_connection_hold(ext_connection *connection)
{
    connection->n_users++;
    return connection;
}

void ext_connection_release(void *context)
{
    ext_connection *connection = context;
    if (--connection->n_users > 0)
        return;
    while (connection->handles != NULL) {
        struct ext_handle *handle = connection->handles;
        connection->handles = handle->next;
        drop_handle(handle);
        sqlite3_free(handle->key);
        sqlite3_free(handle);
    }
    sqlite3_free(connection);
}

/* The handle for schema.name; without is_new NULL when there is none. */
static struct ext_handle *get_handle(ext_connection *connection, const char *schema,
                                     const char *name, bool is_new)
{
    char *key = sqlite3_mprintf("%s.%s", schema, name);
    struct ext_handle *handle = connection->handles;
    if (key == NULL)
        return NULL;
    while (handle != NULL && sqlite3_stricmp(handle->key, key) != 0)
        handle = handle->next;
    if (handle == NULL && is_new) {
        handle = sqlite3_malloc(sizeof *handle);
        if (handle != NULL) {
            *handle = (struct ext_handle){.key = key, .next = connection->handles};
            connection->handles = handle;
            key = NULL;
        }
    }
    sqlite3_free(key);
    return handle;
}

void ext_model_forget(ext_connection *connection, const char *schema, const char *name)
{
    struct ext_handle *handle = get_handle(connection, schema, name, false);
    if (handle == NULL)
        return;
    drop_handle(handle);
}

static char *make_file(sqlite3 *db, const char *schema)
{
    const char *file = sqlite3_db_filename(db, schema);
    return file != NULL && *file != '\0' ? sqlite3_mprintf("%s", file)
                                         : sqlite3_mprintf("%p", (void *)db);
}

/* Makes the handle, schema.name's, one on the active version, loaded at need. */
static int renew(struct ext_handle *handle, sqlite3 *db, const char *schema,
                 const char *name, ext_error *error)
{
    ext_version version;
    int rc = ext_store_active(db, schema, name, &version, error);
    if (rc != SQLITE_OK) {
        drop_handle(handle);
        return rc;
    }
    char *file = make_file(db, schema);
    if (file == NULL) {
        rc = ext_fail_nomem(error);
    } else if (handle->model == NULL || !is_same(handle->model, file, version.run)) {
        drop_handle(handle);
        pthread_mutex_lock(&lock);
        handle->model = find_loaded(file, version.run);
        pthread_mutex_unlock(&lock);
        if (handle->model == NULL) {
            rc = load_model(db, schema, name, file, &version, &handle->model, error);
            file = NULL;
        }
    }
    sqlite3_free(file);
    ext_version_free(&version);
    return rc;
}

static bool is_current(const ext_model *model, sqlite3 *db, const char *schema,
                       const char *name)
{
    char *file = make_file(db, schema);
    bool is_current = file != NULL && strcmp(file, model->file) == 0 &&
                      ext_store_is_active(db, schema, name, model->run);
    sqlite3_free(file);
    return is_current;
}

int ext_model_acquire(ext_connection *connection, const char *schema, const char *name,
                      ext_model **model, ext_error *error)
{
    struct ext_handle *handle = get_handle(connection, schema, name, true);
    int rc = handle != NULL ? SQLITE_OK : ext_fail_nomem(error);
    *model = NULL;
    if (rc == SQLITE_OK && (handle->model == NULL ||
                            !is_current(handle->model, connection->db, schema, name)))
        rc = renew(handle, connection->db, schema, name, error);
    if (rc == SQLITE_OK)
        *model = ext_model_retain(handle->model);
    return rc;
}

int ext_model_acquire_named(ext_connection *connection, sqlite3_value *value,
                            ext_model **model, ext_error *error)
{
    char *schema, *name;
    bool is_found;
    const char *text = (const char *)sqlite3_value_text(value);
    *model = NULL;
    if (text == NULL)
        return ext_fail(error, SQLITE_ERROR,
                        "the model's name is NULL; give that of a gru4rec table");
    int rc = ext_store_find(connection->db, text, &schema, &name, &is_found, error);
    if (rc == SQLITE_OK && !is_found) {
        ext_model_forget(connection, schema, name);
        rc = ext_fail(
            error, SQLITE_ERROR,
            "no model '%s'; make one with CREATE VIRTUAL TABLE ... USING gru4rec", text);
    }
    if (rc == SQLITE_OK)
        rc = ext_model_acquire(connection, schema, name, model, error);
    sqlite3_free(schema);
    sqlite3_free(name);
    return rc;
}

int ext_model_memory(ext_connection *connection, const char *schema, const char *name,
                     size_t *bytes, bool *is_quantized, ext_error *error)
{
    ext_version version;
    *bytes = 0;
    *is_quantized = false;
    int rc = ext_store_active(connection->db, schema, name, &version, error);
    char *file = make_file(connection->db, schema);
    if (rc == SQLITE_OK && file == NULL)
        rc = ext_fail_nomem(error);
    if (rc == SQLITE_OK) {
        pthread_mutex_lock(&lock);
        ext_model *model = find_loaded(file, version.run);
        pthread_mutex_unlock(&lock);
        if (model != NULL) {
            *bytes =
                gru4rec_model_bytes(model->model) + gru4rec_items_bytes(model->items);
            *is_quantized = gru4rec_model_is_quantized(model->model);
        }
        ext_model_release(model);
    }
    sqlite3_free(file);
    ext_version_free(&version);
    return rc;
}
