/*
 * ext_budget.c - the limits of the memory that one call uses; see ext_base.h.
 *
 * memory_limit and the limit of the container are compared with the bytes that the call
 * itself uses. The hard heap limit is SQLite's, and holds for the whole process: it is
 * compared with all bytes that SQLite and the extension use (ext_memory_used()). SQLite
 * may have been told not to count its bytes; so if the call itself uses more than that
 * number, its own bytes are compared.
 */
#define _DEFAULT_SOURCE /* sysconf(_SC_PHYS_PAGES) */
#include "ext_base.h"

#include "../../include/gru4rec_platform.h"

#include <unistd.h>

/*
 * For each ext_budget_limit except EXT_BUDGET_NONE: the name of the limit in messages,
 * and the advice how to raise the limit.
 */
static const struct {
    const char *name, *remedy;
} limits[] = {
    [EXT_BUDGET_OPTION] = {"memory_limit", "raise memory_limit"},
    [EXT_BUDGET_DEFAULT] = {"the default, 80 % of the memory of the machine or container",
                            "raise memory_limit"},
    [EXT_BUDGET_SHARE] = {"this rank's share of 80 % of the memory of the machine or "
                          "container",
                          "raise memory_limit"},
    [EXT_BUDGET_CONTAINER] = {"what the container has left",
                              "give the container more memory"},
    [EXT_BUDGET_HEAP] = {"the hard heap limit",
                         "raise this limit by sqlite3_hard_heap_limit64()"},
};

/*
 * Returns how many bytes more SQLite's hard heap limit allows the call of the budget now:
 * 0 if none, UINT64_MAX if there is no such limit. 1/16 of the limit stays with SQLite,
 * because without any memory SQLite could not even report the error.
 */
static uint64_t heap_room(const ext_budget *budget)
{
    const uint64_t limit = (uint64_t)sqlite3_hard_heap_limit64(-1);
    const uint64_t account = ext_memory_used();
    const uint64_t taken = (account > budget->used ? account : budget->used) + limit / 16;
    if (limit == 0)
        return UINT64_MAX;
    return taken < limit ? limit - taken : 0;
}

/*
 * Returns which limit the call of the budget would pass if it allocated n bytes more:
 * budget->limit, looked at first, or EXT_BUDGET_HEAP. Returns EXT_BUDGET_NONE if it would
 * pass neither. Allocates nothing.
 */
static ext_budget_limit find_limit(const ext_budget *budget, uint64_t n)
{
    if (n > budget->most - budget->used)
        return budget->limit;
    return n > heap_room(budget) ? EXT_BUDGET_HEAP : EXT_BUDGET_NONE;
}

/*
 * The resize function of a budget's allocator; context is the budget. If the growth of
 * the block would pass a limit, notes that limit in budget->refused and returns NULL.
 * Else it resizes the block by ext_memory, and adds the change of size to budget->used. 0
 * bytes free the block. If ext_memory has no memory, returns NULL and changes nothing.
 */
static void *resize(void *context, void *block, size_t bytes)
{
    ext_budget *budget = context;
    const size_t before = block != NULL ? ext_memory_bytes(block) : 0;
    ext_budget_limit limit = EXT_BUDGET_NONE;
    if (bytes > before)
        limit = find_limit(budget, bytes - before);
    if (limit != EXT_BUDGET_NONE) {
        budget->refused = limit;
        return NULL;
    }
    void *resized = ext_memory.resize(ext_memory.context, block, bytes);
    if (resized != NULL || bytes == 0)
        budget->used += (uint64_t)bytes - before;
    return resized;
}

void ext_budget_start(ext_budget *budget, int64_t memory_limit)
{
    ext_container container;
    ext_container_read(&container, "");
    const uint64_t machine =
        (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    const uint64_t whole = container.memory < machine ? container.memory : machine;
    /*
     * 1/16 of what the container has free is kept for SQLite, and for memory that the
     * system uses for this process.
     */
    const uint64_t n_ranks = (uint64_t)ext_container_share_of().n;
    const uint64_t room = container.room != UINT64_MAX
                              ? (container.room - container.room / 16) / n_ranks
                              : UINT64_MAX;
    *budget = (ext_budget){
        .allocator = {.resize = resize, .context = budget, .random = ext_memory.random},
        .most = memory_limit > 0 ? (uint64_t)memory_limit : whole / 5 * 4 / n_ranks,
        .limit = memory_limit > 0 ? EXT_BUDGET_OPTION
                 : n_ranks > 1    ? EXT_BUDGET_SHARE
                                  : EXT_BUDGET_DEFAULT,
    };
    if (room < budget->most) {
        budget->most = room;
        budget->limit = EXT_BUDGET_CONTAINER;
    }
}

/* The text of a number of megabytes (10^6 bytes), for messages. */
typedef struct megabytes {
    char text[32];
} megabytes;

static megabytes in_megabytes(uint64_t bytes)
{
    megabytes m;
    const double n = (double)bytes / 1e6;
    sqlite3_snprintf(sizeof m.text, m.text, n < 100 ? "%.3g" : "%.0f", n);
    return m;
}

int ext_budget_check(const ext_budget *budget, uint64_t n, const char *what,
                     const char *advice, ext_error *error)
{
    const ext_budget_limit limit = find_limit(budget, n);
    if (limit == EXT_BUDGET_NONE)
        return SQLITE_OK;
    const uint64_t needed = n > UINT64_MAX - budget->used ? n : n + budget->used;
    const uint64_t most =
        limit == EXT_BUDGET_HEAP ? budget->used + heap_room(budget) : budget->most;
    error->is_limit |= error->rc == SQLITE_OK;
    return ext_error_set(error, SQLITE_ERROR,
                         "%s needs %s MB of memory and may use %s MB (%s); %s%s%s", what,
                         in_megabytes(needed).text, in_megabytes(most).text,
                         limits[limit].name, advice != NULL ? advice : "",
                         advice != NULL ? ", or " : "", limits[limit].remedy);
}

int ext_budget_explain(const ext_budget *budget, const char *what, const char *advice,
                       ext_error *error)
{
    const sqlite3_int64 heap = sqlite3_hard_heap_limit64(-1);
    ext_budget_limit limit = budget->refused;
    if (limit == EXT_BUDGET_NONE && heap > 0)
        limit = EXT_BUDGET_HEAP;
    if (!ext_error_is(error, SQLITE_NOMEM) || limit == EXT_BUDGET_NONE)
        return error->rc;
    const uint64_t most = limit == EXT_BUDGET_HEAP ? (uint64_t)heap : budget->most;
    ext_error_clear(error);
    error->is_limit = true;
    return ext_error_set(error, SQLITE_ERROR,
                         "%s needs more than %s MB of memory (%s); %s, or %s", what,
                         in_megabytes(most).text, limits[limit].name, advice,
                         limits[limit].remedy);
}
