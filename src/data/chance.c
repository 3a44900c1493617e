/*
 * chance.c - judges sequences of items that training and test have in common; see
 * chance.h.
 *
 * Two sessions can have the same items by chance, and short ones often do. So chance is
 * estimated for each class of length. The estimate is the share of twins: sessions of the
 * training whose items another session of the training has. A test of the same kind of
 * sessions meets the training as often as the training meets itself.
 *
 * With w twins among n sessions of a class the share is q = w / n, and of m sessions of
 * the test, m q are found by chance. The true share may be larger, above all if n is
 * small. Wilson's interval gives its upper bound u, with z standard deviations:
 *     u = (w + z^2 / 2 + z sqrt(w (n - w) / n + z^2 / 4)) / (n + z^2)
 * Then m (u - q) is by how much the estimate of m q may be wrong, and the number that is
 * found varies by z sqrt(m p (1 - p)) around m p, where p is the true share.
 */
#include "chance.h"

/* z, the standard deviations by which a number must exceed what chance makes likely. */
#define SIGMA 4.0

/* One class of length: its estimate of chance. */
typedef struct estimate {
    double n;         /* sessions of the test */
    double found;     /* those that were found by their items */
    double share, up; /* q and u */
} estimate;

static estimate estimate_of(const gru4rec_fingerprints_found *found,
                            const gru4rec_fingerprints *fingerprints, int class)
{
    const double n = (double)fingerprints->lengths[class].n;
    const double twins = (double)fingerprints->lengths[class].n_twins;
    estimate e = {.n = (double)found->lengths[class].n,
                  .found = (double)found->lengths[class].n_found};
    if (n == 0) /* no session has this length, so there is no chance to meet one */
        return e;
    e.share = twins / n;
    e.up = (twins + SIGMA * SIGMA / 2 +
            SIGMA * sqrt(twins * (n - twins) / n + SIGMA * SIGMA / 4)) /
           (n + SIGMA * SIGMA);
    return e;
}

/*
 * Returns how much found exceeds expected; 0: chance may explain that. error: by how much
 * expected may be wrong. variance: of found; one is added to it, because it is too small
 * if the share is near 0.
 */
static double excess_of(double found, double expected, double error, double variance)
{
    return found > expected + error + SIGMA * sqrt(variance + 1) ? found - expected : 0;
}

/*
 * Each class is judged by itself, and all classes together, whose errors are independent.
 * So a copy is not hidden if short sessions are found less often than chance says, as in
 * a log of news, where the items of a test are new; and a small copy that is spread over
 * the classes is found too.
 */
void g4r_chance_judge(gru4rec_fingerprints_found *found,
                      const gru4rec_fingerprints *fingerprints)
{
    double variance = 0, squares = 0, by_class = 0;
    for (int i = 0; i < GRU4REC_FINGERPRINTS_CLASSES; i++) {
        const estimate e = estimate_of(found, fingerprints, i);
        const double error = e.n * (e.up - e.share);
        found->chance += e.n * e.share;
        variance += e.n * e.share * (1 - e.share);
        squares += error * error;
        by_class += excess_of(e.found, e.n * e.share, error, e.n * e.up * (1 - e.up));
    }
    found->excess =
        excess_of((double)found->items, found->chance, sqrt(squares), variance);
    if (found->excess < by_class)
        found->excess = by_class;
}
