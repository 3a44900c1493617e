/*
 * prints.c - makes the fingerprints of sessions; see prints.h.
 *
 * A fingerprint is a number of 45 bits from a keyed hash. A session has up to three
 * fingerprints: of its id, of its events (items with times), and of its items in order.
 * If the options cut sessions into pieces, each piece has fingerprints of its own.
 *
 * Databases keep fingerprints, so nothing here may change unless the number of the format
 * in fingerprints.c changes.
 */
#include "prints.h"

#include "../base/hash.h"

/*
 * The smallest number of events of a session that gets a fingerprint of its items, and of
 * its events. A shorter session gets none, because many other sessions have the same few
 * items.
 */
enum { SHORTEST_ITEMS = 3, SHORTEST_EVENTS = 2 };
static const int64_t shortest[GRU4REC_FINGERPRINTS_KINDS] = {
    [GRU4REC_FINGERPRINTS_ID] = 1,
    [GRU4REC_FINGERPRINTS_EVENTS] = SHORTEST_EVENTS,
    [GRU4REC_FINGERPRINTS_ITEMS] = SHORTEST_ITEMS,
};
/*
 * The largest number of events of a session in the last class of length but one, which
 * begins at 11 (prints.h). Longer sessions are in the last class.
 */
enum { LONGEST_BUT_ONE = 20 };

/* Returns a hash made of hash and of one more word; the result depends on the key. */
static uint64_t stir(const gru4rec_fingerprints_key *key, uint64_t hash, uint64_t word)
{
    return g4r_hash_fold(word ^ key->a, hash ^ key->b);
}

/*
 * Tells whether text (n bytes) is an integer as SQLite writes it: from -2^63 to 2^63 - 1,
 * without 0 in front, without "+" or "-0". If it is, sets *integer to its value;
 * otherwise *integer is not to be used.
 */
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

uint64_t g4r_prints_of_id(const gru4rec_fingerprints_key *key, const gru4rec_id *id)
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
        hash = stir(key, hash, g4r_hash_read(bytes + at, G4R_MIN(id->n_bytes - at, 8)));
    return stir(key, stir(key, hash, id->n_bytes), 3);
}

/*
 * Returns hash with a time mixed in, as whole seconds (or units) and nanoseconds. So
 * equal times have equal hashes, whatever their types. If the time is a real of 2^62 or
 * more, or below -2^62, its bits are mixed in instead.
 */
static uint64_t add_time(const gru4rec_fingerprints_key *key, uint64_t hash,
                         const gru4rec_time *time)
{
    const double real = gru4rec_time_real(time), below = floor(real);
    int64_t whole = time->integer, nano = 0;
    const bool is_wide = !(below >= -0x1p62 && below < 0x1p62);
    if (time->type == GRU4REC_TIME_DATE) {
        whole = g4r_time_split(time->integer, &nano);
    } else if (time->type == GRU4REC_TIME_REAL && is_wide) {
        memcpy(&whole, &real, sizeof whole);
    } else if (time->type == GRU4REC_TIME_REAL) {
        whole = (int64_t)below;
        nano = (int64_t)((real - below) * 1e9 + 0.5);
    }
    return stir(key, stir(key, hash, (uint64_t)whole), (uint64_t)nano);
}

/*
 * Returns the fingerprint of this kind (gru4rec_fingerprints_kind) from a hash: 45 bits,
 * and never 0, which stands for "no fingerprint".
 */
static uint64_t shorten(const gru4rec_fingerprints_key *key, uint64_t hash, uint64_t kind)
{
    const uint64_t print = stir(key, hash, kind) >> (64 - G4R_PRINTS_BITS);
    return print > 0 ? print : 1;
}

/*
 * Returns the hash that stands for the id of a session, or of a piece of a session. id:
 * the hash of the session's id; first: the time of the first event of the session or
 * piece. Without the option session_gap (0) the result is id. With it, the id is that of
 * a visitor, who comes again on other days, so first is mixed in: a visit is known by the
 * visitor's id and by the time at which the visit begins.
 */
static uint64_t hash_of_visit(const gru4rec_events *events, uint64_t id,
                              const gru4rec_time *first)
{
    return events->preparation.session_gap > 0
               ? add_time(&events->fingerprints_key, id, first)
               : id;
}

/*
 * The hashes of the ids of all sessions and items, by their numbers in events->sessions
 * and events->items.
 */
typedef struct id_hashes {
    uint64_t *sessions, *items;
} id_hashes;

/*
 * Sets prints (kinds), by gru4rec_fingerprints_kind, to the fingerprints of a session or
 * of a piece of it; 0: it is too short for that kind. at (n): the indexes of its events
 * in events, in order of time; session: number of the whole session in events->sessions.
 * For the kind EVENTS, the hashes of the events (item and time) are added up, so their
 * order does not matter: their times give it. For the kind ITEMS, the items' hashes are
 * mixed one after another, so their order counts.
 */
static void print_session(const gru4rec_events *events, const id_hashes *ids,
                          int32_t session, const uint32_t *at, int64_t n,
                          uint64_t *prints)
{
    const gru4rec_fingerprints_key *key = &events->fingerprints_key;
    const gru4rec_time first = g4r_events_time(events, at[0]);
    uint64_t sum = 0, chain = (uint64_t)n;
    for (int64_t i = 0; i < n; i++) {
        const uint64_t item = ids->items[events->item[at[i]]];
        const gru4rec_time time = g4r_events_time(events, at[i]);
        sum += add_time(key, item, &time);
        chain = stir(key, chain, item);
    }
    sum = stir(key, sum, (uint64_t)n);
    const uint64_t hashes[GRU4REC_FINGERPRINTS_KINDS] = {
        [GRU4REC_FINGERPRINTS_ID] = hash_of_visit(events, ids->sessions[session], &first),
        [GRU4REC_FINGERPRINTS_EVENTS] = sum,
        [GRU4REC_FINGERPRINTS_ITEMS] = chain};
    for (int kind = 0; kind < GRU4REC_FINGERPRINTS_KINDS; kind++)
        prints[kind] =
            n >= shortest[kind] ? shorten(key, hashes[kind], (uint64_t)kind) : 0;
}

/*
 * Returns a new array with the g4r_prints_of_id() of each id of the dictionary, by its
 * number. The caller frees it. Returns NULL if there is not enough memory. If the caller
 * asks to stop (watch), the array is not complete.
 */
static uint64_t *hash_ids(const gru4rec_events *events, const g4r_dict *ids,
                          g4r_stop_watch *watch)
{
    uint64_t *hashes = g4r_alloc(&events->allocator, (size_t)ids->n, sizeof *hashes);
    for (int32_t i = 0; hashes != NULL && i < ids->n && !g4r_stop_watch_is_over(watch);
         i++) {
        gru4rec_id id;
        g4r_dict_get(ids, i, &id);
        hashes[i] = g4r_prints_of_id(&events->fingerprints_key, &id);
    }
    return hashes;
}

bool g4r_prints_make(gru4rec_events *events, const int64_t *offsets,
                     const uint32_t *permutation, g4r_stop_watch *watch)
{
    const gru4rec_allocator *allocator = &events->allocator;
    const size_t n_sessions = (size_t)events->n_sessions;
    const id_hashes ids = {hash_ids(events, &events->sessions, watch),
                           hash_ids(events, &events->items, watch)};
    events->prints = g4r_alloc(allocator, n_sessions, sizeof *events->prints);
    const bool is_ok =
        ids.sessions != NULL && ids.items != NULL && events->prints != NULL;
    for (size_t s = 0; is_ok && s < n_sessions && !g4r_stop_watch_is_over(watch); s++) {
        const int32_t number = events->visit[s];
        const int64_t n = offsets[s + 1] - offsets[s];
        print_session(events, &ids, g4r_events_owner(events, number),
                      permutation + offsets[s], n, events->prints[number].kinds);
        events->prints[number].length = n < INT32_MAX ? (int32_t)n : INT32_MAX;
    }
    g4r_alloc_free(allocator, ids.sessions);
    g4r_alloc_free(allocator, ids.items);
    return is_ok && !watch->is_over;
}

int g4r_prints_class(const gru4rec_events *events, int64_t place)
{
    const int64_t n = events->prints[events->visit[place]].length;
    const int last = GRU4REC_FINGERPRINTS_CLASSES - 1, first = SHORTEST_ITEMS;
    if (n < first)
        return -1;
    return n <= first + last - 2  ? (int)n - first
           : n <= LONGEST_BUT_ONE ? last - 1
                                  : last;
}

uint64_t g4r_prints_rules(const gru4rec_events *events)
{
    const gru4rec_preparation *preparation = &events->preparation;
    const bool has_pieces =
        preparation->max_length > 0 && preparation->long_sessions == GRU4REC_LONG_CUT;
    const uint64_t most = has_pieces ? (uint64_t)preparation->max_length : 0;
    uint64_t gap, hash = G4R_HASH_START;
    memcpy(&gap, &preparation->session_gap, sizeof gap);
    hash = g4r_hash_word(g4r_hash_word(hash, gap), most);
    return g4r_hash_word(hash, has_pieces && preparation->collapse_repeats);
}
