/* ext_vtab.c - what the virtual tables have in common; see ext_int.h. */
#include "ext_base.h"

#include <string.h>

int ext_connect_table(ext_connection *connection, const char *declaration, int trust,
                      sqlite3_vtab **out)
{
    int rc = sqlite3_declare_vtab(connection->db, declaration);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_vtab_config(connection->db, trust);
    ext_table *table = sqlite3_malloc(sizeof *table);
    if (table == NULL)
        return SQLITE_NOMEM;
    memset(table, 0, sizeof *table);
    table->connection = connection;
    *out = &table->base;
    return SQLITE_OK;
}

int ext_disconnect_table(sqlite3_vtab *base)
{
    ext_table *table = (ext_table *)base;
    sqlite3_free(table->schema);
    sqlite3_free(table->name);
    sqlite3_free(table);
    return SQLITE_OK;
}

int ext_open_cursor(size_t bytes, sqlite3_vtab_cursor **out)
{
    *out = sqlite3_malloc64(bytes);
    if (*out == NULL)
        return SQLITE_NOMEM;
    memset(*out, 0, bytes);
    return SQLITE_OK;
}

int ext_register_function(ext_connection *connection, const char *name, int n_args,
                          int flags, ext_function *call, ext_error *error)
{
    if (sqlite3_create_function_v2(connection->db, name, n_args, SQLITE_UTF8 | flags,
                                   ext_connection_hold(connection), call, NULL, NULL,
                                   ext_connection_release) != SQLITE_OK)
        return ext_fail_db(error, connection->db, name);
    return SQLITE_OK;
}

int ext_register_module(ext_connection *connection, const char *name,
                        const sqlite3_module *module, ext_error *error)
{
    if (sqlite3_create_module_v2(connection->db, name, module,
                                 ext_connection_hold(connection),
                                 ext_connection_release) != SQLITE_OK)
        return ext_fail_db(error, connection->db, name);
    return SQLITE_OK;
}

void ext_result_argument(sqlite3_context *context, sqlite3_value *argument)
{
    if (argument != NULL)
        sqlite3_result_value(context, argument);
}

const char *ext_argument_text(sqlite3_value *argument)
{
    return argument != NULL ? (const char *)sqlite3_value_text(argument) : NULL;
}

int ext_plan_arguments(sqlite3_index_info *info, int first, int n, int *n_argv)
{
    int chosen[16];
    for (int i = 0; i < n; i++)
        chosen[i] = -1;
    for (int i = 0; i < info->nConstraint; i++) {
        int argument = info->aConstraint[i].iColumn - first;
        if (info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ || argument < 0 ||
            argument >= n)
            continue;
        if (!info->aConstraint[i].usable)
            return SQLITE_CONSTRAINT;
        chosen[argument] = i;
    }
    for (int i = 0; i < n; i++) {
        if (chosen[i] < 0)
            continue;
        info->aConstraintUsage[chosen[i]].argvIndex = ++*n_argv;
        info->aConstraintUsage[chosen[i]].omit = 1;
        info->idxNum |= 1 << i;
    }
    return SQLITE_OK;
}

int ext_keep_arguments(sqlite3_value **kept, int n, sqlite3_value ***argv, int mask)
{
    ext_drop_arguments(kept, n);
    for (int i = 0; i < n; i++)
        if (mask & (1 << i)) {
            kept[i] = sqlite3_value_dup(*(*argv)++);
            if (kept[i] == NULL)
                return SQLITE_NOMEM;
        }
    return SQLITE_OK;
}

/*
 * FNV-1a, over type and content. Not sqlite3_value_blob() of a text: that marks the value
 * as a blob too, and Bloom filters of SQLite 3.45 to 3.50 then lose its row in a join.
 */
uint64_t ext_hash_value(uint64_t hash, sqlite3_value *value)
{
    const uint64_t prime = 0x100000001b3u;
    int type = value != NULL ? sqlite3_value_type(value) : SQLITE_NULL, n = 0;
    union {
        int64_t integer;
        double real;
        unsigned char bytes[8];
    } number;
    const unsigned char *bytes = number.bytes;
    if (type == SQLITE_INTEGER || type == SQLITE_FLOAT) {
        /* Not as text: SQLite would make one, and without memory NULL of the value. */
        if (type == SQLITE_INTEGER)
            number.integer = sqlite3_value_int64(value);
        else
            number.real = sqlite3_value_double(value);
        n = sizeof number.bytes;
    } else if (type != SQLITE_NULL) {
        bytes =
            type == SQLITE_BLOB ? sqlite3_value_blob(value) : sqlite3_value_text(value);
        n = bytes != NULL ? sqlite3_value_bytes(value) : 0;
    }
    hash = (hash ^ (uint64_t)type) * prime;
    for (int i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * prime;
    return hash;
}

uint64_t ext_hash_values(sqlite3_value *const *values, int n)
{
    uint64_t hash = EXT_HASH_START;
    for (int i = 0; i < n; i++)
        hash = ext_hash_value(hash, values[i]);
    return hash;
}

sqlite3_int64 ext_rowid(uint64_t hash, int64_t row)
{
    return (sqlite3_int64)((hash + (uint64_t)row) * 0x9e3779b97f4a7c15u);
}

void ext_drop_arguments(sqlite3_value **kept, int n)
{
    for (int i = 0; i < n; i++) {
        sqlite3_value_free(kept[i]);
        kept[i] = NULL;
    }
}
