/*
 * baseline_logs.h - small random logs with many ties, and a baseline fitted on them against
 * a plain program that computes its scores from the log, for every item.
 */
#ifndef BASELINE_LOGS_H
#define BASELINE_LOGS_H

#include "test.h"

#include "../../src/base/rng.h"

enum { LOG_ITEMS = 12, LOG_SESSIONS = 40, LOG_LENGTH = 9, LOG_PREFIX = 14 };

/* Sessions in the one order; the last of them may end first. */
typedef struct baseline_log {
    int32_t rows[LOG_SESSIONS * LOG_LENGTH];
    double times[LOG_SESSIONS * LOG_LENGTH];
    int64_t offsets[LOG_SESSIONS + 1];
    int64_t support[LOG_ITEMS];
    gru4rec_dataset sessions;
    gru4rec_baseline_data data;
} baseline_log;

static inline int64_t log_below(g4r_rng *rng, int64_t n)
{
    return (int64_t)g4r_rng_below(rng, (uint64_t)n);
}

/* Some items are more frequent than others, and the last one is in no session. */
static inline int32_t log_item(g4r_rng *rng)
{
    return (int32_t)log_below(rng, 1 + log_below(rng, LOG_ITEMS - 1));
}

static inline void log_make(baseline_log *log, g4r_rng *rng, int64_t n_sessions)
{
    int64_t n = 0;
    double start = 100;
    memset(log, 0, sizeof *log);
    for (int64_t s = 0; s < n_sessions; s++) {
        const int64_t length = 1 + log_below(rng, LOG_LENGTH);
        double time = start += (double)log_below(rng, 2);
        for (int64_t i = 0; i < length; i++, time += (double)log_below(rng, 3)) {
            log->rows[n] = log_item(rng);
            log->support[log->rows[n]]++;
            log->times[n++] = time;
        }
        log->offsets[s + 1] = n;
    }
    log->sessions = (gru4rec_dataset){.n_sessions = n_sessions,
                                      .n_events = n,
                                      .item_rows = log->rows,
                                      .offsets = log->offsets,
                                      .times = log->times};
    log->data = (gru4rec_baseline_data){.n_items = LOG_ITEMS,
                                        .support = log->support,
                                        .sessions = &log->sessions,
                                        .day = 4};
}

/* Items and times of a session's beginning. */
typedef struct log_prefix {
    int32_t rows[LOG_PREFIX];
    double times[LOG_PREFIX];
    gru4rec_prefix prefix;
} log_prefix;

static inline void log_make_prefix(log_prefix *p, g4r_rng *rng)
{
    double time = 90 + (double)log_below(rng, 80);
    p->prefix =
        (gru4rec_prefix){p->rows, p->times, (size_t)log_below(rng, LOG_PREFIX + 1)};
    for (size_t i = 0; i < p->prefix.n; i++, time += (double)log_below(rng, 4)) {
        p->rows[i] = log_below(rng, 10) == 0 ? LOG_ITEMS - 1 : log_item(rng);
        p->times[i] = time;
    }
}

/* ---- what plain programs ask of a log ---- */

/* Does the session have the item? *place: its last there, from 1. */
static inline bool log_find(const baseline_log *log, int64_t session, int32_t row,
                            int64_t *place)
{
    *place = 0;
    for (int64_t i = log->offsets[session]; i < log->offsets[session + 1]; i++)
        if (log->rows[i] == row)
            *place = i - log->offsets[session] + 1;
    return *place > 0;
}

static inline int64_t log_count_distinct(const baseline_log *log, int64_t session)
{
    int64_t n = 0, place;
    for (int32_t row = 0; row < LOG_ITEMS; row++)
        n += log_find(log, session, row, &place);
    return n;
}

static inline double log_last_time(const baseline_log *log, int64_t session)
{
    return log->times[log->offsets[session + 1] - 1];
}

static inline bool log_is_younger(const baseline_log *log, int64_t a, int64_t b)
{
    const double x = log_last_time(log, a), y = log_last_time(log, b);
    return x > y || (x == y && a > b);
}

/* The last place of an item in a prefix, from 1; 0: it has none. */
static inline size_t log_last_place(const gru4rec_prefix *prefix, int32_t row)
{
    for (size_t i = prefix->n; i > 0; i--)
        if (prefix->rows[i - 1] == row)
            return i;
    return 0;
}

/* All but the best k become 0; ties: lower row first. */
static inline void log_keep_best(double scores[LOG_ITEMS], int64_t k)
{
    double kept[LOG_ITEMS];
    for (int32_t row = 0; row < LOG_ITEMS; row++) {
        int64_t n_before = 0;
        for (int32_t other = 0; other < LOG_ITEMS; other++)
            n_before += scores[other] > scores[row] ||
                        (scores[other] == scores[row] && other < row);
        kept[row] = n_before < k ? scores[row] : 0;
    }
    memcpy(scores, kept, sizeof kept);
}

/*
 * The sessions that are neighbours of a prefix, nearest first, into neighbours; returns how
 * many. similarity (S): of each session; those that share no item are left out.
 */
static inline int64_t log_neighbours(const baseline_log *log,
                                     const gru4rec_prefix *prefix,
                                     const double *similarity, int64_t sample_size,
                                     int64_t k, int64_t neighbours[LOG_SESSIONS])
{
    const int64_t n_sessions = log->sessions.n_sessions;
    bool is_left[LOG_SESSIONS] = {false};
    int64_t n = 0, place;
    for (int64_t s = 0; s < n_sessions; s++)
        for (size_t i = 0; i < prefix->n; i++)
            is_left[s] |= log_find(log, s, prefix->rows[i], &place);
    /* The youngest stay. */
    bool is_candidate[LOG_SESSIONS];
    for (int64_t s = 0; s < n_sessions; s++) {
        int64_t n_younger = 0;
        for (int64_t other = 0; other < n_sessions; other++)
            n_younger += is_left[other] && log_is_younger(log, other, s);
        is_candidate[s] = is_left[s] && n_younger < sample_size;
    }
    while (n < k) {
        int64_t best = -1;
        for (int64_t s = 0; s < n_sessions; s++)
            if (is_candidate[s] && similarity[s] > 0 &&
                (best < 0 || similarity[s] > similarity[best] ||
                 (similarity[s] == similarity[best] && log_is_younger(log, s, best))))
                best = s;
        if (best < 0)
            break;
        is_candidate[best] = false;
        neighbours[n++] = best;
    }
    return n;
}

/* ---- the comparison ---- */

/* Fills the scores of all items. */
typedef void log_plain(const baseline_log *log, const gru4rec_options *options,
                       const gru4rec_prefix *prefix, double scores[LOG_ITEMS]);
/* Draws options of the method. */
typedef void log_draw(gru4rec_options *options, g4r_rng *rng);

/* How many have at least its score. */
static inline int64_t log_rank(const double *scores, int32_t row)
{
    int64_t rank = 0;
    for (int32_t other = 0; other < LOG_ITEMS; other++)
        rank += scores[other] >= scores[row];
    return rank;
}

/* Returns how many items are listed. */
static inline size_t log_compare(gru4rec_scorer *scorer, const gru4rec_prefix *prefix,
                                 const double plain[LOG_ITEMS])
{
    const gru4rec_scores scores = gru4rec_scorer_score(scorer, prefix);
    bool is_listed[LOG_ITEMS] = {false};
    for (size_t i = 0; i < scores.n; i++) {
        CHECK(!is_listed[scores.rows[i]]);
        is_listed[scores.rows[i]] = true;
    }
    for (int32_t row = 0; row < LOG_ITEMS; row++) {
        const double expected = plain[row] > 0 ? plain[row] : 0;
        CHECK_NEAR(expected, scores.values[row], 0);
        CHECK(is_listed[row] == (expected > 0));
    }
    double positive[LOG_ITEMS];
    for (int32_t row = 0; row < LOG_ITEMS; row++)
        positive[row] = plain[row] > 0 ? plain[row] : 0;
    for (int32_t row = 0; row < LOG_ITEMS; row++)
        CHECK_INT(log_rank(positive, row), log_rank(scores.values, row));
    return scores.n;
}

/* Random logs, options and prefixes; the plain program must list items now and then, and
 * leave ties. */
static inline void log_check(gru4rec_baseline_kind kind, log_plain *plain, log_draw *draw)
{
    static baseline_log log;
    g4r_rng rng;
    size_t n_listed = 0;
    g4r_rng_seed(&rng, 5, (uint64_t)kind, 0);
    for (int round = 0; round < 400; round++) {
        gru4rec_options options;
        gru4rec_baseline *baseline;
        gru4rec_scorer *scorer;
        gru4rec_options_init(&options);
        draw(&options, &rng);
        log_make(&log, &rng, log_below(&rng, LOG_SESSIONS + 1));
        if (log_below(&rng, 4) == 0)
            log.data.day = 0;
        if (!CHECK_INT(GRU4REC_OK, gru4rec_baseline_new(NULL, kind, &options, &log.data,
                                                        NULL, NULL, &baseline, NULL)) ||
            !CHECK_INT(GRU4REC_OK, gru4rec_scorer_new(NULL, baseline, &scorer)))
            return;
        for (int i = 0; i < 20; i++) {
            log_prefix p;
            double scores[LOG_ITEMS] = {0};
            log_make_prefix(&p, &rng);
            plain(&log, &options, &p.prefix, scores);
            n_listed += log_compare(scorer, &p.prefix, scores);
        }
        gru4rec_scorer_free(scorer);
        gru4rec_baseline_free(baseline);
    }
    CHECK(n_listed > 400 * 20);
}

#endif
