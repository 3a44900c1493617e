/*
 * test_ext_budget.c - which error ext_budget.c sets, and when it leaves the one that is
 * set.
 */
#include "../lib/test.h"

#include <sqlite3.h>

#include "../../include/gru4rec.h"

/* Loads the extension, so that its functions can call SQLite. */
static void start(void)
{
    sqlite3 *db = NULL;
    sqlite3_auto_extension((void (*)(void))sqlite3_gru4rec_init);
    CHECK_INT(SQLITE_OK, sqlite3_open(":memory:", &db));
    sqlite3_close(db);
}

#include "../../ext/base/ext_base.h" /* from here on SQLite is called as by the extension */

/* The first failure of a call is its error, with all that is known of it. */
static void test_first_error_stays(void)
{
    ext_budget budget;
    ext_error error = {0};
    ext_budget_start(&budget, 1000);
    CHECK_INT(SQLITE_OK, ext_budget_check(&budget, 1000, "a", NULL, &error));
    CHECK(!error.is_limit);
    CHECK_INT(SQLITE_ERROR, ext_budget_check(&budget, 1001, "a", NULL, &error));
    CHECK(error.is_limit && strstr(error.message, "a needs") != NULL);
    CHECK_INT(SQLITE_ERROR, ext_budget_check(&budget, 1001, "b", NULL, &error));
    CHECK(error.is_limit && strstr(error.message, "a needs") != NULL);
    ext_error_clear(&error);
    ext_error_set(&error, SQLITE_FULL, "another error");
    CHECK_INT(SQLITE_FULL, ext_budget_check(&budget, 1001, "a", NULL, &error));
    CHECK(!error.is_limit);
    CHECK_TEXT("another error", error.message);
    CHECK_INT(SQLITE_FULL, ext_budget_explain(&budget, "a", "give more", &error));
    CHECK(!error.is_limit);
    ext_error_clear(&error);
}

/* An allocation that a limit refuses is explained; one that only has no memory is not. */
static void test_explain(void)
{
    ext_budget budget;
    ext_error error = {0};
    ext_budget_start(&budget, 1000);
    ext_error_nomem(&error);
    CHECK_INT(SQLITE_NOMEM, ext_budget_explain(&budget, "a", "give more", &error));
    CHECK(!error.is_limit);
    CHECK(budget.allocator.resize(&budget, NULL, 1001) == NULL);
    CHECK_INT(SQLITE_ERROR, ext_budget_explain(&budget, "a", "give more", &error));
    CHECK(error.is_limit && strstr(error.message, "give more") != NULL);
    ext_error_clear(&error);
}

int main(void)
{
    RUN(start);
    RUN(test_first_error_stays);
    RUN(test_explain);
    return test_end();
}
