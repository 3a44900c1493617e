/*
 * fuzz_options.c - libFuzzer: option strings and JSON through every SQL call that takes
 * them.
 *
 * The first byte chooses the call. What is accepted must do its work within the limits
 * given here, what is refused must say so with a message of ours.
 */
#include "fuzz.h"

enum { TRAIN, CREATE, EVALUATE, BATCHES, IMPORT, N_CALLS };

/* Trains for real: with the given options, and then with what keeps it small. */
static int train(const char *text)
{
    bool is_json = text[strspn(text, " \t\r\n")] == '{';
    char *limited =
        is_json ? NULL : sqlite3_mprintf("%s,n_epochs=1,memory_limit=20000000", text);
    int rc = is_json ? run_sql("SELECT gru4rec_train('rec', 'e', json_patch(?1, "
                               "'{\"n_epochs\":1,\"memory_limit\":20000000}'))",
                               text, strlen(text), false, NULL, 0)
                     : run_sql("SELECT gru4rec_train('rec', 'e', ?1)", limited,
                               strlen(limited), false, NULL, 0);
    sqlite3_free(limited);
    if (rc == SQLITE_ERROR && is_json && strstr(sqlite3_errmsg(db), "malformed JSON") &&
        strncmp(sqlite3_errmsg(db), "gru4rec", 7) != 0)
        return SQLITE_OK; /* json_patch() itself */
    if (rc == SQLITE_OK) {
        must_be("SELECT gru4rec_check('rec')", "ok");
        must("SELECT gru4rec_export('rec')");
    }
    return rc;
}

/* As the arguments of the module. What stands there may end the statement: no message. */
static int create(const char *text)
{
    char *sql = sqlite3_mprintf("CREATE VIRTUAL TABLE made USING gru4rec(e, %s)", text);
    int rc = run_sql(sql, NULL, 0, false, NULL, 0);
    sqlite3_free(sql);
    if (rc != SQLITE_OK) {
        must_be("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'made%'", "0");
        return SQLITE_OK;
    }
    must_be("SELECT gru4rec_check('made')", "ok");
    must_be("SELECT json_valid(gru4rec_info('made'))", "1");
    return SQLITE_OK;
}

static int import(const char *text)
{
    return run_sql("SELECT gru4rec_import('made', CAST(x'0000010000000000' || "
                   "printf('%-65536s', json_object('__metadata__', json_object('format', "
                   "'gru4rec', 'items', '[1]', 'options', ?1))) || zeroblob(4096) AS "
                   "BLOB))",
                   text, strlen(text), false, NULL, 0);
}

static int call(int which, const char *text)
{
    switch (which) {
    case TRAIN:
        return train(text);
    case CREATE:
        return create(text);
    case EVALUATE:
        return run_sql("SELECT recall FROM gru4rec_evaluate('rec', 'e', ?1)", text,
                       strlen(text), false, NULL, 0);
    case BATCHES:
        return run_sql("SELECT step FROM gru4rec_batches('e', 2, ?1)", text, strlen(text),
                       false, NULL, 0);
    default:
        return import(text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (db == NULL)
        open_database();
    if (size == 0)
        return 0;
    char *text = malloc(size);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    deadline = seconds() + 2;
    must("SAVEPOINT fuzz");
    check_message(call(data[0] % N_CALLS, text));
    deadline = seconds() + 5;
    must("ROLLBACK TO fuzz");
    must("RELEASE fuzz");
    if (!sqlite3_get_autocommit(db))
        broken("no transaction stays open", text);
    free(text);
    return 0;
}
