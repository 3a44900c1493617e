/*
 * ext_connection.c - registers functions and tables, and keeps the struct of a
 * connection.
 *
 * The contracts are in ext_cache.h. Each function or module that is registered with
 * SQLite holds the ext_connection. SQLite calls a destructor when it drops a
 * registration: when the connection closes, or earlier, for example in
 * sqlite3_drop_modules(). When the last registration is dropped, the ext_connection is
 * freed.
 */
#include "ext_cache.h"

ext_connection *ext_connection_new(sqlite3 *db)
{
    ext_connection *connection = sqlite3_malloc(sizeof *connection);
    if (connection != NULL)
        *connection = (ext_connection){.db = db, .n_users = 1};
    return connection;
}

void ext_connection_release(void *context)
{
    ext_connection *connection = context;
    if (--connection->n_users > 0)
        return;
    if (connection->drop_kept != NULL)
        connection->drop_kept(connection, true);
    ext_pending_forget(connection->db);
    ext_model_forget_all(connection);
    sqlite3_free(connection);
}

/* ---- registering: if SQLite fails to register, it calls the destructor itself ---- */

/*
 * The client data that SQLite keeps for an SQL function, or for the module of a
 * table-valued function. One of function and table is set; the other is NULL.
 * drop_registration() frees it.
 */
typedef struct registration {
    ext_connection *connection; /* with one use, which drop_registration() gives up */
    const ext_function *function;
    const ext_table_function *table;
    bool is_writing; /* the function writes to the database */
} registration;

/*
 * The destructor of a registration, which SQLite calls: gives up its use of the
 * connection, and frees the registration.
 */
static void drop_registration(void *context)
{
    registration *own = context;
    ext_connection_release(own->connection);
    sqlite3_free(own);
}

/*
 * Returns a new registration, and adds it to the users of the connection. NULL: there is
 * not enough memory, and no user was added.
 */
static registration *make_registration(ext_connection *connection,
                                       const ext_function *function,
                                       const ext_table_function *table, bool is_writing)
{
    registration *own = sqlite3_malloc(sizeof *own);
    if (own == NULL)
        return NULL;
    *own = (registration){connection, function, table, is_writing};
    connection->n_users++;
    return own;
}

int ext_connection_add_module(ext_connection *connection, const char *name,
                              const sqlite3_module *module, ext_error *error)
{
    if (ext_help_check(name, error) != SQLITE_OK)
        return error->rc;
    connection->n_users++;
    if (sqlite3_create_module_v2(connection->db, name, module, connection,
                                 ext_connection_release) != SQLITE_OK)
        return ext_error_db(error, connection->db, name);
    return SQLITE_OK;
}

/* ---- functions ---- */

ext_connection *ext_connection_of(sqlite3_context *context)
{
    return ((const registration *)sqlite3_user_data(context))->connection;
}

/*
 * Checks that the function may be called: one that writes is refused in a process that
 * only serves. SQLITE_READONLY: it may not.
 */
static int check_writing(const registration *own, ext_error *error)
{
    char what[80];
    if (!own->is_writing)
        return SQLITE_OK;
    return ext_readonly_check(sqlite3_snprintf(sizeof what, what, "%s()",
                                               own->function->name),
                              error);
}

/*
 * The function that SQLite calls for each SQL function (xFunc, or xStep of an aggregate):
 * calls the function of the registration within an ext_entry, which limits how deep calls
 * nest. If the entry cannot start, or the function may not write, does not call the
 * function; that error is then the result. The entry ends here in any case.
 */
static void call(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    const registration *own = sqlite3_user_data(context);
    ext_entry entry;
    ext_error error = {0};
    if (ext_entry_start(&entry, own->connection->db, &error) == SQLITE_OK &&
        check_writing(own, &error) == SQLITE_OK)
        own->function->call(context, argc, argv);
    ext_error_result(&error, context);
    ext_entry_end(&entry);
}

/*
 * Registers one SQL function with a new registration: as an aggregate that is also a
 * window function if function->window is set, else as a scalar function. Error: SQLite's;
 * SQLite has then dropped the registration.
 */
static int add_function(ext_connection *connection, const ext_function *function,
                        bool is_writing, ext_error *error)
{
    sqlite3 *db = connection->db;
    const ext_window *window = function->window;
    const int flags = SQLITE_UTF8 | function->flags;
    if (ext_help_check(function->name, error) != SQLITE_OK)
        return error->rc;
    registration *own = make_registration(connection, function, NULL, is_writing);
    if (own == NULL)
        return ext_error_nomem(error);
    int rc =
        window != NULL
            ? sqlite3_create_window_function(db, function->name, function->n_arguments,
                                             flags, own, call, window->finish,
                                             window->value, window->inverse,
                                             drop_registration)
            : sqlite3_create_function_v2(db, function->name, function->n_arguments, flags,
                                         own, call, NULL, NULL, drop_registration);
    return rc == SQLITE_OK ? rc : ext_error_db(error, db, function->name);
}

int ext_connection_add_functions(ext_connection *connection,
                                 const ext_function *functions, bool is_writing,
                                 ext_error *error)
{
    int rc = SQLITE_OK;
    for (const ext_function *f = functions; rc == SQLITE_OK && f->name != NULL; f++)
        rc = add_function(connection, f, is_writing, error);
    return rc;
}

/* ---- table-valued functions ---- */

/*
 * Method xConnect of a table-valued function: declares its columns, and makes its table
 * object, which names no model, in *out. After a failure *message is the text of the
 * error.
 */
static int connect(sqlite3 *db, void *context, int argc, const char *const *argv,
                   sqlite3_vtab **out, char **message)
{
    const registration *own = context;
    ext_error error = {0};
    ext_table *table;
    (void)argc;
    (void)argv;
    if (ext_table_new(&table, own->table, own->table->declaration, db, own->connection,
                      NULL, NULL, &error) == SQLITE_OK)
        *out = &table->base;
    return ext_error_text(&error, message);
}

/*
 * The module of every table-valued function. It has no xCreate, so that its table exists
 * under its name without CREATE VIRTUAL TABLE, and cannot be created.
 */
static const sqlite3_module table_module = {.xConnect = connect, EXT_TABLE_METHODS()};

int ext_connection_add_table(ext_connection *connection,
                             const ext_table_function *function, ext_error *error)
{
    if (ext_help_check(function->name, error) != SQLITE_OK)
        return error->rc;
    registration *own = make_registration(connection, NULL, function, false);
    if (own == NULL)
        return ext_error_nomem(error);
    if (sqlite3_create_module_v2(connection->db, function->name, &table_module, own,
                                 drop_registration) != SQLITE_OK)
        return ext_error_db(error, connection->db, function->name);
    return SQLITE_OK;
}
