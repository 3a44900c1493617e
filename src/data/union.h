/*
 * union.h - what the parts of the events that several processes (ranks) have share: see
 * gru4rec_dataset_unite() in gru4rec.h.
 *
 * Each rank has whole sessions of its own. They stay where they are. What all ranks know
 * of all of them: the items' ids, numbered in the same way; the place of each session in
 * the visiting order of the union; sums over all events; and the held-out sessions.
 *
 * There is one kind of exchange: every rank gives some bytes, and gets those of all. All
 * ranks make the same exchanges in the same order, which only depends on what all have
 * been told. After a failure a rank makes no exchange any more; the caller then makes the
 * exchanges of the others fail.
 *
 * If this process is the only one, these functions leave everything as it is, and return
 * true.
 */
#ifndef G4R_UNION_H
#define G4R_UNION_H

#include "events.h"
#include "../base/stop.h"

typedef struct g4r_union {
    const gru4rec_ranks *ranks; /* NULL: this process is the only one */
    gru4rec_allocator allocator;
    gru4rec_status status; /* why a function below returned false; OK: none has */
    gru4rec_error *error;  /* gets the message of status; NULL: nobody wants it */
    /* What this rank gives next, n_own bytes. */
    char *own;
    size_t n_own, own_capacity;
    /* What all ranks have given: sizes (n_ranks) bytes, each at a multiple of stride. */
    char *all;
    int64_t *sizes;
    size_t stride, all_capacity;
    /* g4r_union_sessions_place(): the sessions of all ranks, and their events. */
    int64_t n_sessions;
    int64_t *starts; /* (sessions of the dataset) events of all ranks before each */
} g4r_union;

/* ---- union.c: exchanges ---- */

/* Makes *u for these ranks. The caller calls g4r_union_free() in any case. */
void g4r_union_init(g4r_union *u, const gru4rec_ranks *ranks,
                    const gru4rec_allocator *allocator, gru4rec_error *error);
void g4r_union_free(g4r_union *u);
/* Sets the status, unless it is set already, and returns false. */
bool g4r_union_fail(g4r_union *u, gru4rec_status status);
/* Appends n bytes to u->own. */
bool g4r_union_put(g4r_union *u, const void *bytes, size_t n);
/*
 * An exchange: gives u->own, which is empty afterwards, and sets u->sizes and u->all.
 */
bool g4r_union_gather(g4r_union *u);
/* Adds up values (n) over all ranks, or finds the least of each; n is equal on all. */
bool g4r_union_sum(g4r_union *u, int64_t *values, size_t n);
bool g4r_union_least(g4r_union *u, int64_t *values, size_t n);
/* Sets *time to the least time of the ranks that have one. */
bool g4r_union_least_time(g4r_union *u, gru4rec_time *time, bool *has_time);

/* The bytes of a rank that are not read yet. */
typedef struct g4r_union_reader {
    const char *bytes;
    size_t n;
} g4r_union_reader;

/* Copies the next n bytes, which must be there. */
void g4r_union_get(g4r_union_reader *reader, void *bytes, size_t n);
/* Appends an id to u->own, and reads one, whose bytes are borrowed. */
bool g4r_union_put_id(g4r_union *u, const gru4rec_id *id);
void g4r_union_get_id(g4r_union_reader *reader, gru4rec_id *id);

/* A list that each rank gives to all, in as many exchanges as it takes. */
typedef struct g4r_union_list {
    int64_t n; /* elements that this rank gives */
    /* Appends element i to u->own. */
    bool (*put)(g4r_union *u, int64_t i, void *context);
    /* Reads the next element of a rank, also of this one. */
    bool (*get)(g4r_union *u, int32_t rank, g4r_union_reader *reader, void *context);
    void *context;
} g4r_union_list;

/*
 * Exchanges a list: get is called for all elements of all ranks, for those of each rank
 * in their order, and in the same order on all ranks. False: one of the functions has
 * returned false, or the caller asked to stop (watch).
 */
bool g4r_union_pass(g4r_union *u, const g4r_union_list *list, g4r_stop_watch *watch);

/* ---- union_items.c ---- */

/*
 * Replaces events->items by the items of all ranks, with the same number for each item on
 * all of them, and the numbers in dataset->item_rows.
 */
bool g4r_union_items_number(g4r_union *u, gru4rec_events *events,
                            gru4rec_dataset *dataset, g4r_stop_watch *watch);
/*
 * Finds the order of the catalogue. In: list (*n_list) the numbers of the items in the
 * sessions of the dataset, and support, by number, of those. Out: the same of all ranks,
 * in the order in which the items first appear in the union. list has room for all items.
 */
bool g4r_union_items_order(g4r_union *u, const gru4rec_events *events,
                           const gru4rec_dataset *dataset, uint32_t *list, size_t *n_list,
                           int64_t *support, g4r_stop_watch *watch);

/* ---- union_sessions.c ---- */

/*
 * Checks that no session is on two ranks. INVALID: one is; the message names it. The ids
 * in events->sessions must be indexed.
 */
bool g4r_union_sessions_check(g4r_union *u, const gru4rec_events *events,
                              g4r_stop_watch *watch);
/*
 * Fills dataset->places with the place of each session of the dataset in the visiting
 * order of the union, and sets u->n_sessions and u->starts. Sessions are visited by time
 * if events->first is set.
 */
bool g4r_union_sessions_place(g4r_union *u, const gru4rec_events *events,
                              gru4rec_dataset *dataset, g4r_stop_watch *watch);
/*
 * Makes own, which has sessions of this rank, at these places (n_sessions), those of all
 * ranks, in visiting order: from the place border on, up to u->n_sessions. They have
 * times if those of own have, which must be so on all ranks or on none. Adds up
 * n_unknown.
 */
bool g4r_union_sessions_collect(g4r_union *u, gru4rec_dataset *own, const int64_t *places,
                                int64_t border, g4r_stop_watch *watch);
/*
 * Replaces events->prints by the fingerprints of the sessions of all ranks, n_sessions,
 * of which this one has those of the dataset, and events->visit by their places.
 */
bool g4r_union_sessions_print(g4r_union *u, gru4rec_events *events,
                              const gru4rec_dataset *dataset, int64_t n_sessions,
                              g4r_stop_watch *watch);

#endif
