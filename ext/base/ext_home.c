/* ext_home.c - the names of one model in one database; see ext_base.h. */
#include "ext_base.h"

int ext_home_init(ext_home *home, sqlite3 *db, ext_connection *connection,
                  const char *schema, const char *name, ext_error *error)
{
    *home = (ext_home){
        .db = db,
        .connection = connection,
        .schema = sqlite3_mprintf("%s", schema),
        .name = sqlite3_mprintf("%s", name),
    };
    if (home->schema != NULL && home->name != NULL)
        return SQLITE_OK;
    ext_home_clear(home);
    return ext_error_nomem(error);
}

void ext_home_clear(ext_home *home)
{
    sqlite3_free(home->schema);
    sqlite3_free(home->name);
    home->schema = NULL;
    home->name = NULL;
}

char *ext_home_file(const ext_home *home)
{
    const char *file = sqlite3_db_filename(home->db, home->schema);
    return file != NULL && *file != '\0' ? sqlite3_mprintf("%s", file)
                                         : sqlite3_mprintf("%p", (void *)home->db);
}

int64_t ext_home_database_bytes(const ext_home *home)
{
    int64_t n_pages = 0, page_size = 0;
    ext_error ignored = {0};
    ext_query_integer(home, &n_pages, &ignored, "PRAGMA @schema.page_count", "");
    ext_query_integer(home, &page_size, &ignored, "PRAGMA @schema.page_size", "");
    ext_error_clear(&ignored);
    return n_pages > 0 && page_size > 0 ? n_pages * page_size : INT64_MAX;
}
