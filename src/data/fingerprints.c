/*
 * fingerprints.c - stores sets of fingerprints in bytes, and looks for sessions in such
 * sets; see gru4rec.h. prints.c makes the fingerprints of sessions.
 *
 * A model keeps a set of each kind for the sessions that it was trained on. If a set has
 * n members, a session that was not trained on is found in it with a probability of n /
 * 2^45. There are at most 2^31 sessions, so this is never more than 6.1e-5. With a
 * million sessions it is 3e-8.
 *
 * A set is sorted, and the gaps between its members are stored by Golomb-Rice coding:
 * first the low r bits of a gap, then the rest of the gap as a unary number (as many 1
 * bits, then a 0 bit). r is the largest number for which 2^r <= 2^45 / n, which is the
 * mean gap. So a member takes at most r + 3 bits on average: below 4.5 bytes in a set of
 * 10,000 members, below 3.5 bytes in a set of a million. The sets of several trainings
 * can be united, because all fingerprints have the same range, and all of one model have
 * the same key.
 *
 * The bytes of fingerprints:
 *   at  bytes
 *    0      4   "G4RT"
 *    4      1   format: 1
 *    5      1   1: sessions of trainings before the last one are missing, or were cut by
 *               other rules; else 0
 *    6      2   0
 *    8     16   key
 *   24      8   hash of the rules that cut the sessions of the last training
 *   32  10 x 32 for each class of length: number of sessions (8); number of those whose
 *               items another one has in the same order (8); number of those in the last
 *               tenth of their training (8); number of these whose items a session before
 *               that tenth has in the same order (8). A session counts in the first
 *               training that has it. Both look in that training and those before
 *  352   3 x 16 for each set: number of members (8), number of bytes (8)
 *  400          the sets, one after another
 *  then     8   hash of all bytes before
 *
 * All numbers are little-endian. The bits of a set fill each byte from its lowest bit on.
 * Databases keep these bytes, so nothing here may change unless the format's number
 * changes.
 */
#include "chance.h"
#include "prints.h"
#include "sort.h"
#include "union.h"
#include "../base/hash.h"

enum { BITS = G4R_PRINTS_BITS, CLASSES = GRU4REC_FINGERPRINTS_CLASSES, FORMAT = 1 };
enum { AT_FORMAT = 4, AT_PARTIAL, AT_KEY = 8, AT_RULES = 24, AT_LENGTHS = 32 };
enum { AT_SETS = AT_LENGTHS + 32 * CLASSES };
enum { HEAD = AT_SETS + 16 * GRU4REC_FINGERPRINTS_KINDS, TAIL = 8 };

void gru4rec_fingerprints_start(gru4rec_events *events,
                                const gru4rec_fingerprints_key *key)
{
    events->has_key = true;
    events->fingerprints_key = *key;
}

uint64_t gru4rec_fingerprints_of(const gru4rec_events *events, int64_t place,
                                 gru4rec_fingerprints_kind kind)
{
    return events->prints[events->visit[place]].kinds[kind];
}

gru4rec_status gru4rec_fingerprints_unite(gru4rec_events *events,
                                          const gru4rec_dataset *dataset,
                                          const gru4rec_ranks *ranks,
                                          bool (*is_stopped)(void *), void *context,
                                          int64_t *n_united, gru4rec_error *error)
{
    g4r_stop_watch watch = {.stop = {is_stopped, context}};
    g4r_union u;
    *n_united = dataset->n_sessions;
    if (ranks == NULL)
        return GRU4REC_OK;
    g4r_union_init(&u, ranks, &events->allocator, error);
    if (g4r_union_sum(&u, n_united, 1))
        g4r_union_sessions_print(&u, events, dataset, *n_united, &watch);
    const gru4rec_status status = u.status;
    g4r_union_free(&u);
    return status;
}

/* ---- sets of fingerprints, as gaps ---- */

/*
 * Returns r, the number of low bits of a gap that are stored as they are, for a set of n
 * members (see the top of the file). Returns 0 if n is 0.
 */
static int low_bits(uint64_t n)
{
    int r = 0;
    while (n > 0 && ((uint64_t)1 << BITS) / n >> (r + 1) > 0)
        r++;
    return r;
}

typedef struct bit_writer {
    unsigned char *bytes; /* where the bits are written; zeroed before */
    uint64_t at;          /* number of bits written so far */
} bit_writer;

/*
 * Writes the lowest n bits of bits, the lowest one first, at the position writer->at, and
 * adds n to writer->at. The place must have been zero before.
 */
static void put_bits(bit_writer *writer, uint64_t bits, int n)
{
    for (int i = 0; i < n; i++, writer->at++)
        writer->bytes[writer->at / 8] |=
            (unsigned char)((bits >> i & 1) << (writer->at % 8));
}

/* Reads the members of a stored set one after another, in ascending order. */
typedef struct set_reader {
    const unsigned char *bytes; /* (n_bytes) the stored set; borrowed */
    uint64_t n_bytes, at;       /* at: number of bits read so far */
    uint64_t n_left, last; /* members not read yet; the member read last, 0 at first */
    int r;                 /* number of low bits of a gap (low_bits()) */
    bool is_bad;           /* the set is damaged; no more members are read */
} set_reader;

/*
 * Returns the next bit of a stored set, and moves set->at behind it. Behind the last byte
 * it returns 0 and sets is_bad.
 */
static uint64_t get_bit(set_reader *set)
{
    if (set->at / 8 >= set->n_bytes) {
        set->is_bad = true;
        return 0;
    }
    const uint64_t bit = set->bytes[set->at / 8] >> set->at % 8 & 1;
    set->at++;
    return bit;
}

/*
 * Reads the next member into set->last and returns true. Returns false if no member is
 * left, or if the set is damaged; it sets is_bad if it finds that now: the bytes end
 * early, or the member is greater than 2^45.
 */
static bool next_member(set_reader *set)
{
    uint64_t gap = 0, high = 0;
    if (set->n_left == 0 || set->is_bad)
        return false;
    for (int i = 0; i < set->r; i++)
        gap |= get_bit(set) << i;
    while (!set->is_bad && get_bit(set) == 1)
        high++;
    gap |= high << set->r;
    set->is_bad |= high >> (BITS - set->r) > 0 || gap > ((uint64_t)1 << BITS) - set->last;
    set->last += gap;
    set->n_left--;
    return !set->is_bad;
}

/*
 * Writes the set of members (n), which ascend without repeats, into bytes, which must be
 * zeroed before. Returns the number of bytes of the set. If bytes is NULL, only counts
 * them.
 */
static uint64_t write_set(unsigned char *bytes, const uint64_t *members, uint64_t n)
{
    const int r = low_bits(n);
    bit_writer writer = {.bytes = bytes};
    uint64_t last = 0;
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t gap = members[i] - last, high = gap >> r;
        last = members[i];
        if (bytes == NULL) {
            writer.at += (uint64_t)r + high + 1;
            continue;
        }
        put_bits(&writer, gap, r);
        for (uint64_t j = 0; j < high; j++)
            put_bits(&writer, 1, 1);
        writer.at++;
    }
    return (writer.at + 7) / 8;
}

/* ---- the bytes of fingerprints ---- */

/* Writes word to bytes (8), the lowest byte first. */
static void put_word(unsigned char *bytes, uint64_t word)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(word >> 8 * i);
}

/*
 * Returns the hash of the first n bytes of stored fingerprints. The bytes behind them
 * must be this hash.
 */
static uint64_t hash_of(const unsigned char *bytes, size_t n)
{
    uint64_t hash = G4R_HASH_START;
    for (size_t at = 0; at < n; at += 8)
        hash = g4r_hash_word(hash, g4r_hash_read(bytes + at, G4R_MIN(n - at, 8)));
    return hash;
}

bool gru4rec_fingerprints_read(gru4rec_fingerprints *fingerprints, const void *stored,
                               size_t n_bytes)
{
    const unsigned char *bytes = stored;
    *fingerprints = (gru4rec_fingerprints){0};
    if (bytes == NULL || n_bytes < HEAD + TAIL || memcmp(bytes, "G4RT", 4) != 0 ||
        bytes[AT_FORMAT] != FORMAT || bytes[AT_PARTIAL] > 1)
        return false;
    const uint64_t n_sets = n_bytes - HEAD - TAIL;
    uint64_t at = 0;
    for (int i = 0; i < GRU4REC_FINGERPRINTS_KINDS; i++) {
        gru4rec_fingerprints_set *set = &fingerprints->sets[i];
        set->n = g4r_hash_read(bytes + AT_SETS + 16 * i, 8);
        set->n_bytes = g4r_hash_read(bytes + AT_SETS + 16 * i + 8, 8);
        if (set->n_bytes > n_sets - at || set->n / 8 > set->n_bytes)
            return false;
        set->bytes = bytes + HEAD + at;
        at += set->n_bytes;
    }
    fingerprints->is_partial = bytes[AT_PARTIAL] == 1;
    fingerprints->key.a = g4r_hash_read(bytes + AT_KEY, 8);
    fingerprints->key.b = g4r_hash_read(bytes + AT_KEY + 8, 8);
    fingerprints->rules = g4r_hash_read(bytes + AT_RULES, 8);
    for (int i = 0; i < CLASSES; i++) {
        gru4rec_fingerprints_length *length = &fingerprints->lengths[i];
        const unsigned char *words = bytes + AT_LENGTHS + 32 * i;
        length->n = g4r_hash_read(words, 8);
        length->n_twins = g4r_hash_read(words + 8, 8);
        length->n_last = g4r_hash_read(words + 16, 8);
        length->n_last_twins = g4r_hash_read(words + 24, 8);
        if (length->n_twins > length->n || length->n_last > length->n ||
            length->n_last_twins > length->n_last)
            return false;
    }
    return at == n_sets &&
           hash_of(bytes, n_bytes - TAIL) == g4r_hash_read(bytes + n_bytes - TAIL, 8);
}

/*
 * Returns a reader of the set that stands before its first member. The reader borrows the
 * bytes of the set.
 */
static set_reader open_set(const gru4rec_fingerprints_set *set)
{
    return (set_reader){.bytes = set->bytes,
                        .n_bytes = set->n_bytes,
                        .n_left = set->n,
                        .r = low_bits(set->n)};
}

/* ---- fingerprints of a dataset's sessions, sorted ---- */

typedef struct print_list {
    uint64_t *prints; /* (n) fingerprints, by place in visiting order; 0: none */
    uint32_t *order;  /* (n) the places in visiting order, sorted by fingerprint */
    size_t n;
} print_list;

static int compare_prints(const void *context, uint32_t x, uint32_t y)
{
    const uint64_t *prints = context;
    return G4R_COMPARE(prints[x], prints[y]);
}

/* Frees the arrays of the list, and sets all its fields to zero. */
static void free_list(print_list *list, const gru4rec_allocator *allocator)
{
    g4r_alloc_free(allocator, list->prints);
    g4r_alloc_free(allocator, list->order);
    *list = (print_list){0};
}

/*
 * Allocates list, and fills it with the fingerprints of one kind of the sessions at the
 * first n places of the visiting order (0 stands for a session without one). list->order
 * has these places, sorted by fingerprint. Returns OK, NOMEM or INTERRUPTED. The caller
 * frees the list with free_list(), also after an error.
 */
static gru4rec_status sort_prints(print_list *list, const gru4rec_events *events,
                                  size_t n, gru4rec_fingerprints_kind kind,
                                  g4r_stop_watch *watch)
{
    const gru4rec_allocator *allocator = &events->allocator;
    *list = (print_list){.n = n,
                         .prints = g4r_alloc(allocator, n, sizeof *list->prints),
                         .order = g4r_alloc(allocator, n, sizeof *list->order)};
    if (list->prints == NULL || list->order == NULL)
        return GRU4REC_NOMEM;
    for (size_t i = 0; i < n && !g4r_stop_watch_is_over(watch); i++) {
        list->prints[i] = gru4rec_fingerprints_of(events, (int64_t)i, kind);
        list->order[i] = (uint32_t)i;
    }
    const g4r_sort_rule rule = {compare_prints, list->prints};
    const bool is_ok = g4r_sort(list->order, n, &rule, allocator, watch);
    return watch->is_over ? GRU4REC_INTERRUPTED : is_ok ? GRU4REC_OK : GRU4REC_NOMEM;
}

/*
 * Looks in the stored set for the fingerprints of the list, which are of this kind. For
 * each place s whose session is found, sets the bit (1 << kind) of found[s] and leaves
 * its other bits. Returns OK, INTERRUPTED, or INVALID if the set is damaged. After an
 * error some bits may be set.
 */
static gru4rec_status mark(unsigned char *found, const print_list *list,
                           const gru4rec_fingerprints_set *stored,
                           gru4rec_fingerprints_kind kind, g4r_stop_watch *watch)
{
    set_reader set = open_set(stored);
    bool has_member = next_member(&set);
    for (size_t i = 0; i < list->n && !watch->is_over; i++) {
        const uint64_t print = list->prints[list->order[i]];
        while (has_member && set.last < print && !g4r_stop_watch_is_over(watch))
            has_member = next_member(&set);
        if (has_member && set.last == print && print > 0)
            found[list->order[i]] |= (unsigned char)(1 << kind);
    }
    return watch->is_over ? GRU4REC_INTERRUPTED
           : set.is_bad   ? GRU4REC_INVALID
                          : GRU4REC_OK;
}

/* Tells whether one of the bits that mark() set says that the session was trained on. */
static bool is_trained(unsigned found)
{
    return (found &
            (1U << GRU4REC_FINGERPRINTS_ID | 1U << GRU4REC_FINGERPRINTS_EVENTS)) != 0;
}

/* ---- making the fingerprints of a model ---- */

/*
 * The set that is to be stored: the fingerprints of one kind of a dataset's sessions,
 * united with the members of an older set.
 */
typedef struct union_set {
    uint64_t *members; /* (n) ascending, without repeats */
    uint64_t n;
} union_set;

/*
 * Appends a member to the set, which must have room for it. member must not be less than
 * the last member. Does nothing if member is 0 (no fingerprint) or equal to the last
 * member.
 */
static void add_member(union_set *set, uint64_t member)
{
    if (member > 0 && (set->n == 0 || set->members[set->n - 1] != member))
        set->members[set->n++] = member;
}

/*
 * Adds a group of sessions that all have the same items in order, list->order[begin] ...
 * list->order[end - 1], to the four counters of their class of length (gru4rec.h).
 * found: by place, what mark() found of all kinds in the fingerprints of the trainings
 * before. A session that was trained on then is not counted again. late: the first place
 * of the last tenth of all sessions.
 */
static void count_group(gru4rec_fingerprints_length *length, const print_list *list,
                        const unsigned char *found, size_t begin, size_t end, size_t late)
{
    const size_t n = end - begin;
    size_t n_late = 0;
    for (size_t i = begin; i < end; i++)
        n_late += list->order[i] >= late;
    for (size_t i = begin; i < end; i++) {
        const unsigned bits = found[list->order[i]];
        const bool has_earlier = (bits >> GRU4REC_FINGERPRINTS_ITEMS & 1) != 0;
        const bool is_late = list->order[i] >= late;
        if (is_trained(bits))
            continue;
        length->n++;
        length->n_twins += n > 1 || has_earlier;
        length->n_last += is_late;
        length->n_last_twins += is_late && (n_late < n || has_earlier);
    }
}

/*
 * Adds all sessions of the list, which must be of the kind ITEMS, to the counters of
 * their classes of length. Sessions without a fingerprint are not counted. found: as for
 * count_group(). If the caller asks to stop (watch), the counters are not complete.
 */
static void count_twins(gru4rec_fingerprints_length lengths[CLASSES],
                        const gru4rec_events *events, const print_list *list,
                        const unsigned char *found, g4r_stop_watch *watch)
{
    const size_t late = list->n - list->n / 10;
    size_t end;
    for (size_t i = 0; i < list->n && !watch->is_over; i = end) {
        const uint64_t print = list->prints[list->order[i]];
        for (end = i + 1; end < list->n && list->prints[list->order[end]] == print &&
                          !g4r_stop_watch_is_over(watch);)
            end++;
        if (print > 0)
            count_group(&lengths[g4r_prints_class(events, list->order[i])], list, found,
                        i, end, late);
    }
}

/*
 * Makes each session that mark() found to be trained on (found, by place, n) one that was
 * not found at all, so that it is counted in this training.
 */
static void count_anew(unsigned char *found, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_trained(found[i]))
            found[i] = 0;
}

/*
 * Merges the fingerprints of the list and the members of the stored set before into set,
 * whose members it allocates; the caller frees them, also after an error. A fingerprint
 * that occurs several times becomes one member. Returns OK, NOMEM, or INVALID if the set
 * before is damaged. If the caller asks to stop (watch), it returns OK all the same, and
 * the set must not be used.
 */
static gru4rec_status unite(union_set *set, const print_list *list,
                            const gru4rec_fingerprints_set *before,
                            const gru4rec_allocator *allocator, g4r_stop_watch *watch)
{
    set_reader old = open_set(before);
    size_t i = 0;
    set->members =
        g4r_alloc(allocator, list->n + (size_t)before->n + 1, sizeof *set->members);
    if (set->members == NULL)
        return GRU4REC_NOMEM;
    for (bool has_old = next_member(&old);
         (has_old || i < list->n) && !g4r_stop_watch_is_over(watch);) {
        const uint64_t print = i < list->n ? list->prints[list->order[i]] : UINT64_MAX;
        if (has_old && old.last <= print) {
            add_member(set, old.last);
            has_old = next_member(&old);
        } else if (i < list->n) {
            add_member(set, print);
            i++;
        }
    }
    return old.is_bad ? GRU4REC_INVALID : GRU4REC_OK;
}

/*
 * Returns new bytes with fingerprints in the format that the top of the file shows: the
 * key and the rules of the events, is_partial, the counters of the classes of length, the
 * sets, and the hash of all this. Sets *n_bytes to their number. The caller frees the
 * bytes with the allocator of the events. Returns NULL, and leaves *n_bytes as it is, if
 * there is not enough memory.
 */
static unsigned char *write_bytes(const union_set sets[GRU4REC_FINGERPRINTS_KINDS],
                                  const gru4rec_fingerprints_length lengths[CLASSES],
                                  const gru4rec_events *events, bool is_partial,
                                  size_t *n_bytes)
{
    uint64_t n_set[GRU4REC_FINGERPRINTS_KINDS], n = HEAD + TAIL;
    for (int i = 0; i < GRU4REC_FINGERPRINTS_KINDS; i++)
        n += n_set[i] = write_set(NULL, sets[i].members, sets[i].n);
    unsigned char *bytes = g4r_alloc(&events->allocator, (size_t)n, 1), *at = bytes;
    if (bytes == NULL)
        return NULL;
    memcpy(bytes, "G4RT", 4);
    bytes[AT_FORMAT] = FORMAT;
    bytes[AT_PARTIAL] = is_partial;
    put_word(bytes + AT_KEY, events->fingerprints_key.a);
    put_word(bytes + AT_KEY + 8, events->fingerprints_key.b);
    put_word(bytes + AT_RULES, g4r_prints_rules(events));
    for (int i = 0; i < CLASSES; i++) {
        unsigned char *words = bytes + AT_LENGTHS + 32 * i;
        put_word(words, lengths[i].n);
        put_word(words + 8, lengths[i].n_twins);
        put_word(words + 16, lengths[i].n_last);
        put_word(words + 24, lengths[i].n_last_twins);
    }
    at += HEAD;
    for (int i = 0; i < GRU4REC_FINGERPRINTS_KINDS; i++) {
        put_word(bytes + AT_SETS + 16 * i, sets[i].n);
        put_word(bytes + AT_SETS + 16 * i + 8, n_set[i]);
        at += write_set(at, sets[i].members, sets[i].n);
    }
    put_word(at, hash_of(bytes, (size_t)n - TAIL));
    *n_bytes = (size_t)n;
    return bytes;
}

gru4rec_status gru4rec_fingerprints_new(const gru4rec_events *events, int64_t n_sessions,
                                        const gru4rec_fingerprints *before,
                                        bool is_partial, bool (*is_stopped)(void *),
                                        void *context, void **bytes, size_t *n_bytes)
{
    const gru4rec_allocator *allocator = &events->allocator;
    g4r_stop_watch watch = {.stop = {is_stopped, context}};
    const gru4rec_fingerprints none = {.is_partial = is_partial,
                                       .rules = g4r_prints_rules(events)};
    gru4rec_fingerprints_length lengths[CLASSES] = {0};
    union_set sets[GRU4REC_FINGERPRINTS_KINDS] = {0};
    unsigned char *found = g4r_alloc(allocator, (size_t)n_sessions + 1, 1);
    gru4rec_status status = found != NULL ? GRU4REC_OK : GRU4REC_NOMEM;
    *bytes = NULL;
    *n_bytes = 0;
    if (before == NULL)
        before = &none;
    /*
     * If the sessions of before were cut by other rules, they are not found again in a
     * test. So the fingerprints are partial, and all sessions are counted anew.
     */
    const bool is_lost = before->rules != none.rules;
    if (!is_lost)
        memcpy(lengths, before->lengths, sizeof lengths);
    /* The items come last: count_twins() needs what the other kinds found. */
    for (int i = 0; status == GRU4REC_OK && i < GRU4REC_FINGERPRINTS_KINDS; i++) {
        print_list list;
        status = sort_prints(&list, events, (size_t)n_sessions,
                             (gru4rec_fingerprints_kind)i, &watch);
        if (status == GRU4REC_OK)
            status = unite(&sets[i], &list, &before->sets[i], allocator, &watch);
        if (status == GRU4REC_OK)
            status = mark(found, &list, &before->sets[i], (gru4rec_fingerprints_kind)i,
                          &watch);
        if (status == GRU4REC_OK && i == GRU4REC_FINGERPRINTS_ITEMS) {
            if (is_lost)
                count_anew(found, list.n);
            count_twins(lengths, events, &list, found, &watch);
        }
        if (status == GRU4REC_OK && watch.is_over)
            status = GRU4REC_INTERRUPTED;
        free_list(&list, allocator);
    }
    if (status == GRU4REC_OK) {
        *bytes =
            write_bytes(sets, lengths, events, before->is_partial || is_lost, n_bytes);
        status = *bytes != NULL ? GRU4REC_OK : GRU4REC_NOMEM;
    }
    for (int i = 0; i < GRU4REC_FINGERPRINTS_KINDS; i++)
        g4r_alloc_free(allocator, sets[i].members);
    g4r_alloc_free(allocator, found);
    return status;
}

/* ---- looking for sessions in the fingerprints of a model ---- */

/*
 * Counts the session at place s in visiting order in found, whether it was found or not.
 * kinds: bit k is set if it was found by its fingerprint of kind k. Sets found->first to
 * s if the session is the first that was found by its id or by its events.
 */
static void count_session(gru4rec_fingerprints_found *found, const gru4rec_events *events,
                          int64_t s, unsigned kinds)
{
    const bool has_id = (kinds >> GRU4REC_FINGERPRINTS_ID & 1) != 0;
    const bool has_events = (kinds >> GRU4REC_FINGERPRINTS_EVENTS & 1) != 0;
    const bool has_items = (kinds >> GRU4REC_FINGERPRINTS_ITEMS & 1) != 0;
    const int class = g4r_prints_class(events, s);
    if (is_trained(kinds) && found->first < 0)
        found->first = s;
    found->trained += is_trained(kinds);
    found->ids += has_id;
    found->events += has_events;
    found->n_paired +=
        gru4rec_fingerprints_of(events, s, GRU4REC_FINGERPRINTS_EVENTS) > 0;
    found->items += has_items;
    found->n_long += class >= 0;
    if (class >= 0) {
        found->lengths[class].n++;
        found->lengths[class].n_found += has_items;
    }
}

gru4rec_status gru4rec_fingerprints_find(const gru4rec_events *events, int64_t n_sessions,
                                         const gru4rec_fingerprints *fingerprints,
                                         bool (*is_stopped)(void *), void *context,
                                         gru4rec_fingerprints_found *found)
{
    const gru4rec_allocator *allocator = &events->allocator;
    g4r_stop_watch watch = {.stop = {is_stopped, context}};
    unsigned char *kinds = g4r_alloc(allocator, (size_t)n_sessions + 1, 1);
    gru4rec_status status = kinds != NULL ? GRU4REC_OK : GRU4REC_NOMEM;
    *found = (gru4rec_fingerprints_found){.sessions = n_sessions, .first = -1};
    found->is_partial =
        fingerprints->is_partial || fingerprints->rules != g4r_prints_rules(events);
    for (int i = 0; status == GRU4REC_OK && i < GRU4REC_FINGERPRINTS_KINDS; i++) {
        print_list list;
        const gru4rec_fingerprints_kind kind = (gru4rec_fingerprints_kind)i;
        status = sort_prints(&list, events, (size_t)n_sessions, kind, &watch);
        if (status == GRU4REC_OK)
            status = mark(kinds, &list, &fingerprints->sets[i], kind, &watch);
        free_list(&list, allocator);
    }
    for (int64_t s = 0; status == GRU4REC_OK && s < n_sessions; s++)
        count_session(found, events, s, kinds[s]);
    if (status == GRU4REC_OK)
        g4r_chance_judge(found, fingerprints);
    g4r_alloc_free(allocator, kinds);
    return status;
}
