/*
 * chance.c - judges sequences of items that training and test have in common; see
 * chance.h.
 *
 * Two sessions can have the same items by chance, and short ones often do. So chance is
 * estimated for each class of length. Let q be the share of a test's sessions whose items
 * the training has by chance. There are two estimates of q. Each counts w sessions with
 * the items of another one among n sessions of the training:
 *   1. n is all sessions of the class, and w those whose items another one has. Here q is
 *      w / n.
 *   2. n is those of the last tenth of the training, and w those whose items a session
 *      before that tenth has. The sessions before the tenth are fewer than those that the
 *      test meets, so q is 10 / 9 times w / n.
 * The first is better if the training is small, because n is ten times as large. The
 * second is better if the items change, as in a log of news: sessions of the same hour
 * have the same items, but a test comes after the training. Chance differs from day to
 * day, so a test may have more of it by a factor f: 1.25 for the first estimate, which is
 * of all days, and 3 for the second (days of a log of news differed by 2.5). The true
 * share may be larger than q, above all if n is small. Wilson's interval gives its upper
 * bound u, with z standard deviations:
 *     u = (w + z^2 / 2 + z sqrt(w (n - w) / n + z^2 / 4)) / (n + z^2)
 * The estimate with the smaller f q + (u - q) is used. Then, of m sessions of the test:
 *   - chance finds m q on a usual day, and f m q on a day with much of it;
 *   - both may be too low by m (u - q), because n is small;
 *   - the number found varies by z sqrt(m p (1 - p)) around m p, p being the true share.
 */
#include "chance.h"

/*
 * z in the equations above: a number of standard deviations. Wilson's bound uses it, and
 * the limit that the number of found sessions must exceed before chance cannot explain
 * it.
 */
#define SIGMA 4.0

/*
 * An estimate of the share of a test's sessions that chance finds. share: q, the likely
 * share; most: f q, the share on a day with more chance than others; error: u - q, by how
 * much the share may be larger because n is small.
 */
typedef struct estimate {
    double share, most, error;
} estimate;

/*
 * Returns the estimate (see the top of this file) that is made from w sessions with the
 * items of another one among n sessions: share = scale w / n, most = daily share, error =
 * scale (u - w / n), where u is the upper bound of Wilson's interval. share and most are
 * limited to 1, error is not. scale is 10 / 9 for the second estimate, else 1; daily is
 * f. If n is 0, share and most are 0, and error is scale.
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
 * Returns the one of the two estimates for a class of length whose most + error is
 * smaller. The sum counts as 1 if it is larger; if both sums are equal, returns the
 * estimate from all sessions of the class. Returns all 0 if the training has no session
 * of this class.
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
 * Returns found - expected if chance cannot explain found, else 0. found is the number of
 * sessions that were found, and expected the number that chance is likely to find. Chance
 * can explain up to most + error + z sqrt(variance + 1). most: the number that chance may
 * find on a day with more chance; error: by how much most may be too low; variance: that
 * of found. The 1 is added because the variance is too small if the share is near 0.
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
 * Sets found->chance to the sum of what chance is likely to find in each class of length.
 * Sets found->excess to the larger one of two: the sum of the classes' excesses, and the
 * excess of all classes together (their errors are independent, so the squares of the
 * errors are added). Because of the first, a copy is not hidden by short sessions that
 * are found less often than chance says; because of the second, a small copy that is
 * spread over the classes is found too.
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
