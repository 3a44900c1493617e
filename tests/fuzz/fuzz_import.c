/*
 * fuzz_import.c - libFuzzer: gru4rec_import() of hostile bytes.
 *
 * The first byte says how the rest is taken: odd, as the file itself; even, as the JSON
 * header of a file that is right otherwise, with a few KiB of zeros behind it, so that
 * the search need not find lengths. What is imported must pass the check, export to a
 * file that imports to the same, and serve; what is refused leaves nothing.
 */
#include "fuzz.h"

enum { N_DATA = 4096 };

static void check_import(void)
{
    char again[40];
    must_be("SELECT gru4rec_check('m')", "ok");
    must("SELECT gru4rec_import('n', " WHOLE("m") ")");
    must_be("SELECT " WHOLE("n") " = " WHOLE("m"), "1");
    /* Scores of huge weights are an error, which is right. */
    check_message(run_sql("SELECT count(*) FROM gru4rec_recommend('m', (SELECT "
                          "json_array(item) FROM m_item LIMIT 1))",
                          NULL, 0, false, again, sizeof again));
    check_message(run_sql("SELECT recall FROM gru4rec_evaluate('m', 'e')", NULL, 0, false,
                          NULL, 0));
    must("SELECT * FROM gru4rec_recommend('m', '[]')");
    must("SELECT gru4rec_info('m')");
}

static void import(const uint8_t *bytes, size_t n)
{
    deadline = seconds() + 5;
    must("SAVEPOINT fuzz");
    int rc = run_sql("SELECT gru4rec_import('m', ?1)", bytes, n, true, NULL, 0);
    check_message(rc);
    if (rc == SQLITE_OK)
        check_import();
    else
        must_be("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'm%'", "0");
    must("ROLLBACK TO fuzz");
    must("RELEASE fuzz");
    if (!sqlite3_get_autocommit(db))
        broken("no transaction stays open", NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (db == NULL)
        open_database();
    if (size == 0)
        return 0;
    if (data[0] % 2 != 0) {
        uint8_t *file = malloc(size); /* of its own, so that ASan sees its end */
        memcpy(file, data + 1, size - 1);
        import(file, size - 1);
        free(file);
        return 0;
    }
    size_t n_header = size - 1;
    uint8_t *file = calloc(1, 8 + n_header + N_DATA);
    for (int i = 0; i < 8; i++)
        file[i] = (uint8_t)((uint64_t)n_header >> (8 * i));
    memcpy(file + 8, data + 1, n_header);
    import(file, 8 + n_header + N_DATA);
    free(file);
    return 0;
}
