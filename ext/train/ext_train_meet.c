/*
 * ext_train_meet.c - how the ranks of a training or a tuning meet: what they are called
 * for, who writes into which file, and whether they have the same; see ext_train.h.
 */
#define _POSIX_C_SOURCE 200809L /* stat */
#include "ext_train.h"

#include "../../include/gru4rec_platform.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- hashes ---- */

/* The hash of nothing (FNV-1a). */
static const uint64_t nothing = 0xcbf29ce484222325;

uint64_t ext_train_meet_add(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ at[i]) * 0x100000001b3;
    return hash;
}

/* Adds a text, and its end. */
static uint64_t add_text(uint64_t hash, const char *text)
{
    return ext_train_meet_add(hash, text, strlen(text) + 1);
}

/* Gets the hash of each rank. *all (n_ranks) is owned by the caller; NULL: an error. */
static int gather(uint64_t **all, uint64_t hash, const ext_ranks *ranks, ext_error *error)
{
    *all = sqlite3_malloc64((size_t)ext_ranks_count(ranks) * sizeof **all);
    if (*all == NULL)
        return ext_error_nomem(error);
    if (ext_ranks_agree(ranks, &hash, sizeof hash, *all, error) == SQLITE_OK)
        return SQLITE_OK;
    sqlite3_free(*all);
    *all = NULL;
    return error->rc;
}

int ext_train_meet_hash(uint64_t *hash, const ext_ranks *ranks, ext_error *error)
{
    uint64_t *all;
    if (ext_ranks_hooks(ranks) == NULL || gather(&all, *hash, ranks, error) != SQLITE_OK)
        return error->rc;
    *hash = nothing;
    for (int32_t rank = 0; rank < ext_ranks_count(ranks); rank++) {
        char text[40];
        snprintf(text, sizeof text, "%016llx", (unsigned long long)all[rank]);
        *hash = add_text(*hash, text);
    }
    sqlite3_free(all);
    return SQLITE_OK;
}

int ext_train_meet_compare(int32_t *other, uint64_t hash, const ext_ranks *ranks,
                           ext_error *error)
{
    uint64_t *all;
    *other = 0;
    if (ext_ranks_hooks(ranks) == NULL || gather(&all, hash, ranks, error) != SQLITE_OK)
        return error->rc;
    for (int32_t rank = ext_ranks_count(ranks) - 1; rank > 0; rank--)
        if (all[rank] != all[0])
            *other = rank;
    sqlite3_free(all);
    return SQLITE_OK;
}

/* ---- places ---- */

/*
 * Writes a text that no other machine has into name: the kernel's id of its boot, or
 * else, the name of the host.
 */
static void name_machine(char name[128])
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
    if (file == NULL || fgets(name, 128, file) == NULL)
        gethostname(name, 128);
    name[127] = '\0';
    if (file != NULL)
        fclose(file);
}

/*
 * Returns a hash that two ranks have in common if they have the same model in the same
 * file. A database without a file is that of this process alone.
 */
static uint64_t place_of(const ext_home *home)
{
    struct stat status;
    char text[256], machine[128] = "";
    char *file = ext_home_file(home);
    name_machine(machine);
    if (file != NULL && stat(file, &status) == 0)
        snprintf(text, sizeof text, "%s %llu %llu", machine,
                 (unsigned long long)status.st_dev, (unsigned long long)status.st_ino);
    else
        snprintf(text, sizeof text, "%s %ld %s", machine, (long)getpid(),
                 file != NULL ? file : "");
    sqlite3_free(file);
    uint64_t hash = add_text(nothing, text);
    for (const char *c = home->name; *c != '\0'; c++) { /* case does not count */
        const char letter = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
        hash = ext_train_meet_add(hash, &letter, sizeof letter);
    }
    return hash;
}

/* ---- meeting ---- */

/* What a rank says first. */
typedef struct greeting {
    int64_t resumes; /* the call says resume */
    uint64_t place;
} greeting;

/* Compares the greetings of all ranks, and sets *lowest. */
static int compare(int32_t *lowest, const greeting *all, const ext_ranks *ranks,
                   ext_error *error)
{
    const greeting *own = &all[ext_ranks_number(ranks)];
    for (int32_t rank = 1; rank < ext_ranks_count(ranks); rank++)
        if (all[rank].resumes != all[0].resumes)
            return ext_error_set(error, SQLITE_ERROR,
                                 "rank %d says resume=true, and rank %d does not; give "
                                 "all ranks the same options",
                                 all[0].resumes ? 0 : (int)rank,
                                 all[0].resumes ? (int)rank : 0);
    *lowest = 0;
    while (all[*lowest].place != own->place)
        ++*lowest;
    return SQLITE_OK;
}

int ext_train_meet(int32_t *lowest, const ext_home *home, bool resumes, ext_error *error)
{
    const ext_ranks *ranks = home->connection->ranks;
    *lowest = 0;
    if (ext_ranks_hooks(ranks) == NULL)
        return SQLITE_OK;
    const greeting own = {resumes, place_of(home)};
    greeting *all = sqlite3_malloc64((size_t)ext_ranks_count(ranks) * sizeof *all);
    if (all == NULL)
        return ext_error_nomem(error);
    if (ext_ranks_agree(ranks, &own, sizeof own, all, error) == SQLITE_OK)
        compare(lowest, all, ranks, error);
    sqlite3_free(all);
    return error->rc;
}
