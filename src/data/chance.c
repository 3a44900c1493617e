/*
 * chance.c - judges sequences of items that training and test have in common; see
 * chance.h.
 *
 * Two sessions can have the same items by chance, and short ones often do. So chance is
 * estimated for each class of length. There are two estimates of the share q of a test's
 * sessions that the training meets by chance, each of w among n sessions:
 *   1. of all sessions of the training, those whose items another one has;
 *   2. of the last tenth of the training, those whose items an earlier one has. The
 *      earlier ones are fewer than the training that the test meets, so q = w / n is
 *      multiplied by 10 / 9.
 * The first is better if the training is small, because n is ten times as large. The
 * second is better if the items change, as in a log of news: sessions of the same hour
 * have the same items, but a test comes after the training. Chance differs from day to
 * day, so a test may have more of it by a factor f: 1.25 for the first estimate, which is
 * of all days, and 3 for the second (days of a log of news differed by 2.5). The true
 * share may be larger than q, above all if n is small. Wilson's interval gives its upper
 * bound u, with z standard deviations:
 *     u = (w + z^2 / 2 + z sqrt(w (n - w) / n + z^2 / 4)) / (n + z^2)
 * The estimate with the smaller f q + (u - q) is taken. Then of m sessions of the test m
 * q are met by chance; f m q may be; m (u - q) is by how much that may be wrong; and the
 * number that is found varies by z sqrt(m p (1 - p)) around m p, p being the true share.
 */
#include "chance.h"

/*
 * z in the equations above: the number of standard deviations by which the number of
 * sessions that are found must exceed the number that chance makes likely.
 */
#define SIGMA 4.0

/*
 * An estimate of the share of a test's sessions that are met by chance. share: q, the
 * share that is likely; most: f q, the share on a day with more chance than others;
 * error: u - q, by how much the share may be larger because n is small.
 */
typedef struct estimate {
    double share, most, error;
} estimate;

/*
 * Returns the estimate (see the top of this file) from w sessions with the items of
 * another one among n sessions: share = scale w / n, most = daily share, error =
 * scale (u - w / n), where u is the upper bound of Wilson's interval. share and most are
 * at most 1. scale is above 1 if the test meets a larger training than the w sessions did.
 * If n is 0, share and most are 0.
 */
static estimate estimate_of(double w, double n, double scale, double daily)
{
    const double square = SIGMA * SIGMA;
    const double share = n > 0 ? w / n : 0;
    const double half = SIGMA * sqrt(w * (1 - share) + square / 4);
    const double up = (w + square / 2 + half) / (n + square);
    return (estimate){.share = fmin(1, scale * share),
                      .most = fmin(1, daily * scale * share),
                      .error = scale * (up - share)};
}

/*
 * Returns the better one of both estimates for a class of length: the one with the
 * smaller most + error. All 0 if the training has no session of that length.
 */
static estimate better_of(const gru4rec_fingerprints_length *length)
{
    if (length->n == 0) /* chance meets no session of this length */
        return (estimate){0};
    const estimate all = estimate_of((double)length->n_twins, (double)length->n, 1, 1.25);
    const estimate last =
        estimate_of((double)length->n_last_twins, (double)length->n_last, 10.0 / 9, 3);
    return fmin(1, last.most + last.error) < fmin(1, all.most + all.error) ? last : all;
}

/*
 * Returns found - expected, where found is the number of sessions that were found and
 * expected the number that chance makes likely. Returns 0 if chance may explain found:
 * if it is not above most + error + z standard deviations. most: the number that chance
 * may find on a day with more chance; error: by how much most may be too low; variance:
 * that of found. 1 is added to the variance, because it is too small if the share is near
 * 0.
 */
static double excess_of(double found, double expected, double most, double error,
                        double variance)
{
    return found > most + error + SIGMA * sqrt(variance + 1) ? found - expected : 0;
}

/*
 * Returns the variance of the number of sessions that are found, if each of m sessions is
 * found with the probability p; a p above 1 counts as 1.
 */
static double variance_of(double m, double p)
{
    return m * fmin(1, p) * (1 - fmin(1, p));
}

/*
 * Each class is judged by itself, and all classes together, whose errors are independent.
 * So a copy is not hidden if short sessions are met less often than chance says; and a
 * small copy that is spread over the classes is found too.
 */
void g4r_chance_judge(gru4rec_fingerprints_found *found,
                      const gru4rec_fingerprints *fingerprints)
{
    double most = 0, variance = 0, squares = 0, by_class = 0;
    for (int i = 0; i < GRU4REC_FINGERPRINTS_CLASSES; i++) {
        const estimate e = better_of(&fingerprints->lengths[i]);
        const double m = (double)found->lengths[i].n;
        const double n_found = (double)found->lengths[i].n_found;
        found->chance += m * e.share;
        most += m * e.most;
        variance += variance_of(m, e.most);
        squares += m * e.error * m * e.error;
        by_class += excess_of(n_found, m * e.share, m * e.most, m * e.error,
                              variance_of(m, e.most + e.error));
    }
    found->excess =
        excess_of((double)found->items, found->chance, most, sqrt(squares), variance);
    if (found->excess < by_class)
        found->excess = by_class;
}
