/*
 * ext_renamed.c - finds a source or a column that was renamed; see ext_events.h.
 *
 * ALTER TABLE ... RENAME keeps the order of the columns. So a renamed source still has
 * the shape that it had (ext_source_shape()). A renamed column has a new name at the
 * place of a name that is gone. What is found here only completes the advice in an error
 * message. So these functions ignore errors: after one they find less or nothing.
 */
#include "ext_events.h"

#include <string.h>

/* ---- tables and views ---- */

/*
 * A search for a source that was renamed: what is looked for, and the best candidate so
 * far. All pointers but name are borrowed.
 */
typedef struct search {
    sqlite3 *db;
    /* The model's own schema, and the source's old shape, or NULL if it is not known. */
    const char *home, *shape;
    const ext_columns *columns; /* the columns that the source must have */
    /*
     * The rank of the best candidate so far (rank_of()), 0 if there is none; and the
     * number of candidates that have this rank.
     */
    int rank, n;
    /* The name of the latest candidate of that rank, owned; NULL: there is none. */
    char *name;
} search;

/*
 * Compares two shapes of a source. Returns 2 if they are equal, 1 if only their kinds
 * (table, view, select) are, 0 if not even these are or before is NULL.
 */
static int likeness(const char *before, const char *now)
{
    if (before == NULL)
        return 0;
    const size_t n = strcspn(before, ",");
    return strcmp(before, now) == 0 ? 2 : strncmp(before, now, n) == 0 ? 1 : 0;
}

/*
 * Returns the rank of a candidate, a table or a view, which is higher the better it fits:
 * 1 to 3 by likeness(), and 3 more if it is in the model's own schema. Returns 0 if the
 * candidate does not open with the columns, or its shape cannot be read. name: the
 * candidate's name as ext_source_open() takes it.
 */
static int rank_of(const search *own, const char *name, bool is_own)
{
    ext_error ignored = {0};
    ext_source source;
    char *shape = NULL;
    int rank = 0;
    if (ext_source_open(&source, own->db, own->home, name, own->columns, &ignored) ==
            SQLITE_OK &&
        ext_source_shape(&shape, own->db, own->home, name, &ignored) == SQLITE_OK &&
        shape != NULL)
        rank = 1 + likeness(own->shape, shape) + (is_own ? 3 : 0);
    ext_source_close(&source);
    sqlite3_free(shape);
    ext_error_clear(&ignored);
    return rank;
}

/*
 * Ranks a table or a view of a schema as the source that is looked for, and keeps it in
 * own if it is the best so far. A higher rank than own->rank replaces the candidate, and
 * sets own->n to 1. An equal rank replaces the name, and adds 1 to own->n. A lower rank,
 * or rank 0, changes nothing. The name gets "schema." before it if the schema is not the
 * model's own, or if the table's name reads as a SELECT.
 */
static void consider(search *own, const char *schema, const char *table)
{
    const bool is_own = sqlite3_stricmp(schema, own->home) == 0;
    char *name = is_own && !ext_select_is(table)
                     ? sqlite3_mprintf("%s", table)
                     : sqlite3_mprintf("%s.%s", schema, table);
    const int rank = name != NULL ? rank_of(own, name, is_own) : 0;
    if (rank == 0 || rank < own->rank) {
        sqlite3_free(name);
        return;
    }
    own->n = rank > own->rank ? 1 : own->n + 1;
    own->rank = rank;
    sqlite3_free(own->name);
    own->name = name;
}

/*
 * Calls consider() for all tables and views of a schema, except virtual tables. Does
 * nothing if the schema cannot be read.
 */
static void search_schema(search *own, const char *schema)
{
    ext_error ignored = {0};
    sqlite3_stmt *stmt;
    ext_sql_try(own->db, &stmt, &ignored,
                "SELECT name FROM \"%w\".sqlite_schema WHERE type IN ('table', 'view') "
                "AND sql NOT LIKE 'CREATE VIRTUAL%%'",
                schema);
    while (stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW) {
        char *table = ext_sql_text(stmt, 0);
        if (table != NULL)
            consider(own, schema, table);
        sqlite3_free(table);
    }
    sqlite3_finalize(stmt);
    ext_error_clear(&ignored);
}

char *ext_renamed_source(sqlite3 *db, const char *schema, const char *shape,
                         const ext_columns *columns)
{
    search own = {db, schema, shape, columns, 0, 0, NULL};
    ext_error ignored = {0};
    char *name;
    for (int i = 0; ext_sql_schema(&name, db, i, &ignored) == SQLITE_OK && name; i++) {
        search_schema(&own, name);
        sqlite3_free(name);
    }
    ext_error_clear(&ignored);
    if (own.n == 1)
        return own.name;
    sqlite3_free(own.name);
    return NULL;
}

/* ---- columns ---- */

ext_renamed_fate ext_renamed_column(char **name, sqlite3 *db, const char *before,
                                    const char *now, const char *column)
{
    /*
     * Entry 0 of a shape is the source's kind; the columns follow. Result column 0 of the
     * SELECT: whether the source has a column of that name now. Result column 1: the name
     * that stands now at the old place of the column; NULL if the old shape had a column
     * of that name too, or the old shape lacks the column or is not known.
     */
    static const char sql[] =
        "SELECT EXISTS (SELECT 1 FROM json_each(?2)"
        " WHERE key > 0 AND value = ?3 COLLATE NOCASE), "
        "(SELECT n.value FROM json_each(iif(json_valid(?1), ?1, '[]')) AS b,"
        " json_each(?2) AS n"
        " WHERE n.key = b.key AND b.key > 0 AND b.value = ?3 COLLATE NOCASE"
        " AND NOT EXISTS (SELECT 1 FROM json_each(?1) AS o"
        " WHERE o.key > 0 AND o.value = n.value COLLATE NOCASE))";
    ext_renamed_fate fate = EXT_RENAMED_IS_GONE;
    ext_error ignored = {0};
    sqlite3_stmt *stmt;
    *name = NULL;
    ext_sql_try(db, &stmt, &ignored, "%s", sql);
    if (stmt != NULL) {
        const char *const texts[] = {before, now, column};
        for (int i = 0; i < 3; i++)
            sqlite3_bind_text(stmt, i + 1, texts[i], -1, SQLITE_STATIC);
        if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_int(stmt, 0) == 1)
            fate = EXT_RENAMED_IS_THERE;
        else if ((*name = ext_sql_text(stmt, 1)) != NULL)
            fate = EXT_RENAMED_IS_KNOWN;
    }
    sqlite3_finalize(stmt);
    ext_error_clear(&ignored);
    return fate;
}
