/* ext_item.c - reads and writes the items of a version in m_item; see ext_store.h. */
#include "ext_store.h"

int ext_item_fail(const ext_home *home, gru4rec_status status, ext_error *error)
{
    if (status == GRU4REC_OK)
        return SQLITE_OK;
    if (status != GRU4REC_INVALID)
        return ext_error_library(error, status, NULL);
    return ext_error_set(error, SQLITE_CORRUPT_VTAB,
                         "model '%s' is damaged: its items are not distinct ids in rows "
                         "0, 1, ...; restore the database from a backup or train again",
                         home->name);
}

int ext_item_count(int32_t *n, const ext_home *home, int64_t version, ext_error *error)
{
    int64_t count;
    *n = 0;
    int rc = ext_query_integer(home, &count, error,
                               "SELECT coalesce(max(row) + 1, 0) FROM @item"
                               " WHERE version = ?1",
                               "i", version);
    if (rc != SQLITE_OK)
        return rc;
    if (count < 0 || count > INT32_MAX)
        return ext_item_fail(home, GRU4REC_INVALID, error);
    *n = (int32_t)count;
    return SQLITE_OK;
}

/*
 * Adds the item of the current row of m_item to the checksum *sum and, unless items is
 * NULL, to items. is_first: this is the first item, which must have row 0. The other rows
 * need no check: they are distinct, there are n of them, and the highest one is n - 1.
 * items NULL: the items were just written, and are read back. A support that is not an
 * integer is then one that an authorizer hides.
 * GRU4REC_INVALID: the id is neither INTEGER nor TEXT; or the first item has another row
 * than 0; or items is NULL and the support is not an integer. GRU4REC_NOMEM: there is not
 * enough memory.
 */
static gru4rec_status take(gru4rec_items *items, uint64_t *sum, sqlite3_stmt *stmt,
                           bool is_first)
{
    gru4rec_id id;
    const int64_t support = sqlite3_column_int64(stmt, 1);
    if (is_first && sqlite3_column_int64(stmt, 2) != 0)
        return GRU4REC_INVALID;
    if (items == NULL && sqlite3_column_type(stmt, 1) != SQLITE_INTEGER)
        return GRU4REC_INVALID;
    if (!ext_value_column(stmt, 0, &id))
        return ext_value_is_short(&id) ? GRU4REC_NOMEM : GRU4REC_INVALID;
    if (id.type != GRU4REC_ID_INTEGER && id.type != GRU4REC_ID_TEXT)
        return GRU4REC_INVALID;
    ext_sum_item(sum, &id, support);
    return items != NULL ? gru4rec_items_append(items, &id, support) : GRU4REC_OK;
}

/*
 * Reads the n items of a version into items (NULL: they are not kept), and sets *sum to
 * their checksum. Stops at the first item that is wrong (see take()).
 * SQLITE_CORRUPT_VTAB: an item is wrong, or there are fewer or more than n items; to find
 * that out, one item more than n is read.
 */
static int take_all(gru4rec_items *items, uint64_t *sum, const ext_home *home,
                    int64_t version, int32_t n, ext_error *error)
{
    sqlite3_stmt *stmt;
    int64_t n_read = 0;
    *sum = 0;
    int rc = ext_query(home, &stmt, error,
                       "SELECT item, support, row FROM @item WHERE version = ?1 "
                       "ORDER BY row LIMIT ?2",
                       "ii", version, (int64_t)n + 1);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        rc = ext_item_fail(home, take(items, sum, stmt, n_read++ == 0), error);
    rc = ext_sql_finish(stmt, rc, "reading the model", error);
    return rc == SQLITE_OK && n_read != n ? ext_item_fail(home, GRU4REC_INVALID, error)
                                          : rc;
}

int ext_item_load(gru4rec_items **items, uint64_t *sum, const ext_home *home,
                  int64_t version, int32_t n, ext_error *error)
{
    if (gru4rec_items_new(&ext_memory, items) != GRU4REC_OK)
        return ext_error_nomem(error);
    int rc = take_all(*items, sum, home, version, n, error);
    if (rc != SQLITE_OK) {
        gru4rec_items_free(*items);
        *items = NULL;
    }
    return rc;
}

int ext_item_sum(uint64_t *sum, const ext_home *home, int64_t version, int32_t n,
                 ext_error *error)
{
    return take_all(NULL, sum, home, version, n, error);
}

int ext_item_save(const gru4rec_items *items, const ext_home *home, int64_t version,
                  const ext_ranks *ranks, ext_error *error)
{
    sqlite3_stmt *stmt;
    const int64_t *support = gru4rec_items_support(items);
    int rc = ext_query(home, &stmt, error,
                       "INSERT INTO @item(version, row, item, support) "
                       "VALUES (?1, ?2, ?3, ?4)",
                       "i", version);
    if (rc != SQLITE_OK)
        return rc;
    for (int32_t row = 0; rc == SQLITE_OK && row < gru4rec_items_count(items); row++) {
        gru4rec_id id;
        gru4rec_items_get(items, row, &id);
        sqlite3_bind_int64(stmt, 2, row);
        sqlite3_bind_int64(stmt, 4, support[row]);
        rc = ext_value_bind(stmt, 3, &id);
        if (rc == SQLITE_OK) {
            sqlite3_step(stmt);
            rc = sqlite3_reset(stmt);
        }
        if (rc == SQLITE_OK && row % 1024 == 0 && ext_ranks_is_stopped(ranks))
            rc = ext_error_set(error, SQLITE_INTERRUPT, "interrupted");
    }
    return ext_sql_finish(stmt, rc, "writing the model", error);
}
