/*
 * gru4rec_ext.c - the extension's entry points.
 *
 * All checks come before the first registration. Where a registration fails for want of
 * memory, those before it stay until the connection closes, and the library stays mapped
 * (Makefile: nodelete). Loading writes nothing, and twice on one connection is fine.
 *
 * A process can hold several SQLite libraries (that of its language, and one in a driver),
 * while the file is mapped once. It calls SQLite by one table of functions, so it serves
 * the library that loads it first, for good: the others are refused before anything is
 * touched, with words in their own memory. A copy of the file is another library.
 */
#define EXT_IS_ENTRY
#include "serve/ext_serve.h"
#include "tools/ext_tools.h"
#include "train/ext_train.h"

SQLITE_EXTENSION_INIT1

#if defined(_WIN32)
#define EXT_EXPORT __declspec(dllexport)
#else
#define EXT_EXPORT __attribute__((visibility("default")))
#endif

#ifdef SQLITE_CORE /* linked to the one SQLite that there is */
#define OF(api, function) ((void)(api), sqlite3_##function)
#define take_api(api) ((void)(api), true)
#else
/* A function of the SQLite that loads, which need not be that of sqlite3_api. */
#define OF(api, function) (api)->function

/* Takes the first table there is; is it this one? Compared, never looked into: the other
 * library may be gone. */
static bool take_api(const sqlite3_api_routines *api)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (sqlite3_api == NULL)
        sqlite3_api = api;
    const bool is_taken = sqlite3_api == api;
    pthread_mutex_unlock(&lock);
    return is_taken;
}
#endif

/* sqlite3_vtab_in() and constraints on LIMIT came with 3.38. */
static const int oldest = 3038000;

/* What is said to an SQLite that is refused, of its version. */
static const char too_old[] = "gru4rec: SQLite %s is too old; use 3.38 or newer";
static const char is_another[] =
    "gru4rec: the file that SQLite %s loads here serves another SQLite library of this "
    "process; load a copy of the file under another name";

/* Does SQLite know what the statement needs? It looks at no table: loading must not read
 * the file. */
static bool can_prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    sqlite3_finalize(stmt);
    return rc == SQLITE_OK;
}

static const ext_table_function *const tables[] = {
    &ext_recommend, &ext_similar, &ext_explain,       &ext_evaluate, &ext_compare,
    &ext_audit,     &ext_batches, &ext_options_table, &ext_status,
};

static const ext_function *const functions[] = {
    ext_score_functions,     ext_state_functions,  ext_train_functions,
    ext_export_functions,    ext_import_functions, ext_deploy_functions,
    ext_check_functions,     ext_info_functions,   ext_times_functions,
    ext_configure_functions,
};

static int register_all(sqlite3 *db, ext_error *error)
{
    ext_connection *connection = ext_connection_new(db);
    if (connection == NULL)
        return ext_error_nomem(error);
    int rc = ext_module_register(connection, error);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof tables / sizeof *tables; i++)
        rc = ext_connection_add_table(connection, tables[i], error);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof functions / sizeof *functions; i++)
        rc = ext_connection_add_functions(connection, functions[i], error);
    ext_connection_release(connection); /* the registrations hold it */
    return rc;
}

/* Static, so that it is this file's: of two copies in one process the linker would take
 * the first one's entry points for both. */
static int init(sqlite3 *db, char **message, const sqlite3_api_routines *api)
{
    ext_error error = {0};
    const char *refusal = OF(api, libversion_number)() < oldest ? too_old
                          : !take_api(api)                      ? is_another
                                                                : NULL;
    if (refusal != NULL) {
        if (message != NULL)
            *message = OF(api, mprintf)(refusal, OF(api, libversion)());
        return SQLITE_ERROR;
    }
    if (can_prepare(db, "SELECT gru4rec_version()")) /* it is loaded */
        return SQLITE_OK;
    if (!can_prepare(db, "SELECT json_object()")) /* for options, summaries */
        ext_error_set(
            &error, SQLITE_ERROR,
            "this SQLite was built without JSON functions; use one that has them");
    else
        register_all(db, &error);
    int rc = ext_error_text(&error, message);
#ifdef SQLITE_CORE
    return rc;
#else
    /* OpenBLAS's threads and its OpenMP runtime do not survive being unmapped. */
    return rc == SQLITE_OK ? SQLITE_OK_LOAD_PERMANENTLY : rc;
#endif
}

EXT_EXPORT int sqlite3_gru4rec_init(sqlite3 *db, char **message,
                                    const sqlite3_api_routines *api)
{
    return init(db, message, api);
}

/* Where SQLite drops digits when it makes the name of the file's. */
EXT_EXPORT int sqlite3_grurec_init(sqlite3 *db, char **message,
                                   const sqlite3_api_routines *api)
{
    return init(db, message, api);
}

#ifndef SQLITE_CORE
/* Here nothing else of this file has begun, and the loader does nothing for others until
 * this ends. A program that has the extension linked in decides for itself. */
__attribute__((constructor)) static void pick_kernels(void)
{
    gru4rec_blas_core_pick();
}

/* Whatever the file is called: SQLite looks for this first. */
EXT_EXPORT int sqlite3_extension_init(sqlite3 *db, char **message,
                                      const sqlite3_api_routines *api)
{
    return init(db, message, api);
}
#endif
