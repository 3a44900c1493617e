/*
 * fingerprints.c - computes fingerprints of sessions, stores sets of them in bytes, and
 * looks for sessions in such sets; see gru4rec.h.
 *
 * A fingerprint is a number of 45 bits from a keyed hash. A session has up to three
 * fingerprints: of its id, of its events (items with times), and of its items in order. A
 * model keeps a set of each kind for the sessions that it was trained on. If a set has n
 * members, a session that was not trained on is found in it with a probability of n /
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
 *    5      1   1: sessions of trainings before the last one are missing; else 0
 *    6      2   0
 *    8     16   key
 *   24      8   number of sessions of three or more events in the last training
 *   32      8   number of those whose items another of them has in the same order
 *   40   3 x 16 for each set: number of members (8), number of bytes (8)
 *   88          the sets, one after another
 *  then     8   hash of all bytes before
 *
 * All numbers are little-endian. The bits of a set fill each byte from its lowest bit on.
 * Databases keep these bytes, so nothing here may change unless the format's number
 * changes.
 */
#include "fingerprints.h"

#include "../base/hash.h"
#include "sort.h"

enum { BITS = 45, HEAD = 88, TAIL = 8, FORMAT = 1 };
enum { AT_FORMAT = 4, AT_PARTIAL, AT_KEY = 8, AT_LONG = 24, AT_TWINS = 32, AT_SETS = 40 };
/*
 * The fewest events of a session for a fingerprint of its items and of its events. A
 * shorter session gets none, because many other sessions have the same few items.
 */
enum { SHORTEST_ITEMS = 3, SHORTEST_EVENTS = 2 };

/* ---- fingerprints ---- */

/* Mixes a word into a hash, by the key. */
static uint64_t stir(const gru4rec_fingerprints_key *key, uint64_t hash, uint64_t word)
{
    return g4r_hash_fold(word ^ key->a, hash ^ key->b);
}

/* Returns the number that n <= 8 bytes write, little-endian on every machine. */
static uint64_t word_of(const unsigned char *bytes, size_t n)
{
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)bytes[i] << 8 * i;
    return word;
}

/* Tells whether text (n) is an integer as SQLite writes it; reads it into *integer. */
static bool is_integer(const char *text, size_t n, int64_t *integer)
{
    const bool is_negative = n > 0 && *text == '-';
    const char *end = text + n, *first = text + is_negative;
    if (first == end || n > 20 || (*first == '0' && n > 1))
        return false;
    *integer = 0;
    for (; first < end; first++) {
        const int digit = *first - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(*integer, 10, integer) ||
            __builtin_add_overflow(*integer, is_negative ? -digit : digit, integer))
            return false;
    }
    return true;
}

/*
 * Returns the hash of an id. An integer has the same hash as INTEGER, as REAL and as
 * text, because a column with another affinity can hold the same session's id in another
 * type. The last word that is mixed in (1, 2 or 3) keeps integers, other reals, and texts
 * and blobs apart.
 */
static uint64_t print_of_id(const gru4rec_fingerprints_key *key, const gru4rec_id *id)
{
    const unsigned char *bytes = id->bytes;
    int64_t integer = id->integer;
    uint64_t bits, hash;
    const bool is_whole = id->type == GRU4REC_ID_REAL && floor(id->real) == id->real &&
                          id->real >= -0x1p63 && id->real < 0x1p63;
    if (is_whole)
        integer = (int64_t)id->real;
    if (id->type == GRU4REC_ID_INTEGER || is_whole ||
        (id->type == GRU4REC_ID_TEXT && is_integer(id->bytes, id->n_bytes, &integer)))
        return stir(key, stir(key, G4R_HASH_START, (uint64_t)integer), 1);
    if (id->type == GRU4REC_ID_REAL) {
        memcpy(&bits, &id->real, sizeof bits);
        return stir(key, stir(key, G4R_HASH_START, bits), 2);
    }
    hash = G4R_HASH_START;
    for (size_t at = 0; at < id->n_bytes; at += 8)
        hash = stir(key, hash, word_of(bytes + at, G4R_MIN(id->n_bytes - at, 8)));
    return stir(key, stir(key, hash, id->n_bytes), 3);
}

/*
 * Returns the hash of an event: of the hash of its item and of its time, as whole seconds
 * (or units) and nanoseconds. So equal times have equal hashes, whatever their types.
 */
static uint64_t print_of_event(const gru4rec_fingerprints_key *key, uint64_t item,
                               const gru4rec_time *time)
{
    const double real = gru4rec_time_real(time), below = floor(real);
    int64_t whole = time->integer, nano = 0;
    const bool is_wide = !(below >= -0x1p62 && below < 0x1p62);
    if (time->type == GRU4REC_TIME_DATE) {
        nano = (time->integer % 1000000000 + 1000000000) % 1000000000;
        whole = (time->integer - nano) / 1000000000;
    } else if (time->type == GRU4REC_TIME_REAL && is_wide) {
        memcpy(&whole, &real, sizeof whole);
    } else if (time->type == GRU4REC_TIME_REAL) {
        whole = (int64_t)below;
        nano = (int64_t)((real - below) * 1e9 + 0.5);
    }
    return stir(key, stir(key, item, (uint64_t)whole), (uint64_t)nano);
}

/*
 * Returns the fingerprint of this kind from a hash: 45 bits, and never 0 (no
 * fingerprint).
 */
static uint64_t shorten(const gru4rec_fingerprints_key *key, uint64_t hash, uint64_t kind)
{
    const uint64_t print = stir(key, hash, kind) >> (64 - BITS);
    return print > 0 ? print : 1;
}

/*
 * Sets prints to the fingerprint of a session's events and to that of its items; 0: the
 * session is too short. at (n) are the events in order; items (items of events) are the
 * hashes of the items' ids. The events' hashes are added up, so their order does not
 * matter: their times give it. The items' hashes are mixed one after another, so their
 * order counts.
 */
static void print_session(gru4rec_events *events, const uint64_t *items,
                          const uint32_t *at, int64_t n, uint64_t prints[2])
{
    const gru4rec_fingerprints_key *key = &events->fingerprints_key;
    uint64_t sum = 0, chain = (uint64_t)n;
    for (int64_t i = 0; i < n; i++) {
        const uint64_t item = items[events->item[at[i]]];
        const gru4rec_time time = g4r_events_time(events, at[i]);
        sum += print_of_event(key, item, &time);
        chain = stir(key, chain, item);
    }
    sum = stir(key, sum, (uint64_t)n);
    prints[0] = n >= SHORTEST_EVENTS ? shorten(key, sum, GRU4REC_FINGERPRINTS_EVENTS) : 0;
    prints[1] = n >= SHORTEST_ITEMS ? shorten(key, chain, GRU4REC_FINGERPRINTS_ITEMS) : 0;
}

bool g4r_fingerprints_make(gru4rec_events *events, const int64_t *offsets,
                           const uint32_t *permutation, g4r_stop_watch *watch)
{
    const gru4rec_allocator *allocator = &events->allocator;
    const size_t n_sessions = (size_t)events->n_sessions;
    uint64_t *items = g4r_alloc(allocator, (size_t)events->items.n, sizeof *items);
    events->prints = g4r_alloc(allocator, n_sessions, 2 * sizeof *events->prints);
    const bool is_ok = items != NULL && events->prints != NULL;
    for (int32_t i = 0; is_ok && i < events->items.n; i++) {
        gru4rec_id id;
        g4r_dict_get(&events->items, i, &id);
        items[i] = print_of_id(&events->fingerprints_key, &id);
    }
    for (size_t s = 0; is_ok && s < n_sessions && !g4r_stop_watch_is_over(watch); s++)
        print_session(events, items, permutation + offsets[s],
                      offsets[s + 1] - offsets[s],
                      events->prints + 2 * (size_t)events->visit[s]);
    g4r_alloc_free(allocator, items);
    return is_ok && !watch->is_over;
}

void gru4rec_fingerprints_start(gru4rec_events *events,
                                const gru4rec_fingerprints_key *key)
{
    events->has_key = true;
    events->fingerprints_key = *key;
}

uint64_t gru4rec_fingerprints_of(const gru4rec_events *events, int64_t place,
                                 gru4rec_fingerprints_kind kind)
{
    gru4rec_id id;
    if (kind != GRU4REC_FINGERPRINTS_ID)
        return events->prints[2 * (size_t)events->visit[place] +
                              (kind == GRU4REC_FINGERPRINTS_ITEMS)];
    gru4rec_events_session(events, place, &id);
    return shorten(&events->fingerprints_key, print_of_id(&events->fingerprints_key, &id),
                   kind);
}

/* ---- sets of fingerprints, as gaps ---- */

/* Returns r, the number of low bits of a gap, for a set of n members. */
static int low_bits(uint64_t n)
{
    int r = 0;
    while (n > 0 && ((uint64_t)1 << BITS) / n >> (r + 1) > 0)
        r++;
    return r;
}

typedef struct bit_writer {
    unsigned char *bytes; /* zero where nothing was written */
    uint64_t at;          /* bits written */
} bit_writer;

/* Writes the lowest n bits of a number, the lowest one first. */
static void put_bits(bit_writer *writer, uint64_t bits, int n)
{
    for (int i = 0; i < n; i++, writer->at++)
        writer->bytes[writer->at / 8] |=
            (unsigned char)((bits >> i & 1) << (writer->at % 8));
}

/* Reads the members of a set in ascending order. */
typedef struct set_reader {
    const unsigned char *bytes; /* (n_bytes) */
    uint64_t n_bytes, at;       /* at: bits that were read */
    uint64_t n_left, last;      /* members not read yet; the member read last */
    int r;                      /* low bits of a gap */
    bool is_bad;                /* the set is damaged */
} set_reader;

/* Returns the next bit; after the end it returns 0 and sets is_bad. */
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

/* Reads the next member into set->last. False: there is none, or the set is damaged. */
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
 * Writes the set of members (n), which ascend without repeats, and returns its number of
 * bytes. bytes: zeroed; NULL: only count them.
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

static void put_word(unsigned char *bytes, uint64_t word)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(word >> 8 * i);
}

/* Returns the hash of bytes (n) that stands behind them. */
static uint64_t hash_of(const unsigned char *bytes, size_t n)
{
    uint64_t hash = G4R_HASH_START;
    for (size_t at = 0; at < n; at += 8)
        hash = g4r_hash_word(hash, word_of(bytes + at, G4R_MIN(n - at, 8)));
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
        set->n = word_of(bytes + AT_SETS + 16 * i, 8);
        set->n_bytes = word_of(bytes + AT_SETS + 16 * i + 8, 8);
        if (set->n_bytes > n_sets - at || set->n / 8 > set->n_bytes)
            return false;
        set->bytes = bytes + HEAD + at;
        at += set->n_bytes;
    }
    fingerprints->is_partial = bytes[AT_PARTIAL] == 1;
    fingerprints->key.a = word_of(bytes + AT_KEY, 8);
    fingerprints->key.b = word_of(bytes + AT_KEY + 8, 8);
    fingerprints->n_long = word_of(bytes + AT_LONG, 8);
    fingerprints->n_twins = word_of(bytes + AT_TWINS, 8);
    return at == n_sets && fingerprints->n_twins <= fingerprints->n_long &&
           hash_of(bytes, n_bytes - TAIL) == word_of(bytes + n_bytes - TAIL, 8);
}

/* Starts to read a set from its least member. */
static set_reader open_set(const gru4rec_fingerprints_set *set)
{
    return (set_reader){.bytes = set->bytes,
                        .n_bytes = set->n_bytes,
                        .n_left = set->n,
                        .r = low_bits(set->n)};
}

/* ---- fingerprints of a dataset's sessions, sorted ---- */

typedef struct print_list {
    uint64_t *prints; /* (n) fingerprints by place in visiting order */
    uint32_t *order;  /* (n) the places, sorted by their fingerprint */
    size_t n;
} print_list;

static int compare_prints(const void *context, uint32_t x, uint32_t y)
{
    const uint64_t *prints = context;
    return G4R_COMPARE(prints[x], prints[y]);
}

static void free_list(print_list *list, const gru4rec_allocator *allocator)
{
    g4r_alloc_free(allocator, list->prints);
    g4r_alloc_free(allocator, list->order);
    *list = (print_list){0};
}

/*
 * Lists the fingerprints of one kind of the sessions at the first n places, and sorts
 * them; 0 stands for a session without one. Returns NOMEM or INTERRUPTED. The caller
 * frees the list, also after an error.
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

/* ---- making the fingerprints of a model ---- */

/* A set of the sessions of a dataset and of the members of an older set. */
typedef struct union_set {
    uint64_t *members; /* (n) ascending, without repeats */
    /*
     * Number of members; number of the dataset's sessions that have a fingerprint of this
     * kind; number of those whose fingerprint another session has.
     */
    uint64_t n, n_long, n_twins;
} union_set;

/* Adds a member that is not less than those before; drops 0 and repeats. */
static void add_member(union_set *set, uint64_t member)
{
    if (member > 0 && (set->n == 0 || set->members[set->n - 1] != member))
        set->members[set->n++] = member;
}

/* Counts n_long and n_twins of a set. */
static void count_twins(union_set *set, const print_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const uint64_t print = list->prints[list->order[i]];
        const bool is_twin =
            (i > 0 && list->prints[list->order[i - 1]] == print) ||
            (i + 1 < list->n && list->prints[list->order[i + 1]] == print);
        set->n_long += print > 0;
        set->n_twins += print > 0 && is_twin;
    }
}

/*
 * Merges the list and the set before into set, whose members it allocates. Returns NOMEM,
 * or INVALID if the set before is damaged. The caller frees the members, also after an
 * error.
 */
static gru4rec_status unite(union_set *set, const print_list *list,
                            const gru4rec_fingerprints_set *before,
                            const gru4rec_allocator *allocator)
{
    set_reader old = open_set(before);
    size_t i = 0;
    set->members =
        g4r_alloc(allocator, list->n + (size_t)before->n + 1, sizeof *set->members);
    if (set->members == NULL)
        return GRU4REC_NOMEM;
    for (bool has_old = next_member(&old); has_old || i < list->n;) {
        const uint64_t print = i < list->n ? list->prints[list->order[i]] : UINT64_MAX;
        if (has_old && old.last <= print) {
            add_member(set, old.last);
            has_old = next_member(&old);
        } else if (i < list->n) {
            add_member(set, print);
            i++;
        }
    }
    count_twins(set, list);
    return old.is_bad ? GRU4REC_INVALID : GRU4REC_OK;
}

/* Allocates and writes the bytes of fingerprints, as the top of the file shows them. */
static unsigned char *write_bytes(const union_set sets[GRU4REC_FINGERPRINTS_KINDS],
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
    put_word(bytes + AT_LONG, sets[GRU4REC_FINGERPRINTS_ITEMS].n_long);
    put_word(bytes + AT_TWINS, sets[GRU4REC_FINGERPRINTS_ITEMS].n_twins);
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
    const gru4rec_fingerprints none = {.is_partial = is_partial};
    union_set sets[GRU4REC_FINGERPRINTS_KINDS] = {0};
    gru4rec_status status = GRU4REC_OK;
    *bytes = NULL;
    *n_bytes = 0;
    if (before == NULL)
        before = &none;
    for (int i = 0; status == GRU4REC_OK && i < GRU4REC_FINGERPRINTS_KINDS; i++) {
        print_list list;
        status = sort_prints(&list, events, (size_t)n_sessions,
                             (gru4rec_fingerprints_kind)i, &watch);
        if (status == GRU4REC_OK)
            status = unite(&sets[i], &list, &before->sets[i], allocator);
        free_list(&list, allocator);
    }
    if (status == GRU4REC_OK) {
        *bytes = write_bytes(sets, events, before->is_partial, n_bytes);
        status = *bytes != NULL ? GRU4REC_OK : GRU4REC_NOMEM;
    }
    for (int i = 0; i < GRU4REC_FINGERPRINTS_KINDS; i++)
        g4r_alloc_free(allocator, sets[i].members);
    return status;
}

/* ---- looking for sessions in the fingerprints of a model ---- */

/*
 * Sets bit kind of found[s] for each session s whose fingerprint of this kind is in the
 * model's set. With the kind ITEMS, adds to *n_long the sessions that have a fingerprint.
 * Returns NOMEM, INTERRUPTED, or INVALID if the set is damaged.
 */
static gru4rec_status mark(unsigned char *found, const gru4rec_events *events,
                           size_t n_sessions, const gru4rec_fingerprints *fingerprints,
                           gru4rec_fingerprints_kind kind, int64_t *n_long,
                           g4r_stop_watch *watch)
{
    print_list list;
    set_reader set = open_set(&fingerprints->sets[kind]);
    gru4rec_status status = sort_prints(&list, events, n_sessions, kind, watch);
    bool has_member = next_member(&set);
    for (size_t i = 0; status == GRU4REC_OK && i < list.n; i++) {
        const uint64_t print = list.prints[list.order[i]];
        *n_long += kind == GRU4REC_FINGERPRINTS_ITEMS && print > 0;
        while (has_member && set.last < print && !g4r_stop_watch_is_over(watch))
            has_member = next_member(&set);
        if (has_member && set.last == print && print > 0)
            found[list.order[i]] |= (unsigned char)(1 << kind);
    }
    free_list(&list, &events->allocator);
    if (status == GRU4REC_OK && watch->is_over)
        status = GRU4REC_INTERRUPTED;
    return status == GRU4REC_OK && set.is_bad ? GRU4REC_INVALID : status;
}

gru4rec_status gru4rec_fingerprints_find(const gru4rec_events *events, int64_t n_sessions,
                                         const gru4rec_fingerprints *fingerprints,
                                         bool (*is_stopped)(void *), void *context,
                                         gru4rec_fingerprints_found *found)
{
    enum { ID = 1 << GRU4REC_FINGERPRINTS_ID, EVENTS = 1 << GRU4REC_FINGERPRINTS_EVENTS };
    const gru4rec_allocator *allocator = &events->allocator;
    g4r_stop_watch watch = {.stop = {is_stopped, context}};
    unsigned char *kinds = g4r_alloc(allocator, (size_t)n_sessions + 1, 1);
    gru4rec_status status = kinds != NULL ? GRU4REC_OK : GRU4REC_NOMEM;
    *found = (gru4rec_fingerprints_found){.sessions = n_sessions, .first = -1};
    if (fingerprints->n_long > 0)
        found->chance = (double)fingerprints->n_twins / (double)fingerprints->n_long;
    for (int i = 0; status == GRU4REC_OK && i < GRU4REC_FINGERPRINTS_KINDS; i++)
        status = mark(kinds, events, (size_t)n_sessions, fingerprints,
                      (gru4rec_fingerprints_kind)i, &found->n_long, &watch);
    for (int64_t s = 0; status == GRU4REC_OK && s < n_sessions; s++) {
        const bool is_trained = (kinds[s] & (ID | EVENTS)) != 0;
        if (is_trained && found->first < 0)
            found->first = s;
        found->trained += is_trained;
        found->ids += (kinds[s] & ID) != 0;
        found->items += (kinds[s] & 1 << GRU4REC_FINGERPRINTS_ITEMS) != 0;
    }
    g4r_alloc_free(allocator, kinds);
    return status;
}
