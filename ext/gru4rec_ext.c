/*
 * gru4rec_ext.c - the extension's entry points.
 *
 * All checks come before the first registration. If a registration fails because there is
 * not enough memory, the registrations before it stay until the connection closes; the
 * code that they call stays mapped too (Makefile: nodelete). Loading writes nothing to a
 * database. To load the extension twice on one connection is no error.
 *
 * A process can contain several SQLite libraries, for example that of its language and
 * another one in a driver. But the system maps the file of the extension only once, and
 * the extension calls SQLite through one table of functions (sqlite3_api). So the
 * extension serves the SQLite library that loads it first, as long as the process lives.
 * Any other SQLite library is refused before anything is changed, with a message that is
 * allocated in that library's own memory. A copy of the file under another name is mapped
 * separately, and can serve another SQLite library.
 */
#define EXT_IS_ENTRY
#include "report/ext_report.h"
#include "serve/ext_serve.h"
#include "tools/ext_tools.h"
#include "train/ext_tune.h"
#ifdef GRU4REC_MPI /* gru4rec_mpi.so */
#include "mpi/ext_mpi.h"
#endif

SQLITE_EXTENSION_INIT1

#if defined(_WIN32)
#define EXT_EXPORT __declspec(dllexport)
#else
#define EXT_EXPORT __attribute__((visibility("default")))
#endif

#ifdef SQLITE_CORE /* linked together with SQLite: there is only one */
#define OF(api, function) ((void)(api), sqlite3_##function)
#define take_api(api) ((void)(api), true)
#else
/*
 * The function of that name of the SQLite library that loads the extension now, which
 * gave api. sqlite3_api, which all other code calls, may belong to another SQLite
 * library.
 */
#define OF(api, function) (api)->function

/*
 * Makes api the table of SQLite functions that the extension calls (sqlite3_api), if it
 * has none yet. Returns whether that table is api: false means that another SQLite
 * library of the process loaded the extension first. The tables are only compared by
 * address, because the library of the other table may be unloaded already. A lock makes
 * this safe for threads.
 */
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

/* Whether this is gru4rec_mpi.so. Only that file has the function gru4rec_ranks(). */
#ifdef GRU4REC_MPI
static const bool has_mpi = true;
#else
static const bool has_mpi = false;
#endif

/*
 * The oldest version of SQLite that the extension works with, as
 * sqlite3_libversion_number() gives it. SQLite 3.38 is the first one that has
 * sqlite3_vtab_in() and passes LIMIT to virtual tables.
 */
static const int oldest = 3038000;

/*
 * The two messages for an SQLite library that is refused; %s is the version of that
 * library.
 */
static const char too_old[] = "gru4rec: SQLite %s is too old; use 3.38 or newer";
static const char is_another[] =
    "gru4rec: the file that SQLite %s loads here serves another SQLite library of this "
    "process; load a copy of the file under another name";

/*
 * Tells whether SQLite can prepare the statement sql, which means that the connection has
 * the functions in it. The statement is not run, and an error is dropped. It must name no
 * table, because loading must not read the database file.
 */
static bool can_prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    sqlite3_finalize(stmt);
    return rc == SQLITE_OK;
}

/* All table-valued functions that loading registers. */
static const ext_table_function *const tables[] = {
    &ext_recommend, &ext_similar, &ext_explain,       &ext_evaluate, &ext_compare,
    &ext_audit,     &ext_batches, &ext_options_table, &ext_status,
};

/*
 * All scalar and aggregate functions that loading registers, those that only read the
 * database and those that write to it: arrays that each end with an entry whose name is
 * NULL.
 */
static const ext_function *const readers[] = {
    ext_score_functions,     ext_state_functions,  ext_export_functions,
    ext_check_functions,     ext_info_functions,   ext_times_functions,
    ext_plot_functions,      ext_report_functions,
#ifdef GRU4REC_MPI
    ext_mpi_ranks_functions,
#endif
};
static const ext_function *const writers[] = {
    ext_train_functions, ext_import_functions,    ext_deploy_functions,
    ext_tune_functions,  ext_configure_functions,
};

/*
 * Makes an ext_connection, and registers the module gru4rec, all table-valued functions
 * and all other functions on the connection. Stops at the first failure; what was
 * registered before it stays.
 */
static int register_all(sqlite3 *db, ext_error *error)
{
    ext_connection *connection = ext_connection_new(db);
    if (connection == NULL)
        return ext_error_nomem(error);
#ifdef GRU4REC_MPI
    ext_ranks_use(&ext_mpi_driver);
#endif
    int rc = ext_module_register(connection, error);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof tables / sizeof *tables; i++)
        rc = ext_connection_add_table(connection, tables[i], error);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof readers / sizeof *readers; i++)
        rc = ext_connection_add_functions(connection, readers[i], false, error);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof writers / sizeof *writers; i++)
        rc = ext_connection_add_functions(connection, writers[i], true, error);
    ext_connection_release(connection); /* each registration is a user of its own */
    return rc;
}

/*
 * Does what loading means for a connection that has the functions already: nothing, if
 * they are of this file or of a copy. SQLITE_ERROR: they are of the other one of
 * gru4rec.so and gru4rec_mpi.so.
 */
static int load_again(sqlite3 *db, ext_error *error)
{
    static const char *const names[] = {"gru4rec.so", "gru4rec_mpi.so"};
    if (can_prepare(db, "SELECT gru4rec_ranks()") == has_mpi)
        return SQLITE_OK;
    return ext_error_set(error, SQLITE_ERROR,
                         "%s is loaded on this connection already; %s has the same "
                         "functions, so load only one of the two",
                         names[!has_mpi], names[has_mpi]);
}

/*
 * Loads the extension for a connection: registers its functions and tables. If the
 * connection has them already, does nothing and returns SQLITE_OK; but those of
 * gru4rec.so are an error in gru4rec_mpi.so, and the other way round. After success
 * returns SQLITE_OK_LOAD_PERMANENTLY, or SQLITE_OK if the extension is linked into a
 * program with SQLite. After a failure returns the error's code, with its text in
 * *message, which SQLite frees; message may be NULL. SQLITE_ERROR: this SQLite is too
 * old, is not the one that loaded this file first, or has no JSON functions; or
 * ext_readonly_read() does not know what the environment says.
 *
 * Each entry point calls this function, and not another entry point: if two copies of the
 * file are in one process, the linker would resolve such a call to the first copy's entry
 * point. A static function is always that of its own copy.
 */
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
    if (can_prepare(db, "SELECT gru4rec_version()")) {
        load_again(db, &error);
        return ext_error_text(&error, message);
    }
    if (!can_prepare(db, "SELECT json_object()")) /* needed by options and summaries */
        ext_error_set(
            &error, SQLITE_ERROR,
            "this SQLite was built without JSON functions; use one that has them");
    else if (ext_readonly_read(&error) == SQLITE_OK)
        register_all(db, &error);
    int rc = ext_error_text(&error, message);
#ifdef SQLITE_CORE
    return rc;
#else
    /*
     * The library must never be unmapped, because OpenBLAS's threads and OpenMP's runtime
     * would crash.
     */
    return rc == SQLITE_OK ? SQLITE_OK_LOAD_PERMANENTLY : rc;
#endif
}

/*
 * The entry point for versions of SQLite that keep the digits of the file's name when
 * they derive the name of the entry point from it.
 */
EXT_EXPORT int sqlite3_gru4rec_init(sqlite3 *db, char **message,
                                    const sqlite3_api_routines *api)
{
    return init(db, message, api);
}

/*
 * The entry point for versions of SQLite that drop the digits of the file's name when
 * they derive the name of the entry point: gru4rec.so gives sqlite3_grurec_init.
 */
EXT_EXPORT int sqlite3_grurec_init(sqlite3 *db, char **message,
                                   const sqlite3_api_routines *api)
{
    return init(db, message, api);
}

#ifdef SQLITE_CORE
EXT_EXPORT int sqlite3_gru4rec_extra_init(const char *unused)
{
    (void)unused;
    return sqlite3_auto_extension((void (*)(void))sqlite3_gru4rec_init);
}
#else
/*
 * Chooses OpenBLAS's kernels when the loader maps this file, without any call. At this
 * moment no other code of the file has begun, and the loader serves nobody else until
 * this function returns. A program that has the extension linked in chooses its kernels
 * itself.
 */
__attribute__((constructor)) static void pick_kernels(void)
{
    gru4rec_blas_core_pick();
}

/* The entry point that SQLite looks for first, so that the file may have any name. */
EXT_EXPORT int sqlite3_extension_init(sqlite3 *db, char **message,
                                      const sqlite3_api_routines *api)
{
    return init(db, message, api);
}
#endif
