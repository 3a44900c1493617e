/*
 * ext_choice.c - finds the version of a model that a number or a word means.
 *
 * The contracts are in ext_store.h. A number means the version of that number, if its
 * status is 'ready'. A word such as 'active' is looked up in the tables at each call, so
 * that a version that another process has trained, deployed or retired is seen at once.
 */
#include "ext_store.h"

#include <string.h>

/* SQL: the number of the active version; no row if there is none. */
#define OF_CONFIG "SELECT value FROM @config WHERE key = 'version'"

/*
 * Makes the entry of a kind of choice in choices: the word, the end of the message, and
 * two SELECTs. The SELECT run gives the name of the version's run. The SELECT version
 * gives one row: the storage format, and the number and the run of the version, both NULL
 * if there is no such version. It gives no row if m_config has no storage format.
 * word_: the word that users write; "" for a number.
 * sql: a SELECT of the number of the version; it gives no row, or NULL, if there is none.
 * missing_: end of the message if there is no such version; %s is the list of the ready
 * versions. NULL: the message says that the model is not trained. For EXT_CHOICE_NUMBER
 * it is not used, but must not be NULL.
 */
#define CHOICE(word_, sql, missing_)                                                 \
    {                                                                                \
        .word = word_, .missing = missing_,                                          \
        .run = "SELECT run FROM @version WHERE version = (" sql ")",                 \
        .version = "SELECT f.value, v.version, v.run"                                \
                   " FROM @config AS f LEFT JOIN @version AS v ON v.version = (" sql \
                   ") WHERE f.key = 'format'",                                       \
    }

/* The word, the message and the two SELECTs of each ext_choice_kind, made by CHOICE(). */
static const struct {
    const char *word, *missing, *run, *version;
} choices[] = {
    [EXT_CHOICE_ACTIVE] = CHOICE("active", OF_CONFIG, NULL),
    /*
     * The ready version with the highest number below that of the active version. A
     * version that was published as a candidate after the version that served before (key
     * 'previous') was never deployed: it is taken only if there is no other.
     */
    [EXT_CHOICE_PREVIOUS] =
        CHOICE("previous",
               "SELECT version FROM @version"
               " WHERE status = 'ready' AND version < (" OF_CONFIG ")"
               " ORDER BY version >"
               " coalesce((SELECT value FROM @config WHERE key = 'previous'), 0)"
               " AND iif(json_valid(summary), summary ->> '$.active', 1) IS 0,"
               " version DESC LIMIT 1",
               "has no kept version before the active one that is ready%s; "
               "see keep_versions"),
    [EXT_CHOICE_NEWEST] =
        CHOICE("newest", "SELECT max(version) FROM @version WHERE status = 'ready'",
               NULL),
    [EXT_CHOICE_BEST] = CHOICE("best",
                               "SELECT v.version FROM @version AS v"
                               " JOIN @epoch AS e ON e.version = v.version"
                               " WHERE v.status = 'ready' AND e.mrr IS NOT NULL"
                               " ORDER BY e.mrr DESC, v.version DESC LIMIT 1",
                               "has no kept version that was measured in training; "
                               "train with validation, or give a source to measure on"),
    [EXT_CHOICE_NUMBER] =
        CHOICE("", "SELECT version FROM @version WHERE status = 'ready' AND version = ?1",
               ""),
};

/* ---- reading a choice ---- */

/*
 * Sets *choice to the kind whose word is text, in upper or lower case. 'best' is known
 * only if is_to_deploy is true. Returns false, and leaves *choice as it is, if text is
 * none of the words.
 */
static bool read_word(ext_choice *choice, const char *text, bool is_to_deploy)
{
    const ext_choice_kind end = is_to_deploy ? EXT_CHOICE_NUMBER : EXT_CHOICE_BEST;
    for (int i = 0; i < (int)end; i++)
        if (sqlite3_stricmp(text, choices[i].word) == 0) {
            *choice = (ext_choice){.kind = (ext_choice_kind)i};
            return true;
        }
    return false;
}

/*
 * Reads the choice that value is: a number, or one of the words (read_word()).
 * SQLITE_ERROR: value is neither, for example SQL NULL. Whether there is such a version
 * is not looked up.
 */
static int read_value(ext_choice *choice, sqlite3_value *value, bool is_to_deploy,
                      ext_error *error)
{
    const char *text = NULL;
    bool is_number;
    ext_show show;
    /*
     * The message shows the value as the user gave it. So its text form is made here,
     * before the value is converted.
     */
    const char *shown = ext_show_value(&show, value);
    *choice = (ext_choice){.kind = EXT_CHOICE_NUMBER};
    if (ext_value_number(&choice->number, &is_number, value, error) != SQLITE_OK ||
        is_number)
        return error->rc;
    if (sqlite3_value_type(value) == SQLITE_TEXT &&
        ext_value_text(&text, value, "the version", error) != SQLITE_OK)
        return error->rc;
    if (text != NULL && read_word(choice, text, is_to_deploy))
        return SQLITE_OK;
    return ext_error_set(
        error, SQLITE_ERROR,
        "version %s is not a whole number, 'active', 'previous'%s; see the "
        "model's table m_version",
        shown, is_to_deploy ? ", 'newest' or 'best'" : " or 'newest'");
}

int ext_choice_read(ext_choice *choice, sqlite3_value *value, ext_error *error)
{
    *choice = (ext_choice){0};
    return ext_value_is_given(value) ? read_value(choice, value, false, error)
                                     : SQLITE_OK;
}

int ext_choice_read_to_deploy(ext_choice *choice, sqlite3_value *value, ext_error *error)
{
    return read_value(choice, value, true, error);
}

ext_choice ext_choice_of_option(int64_t version)
{
    switch (version) {
    case GRU4REC_VERSION_ACTIVE:
        return (ext_choice){.kind = EXT_CHOICE_ACTIVE};
    case GRU4REC_VERSION_PREVIOUS:
        return (ext_choice){.kind = EXT_CHOICE_PREVIOUS};
    case GRU4REC_VERSION_NEWEST:
        return (ext_choice){.kind = EXT_CHOICE_NEWEST};
    default:
        return (ext_choice){.kind = EXT_CHOICE_NUMBER, .number = version};
    }
}

bool ext_choice_is_same(const ext_choice *a, const ext_choice *b)
{
    return a->kind == b->kind && a->number == b->number;
}

/* ---- finding the version ---- */

/*
 * Prepares sql, one of the two SELECTs of a choice; for EXT_CHOICE_NUMBER, it binds the
 * number to ?1. The caller finalizes *stmt.
 */
static int prepare(sqlite3_stmt **stmt, const char *sql, const ext_choice *choice,
                   const ext_home *home, ext_error *error)
{
    return ext_query(home, stmt, error, sql, choice->kind == EXT_CHOICE_NUMBER ? "i" : "",
                     choice->number);
}

/*
 * Sets *text to a list of the versions with status 'ready', for example " (ready
 * versions: 4, 5)": the nine with the highest numbers, in ascending order. If there is
 * none, *text is " (no version is ready)". *text is of sqlite3_malloc; it is NULL after a
 * failure.
 */
static int name_ready(char **text, const ext_home *home, ext_error *error)
{
    sqlite3_stmt *stmt;
    *text = NULL;
    int rc = ext_query(home, &stmt, error,
                       "SELECT coalesce("
                       "' (ready versions: ' || group_concat(version, ', ') || ')',"
                       " ' (no version is ready)') FROM"
                       " (SELECT version FROM"
                       " (SELECT version FROM @version WHERE status = 'ready'"
                       " ORDER BY version DESC LIMIT 9)"
                       " ORDER BY version)",
                       "");
    if (rc != SQLITE_OK)
        return rc;
    if ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        *text = ext_sql_text(stmt, 0);
        if (*text == NULL)
            rc = ext_sql_fail_null(stmt, error);
    }
    return ext_sql_finish(stmt, rc, "reading the model", error);
}

/*
 * Sets the error that the model has no ready version of that number: returns
 * SQLITE_ERROR. If the status of the version is 'retired' or 'prepared', the message says
 * so. ready: the text of name_ready(), for the message.
 */
static int fail_number(const ext_home *home, int64_t number, const char *ready,
                       ext_error *error)
{
    int64_t is_retired;
    bool is_prepared;
    if (ext_query_integer(home, &is_retired, error,
                          "SELECT count(*) FROM @version"
                          " WHERE version = ?1 AND status = 'retired'",
                          "i", number) != SQLITE_OK ||
        ext_version_is_prepared(&is_prepared, home, number, error) != SQLITE_OK)
        return error->rc;
    return ext_error_set(error, SQLITE_ERROR,
                         "model '%s' has no kept version %lld that is ready%s%s; see "
                         "%s_version, and keep_versions",
                         home->name, (long long)number, ready,
                         is_retired > 0
                             ? ", because it is retired and its weights are deleted"
                         : is_prepared
                             ? ", because it is prepared: gru4rec_status() says "
                               "how it comes to serve"
                             : "",
                         home->name);
}

/*
 * Sets the error that the model has no version that the choice means, and returns its
 * code: SQLITE_ERROR, unless making the message failed. The message is that of the kind
 * in choices.
 */
static int fail_missing(const ext_choice *choice, const ext_home *home, ext_error *error)
{
    char *ready, *words = NULL;
    if (choices[choice->kind].missing == NULL)
        return ext_version_fail_untrained(home, error);
    if (name_ready(&ready, home, error) != SQLITE_OK)
        return error->rc;
    if (choice->kind == EXT_CHOICE_NUMBER)
        fail_number(home, choice->number, ready, error);
    else if ((words = sqlite3_mprintf(choices[choice->kind].missing, ready)) != NULL)
        ext_error_set(error, SQLITE_ERROR, "model '%s' %s", home->name, words);
    else
        ext_error_nomem(error);
    sqlite3_free(words);
    sqlite3_free(ready);
    return error->rc;
}

int ext_choice_look(ext_version *version, const ext_choice *choice, const ext_home *home,
                    ext_error *error)
{
    sqlite3_stmt *stmt;
    *version = (ext_version){0};
    int rc = prepare(&stmt, choices[choice->kind].version, choice, home, error);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_DONE ||
        (rc == SQLITE_ROW &&
         ext_config_known_format((const char *)sqlite3_column_text(stmt, 0)) == 0)) {
        rc = ext_config_fail_format(home, error);
    } else if (rc == SQLITE_ROW && sqlite3_column_type(stmt, 1) != SQLITE_NULL) {
        const char *run = (const char *)sqlite3_column_text(stmt, 2);
        version->version = sqlite3_column_int64(stmt, 1);
        sqlite3_snprintf(sizeof version->run, version->run, "%s", run != NULL ? run : "");
    }
    return ext_sql_finish(stmt, rc, "reading the model", error);
}

int ext_choice_find(ext_version *version, const ext_choice *choice, const ext_home *home,
                    ext_error *error)
{
    int rc = ext_choice_look(version, choice, home, error);
    return rc == SQLITE_OK && version->version == 0 ? fail_missing(choice, home, error)
                                                    : rc;
}

bool ext_choice_is(const ext_choice *choice, const ext_home *home, const char *run)
{
    sqlite3_stmt *stmt;
    ext_error ignored = {0};
    bool is_same = false;
    if (prepare(&stmt, choices[choice->kind].run, choice, home, &ignored) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        const char *now = (const char *)sqlite3_column_text(stmt, 0);
        is_same = now != NULL && strcmp(now, run) == 0;
    }
    sqlite3_finalize(stmt);
    ext_error_clear(&ignored);
    return is_same;
}
