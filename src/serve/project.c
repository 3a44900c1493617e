/*
 * project.c - a map of the output weights: the two directions in which they differ most,
 * their first principal components.
 *
 * Of the centred weights X (n,D) one needs the largest eigenvectors of X'X, or, if there
 * are fewer items than weights, of XX', which has the same eigenvalues; S (s,s) is the
 * smaller of these two. They come from subspace iteration: a block of B orthonormal
 * vectors is multiplied by S and made orthonormal again; then the vectors are turned
 * within their space (Rayleigh and Ritz), so that each becomes the best approximation of
 * one eigenvector. The first two converge by the ratio of the (B+1)-th eigenvalue to the
 * second.
 *
 * All sums are in double and in one order, so the result does not depend on processor,
 * BLAS or threads. The sign of each direction is that which makes its largest component
 * positive.
 */
#include "../base/alloc.h"
#include "../base/rng.h"
#include "../model/model.h"

enum {
    B = 8,           /* vectors of the block, if S has as many */
    ITERATIONS = 500 /* the most */
};

/* What one projection works with. */
typedef struct projection {
    size_t n, d, s, b; /* b: vectors of the block, at most B and s */
    bool is_gram;      /* S is XX' */
    double *x;         /* (n,d) centred */
    double *matrix;    /* (s,s) S */
    double *block;     /* (b,s) orthonormal rows */
    double *product;   /* (b,s) block S, as S is symmetric */
    double values[B];  /* eigenvalues, in descending order */
    bool (*is_stopped)(void *);
    void *context;
} projection;

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Copies the weights of the rows to x, and subtracts the mean of each column. */
static void centre(projection *p, const gru4rec_model *model, const int32_t *rows)
{
    const g4r_output output = g4r_model_output(model);
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->d; j++)
            p->x[i * p->d + j] = (double)output.table[(size_t)rows[i] * p->d + j];
    for (size_t j = 0; j < p->d; j++) {
        double sum = 0;
        for (size_t i = 0; i < p->n; i++)
            sum += p->x[i * p->d + j];
        for (size_t i = 0; i < p->n; i++)
            p->x[i * p->d + j] -= sum / (double)p->n;
    }
}

/* Computes S. Returns false if the caller wants it to stop. */
static bool multiply(projection *p)
{
    const size_t d = p->d, s = p->s;
    memset(p->matrix, 0, s * s * sizeof *p->matrix);
    for (size_t i = 0; i < p->n; i++) {
        const double *x = p->x + i * d;
        if (i % 64 == 0 && p->is_stopped != NULL && p->is_stopped(p->context))
            return false;
        if (p->is_gram) {
            for (size_t k = 0; k <= i; k++)
                p->matrix[i * s + k] = dot(x, p->x + k * d, d);
            continue;
        }
        for (size_t j = 0; j < d; j++)
            for (size_t k = 0; k <= j; k++)
                p->matrix[j * s + k] += x[j] * x[k];
    }
    for (size_t j = 0; j < s; j++)
        for (size_t k = 0; k < j; k++)
            p->matrix[k * s + j] = p->matrix[j * s + k];
    return true;
}

/*
 * Makes the rows of the block orthonormal, one after the other, twice, because the first
 * time leaves rounding errors. A row that depends on those before it becomes zero.
 */
static void make_orthonormal(projection *p)
{
    const size_t s = p->s;
    for (size_t i = 0; i < p->b; i++) {
        double *row = p->block + i * s;
        const double before = sqrt(dot(row, row, s));
        for (int pass = 0; pass < 2; pass++)
            for (size_t k = 0; k < i; k++) {
                const double *other = p->block + k * s;
                const double share = dot(row, other, s);
                for (size_t j = 0; j < s; j++)
                    row[j] -= share * other[j];
            }
        const double norm = sqrt(dot(row, row, s));
        for (size_t j = 0; j < s; j++)
            row[j] = norm > 1e-12 * before ? row[j] / norm : 0;
    }
}

/* product = block S */
static void multiply_block(projection *p)
{
    const size_t s = p->s;
    memset(p->product, 0, p->b * s * sizeof *p->product);
    for (size_t i = 0; i < p->b; i++)
        for (size_t k = 0; k < s; k++) {
            const double factor = p->block[i * s + k];
            for (size_t j = 0; j < s; j++)
                p->product[i * s + j] += factor * p->matrix[k * s + j];
        }
}

/* Turns rows i and k of two matrices of (,n) by an angle: cosine c, sine sn. */
static void turn(double *rows, size_t n, size_t i, size_t k, double c, double sn)
{
    for (size_t j = 0; j < n; j++) {
        const double a = rows[i * n + j], b = rows[k * n + j];
        rows[i * n + j] = c * a - sn * b;
        rows[k * n + j] = sn * a + c * b;
    }
}

/*
 * Turns the block so that block S block' becomes diagonal, by Jacobi's method, and puts
 * the diagonal into values. The product is turned with it.
 */
static void diagonalise(projection *p)
{
    const size_t b = p->b, s = p->s;
    for (int sweep = 0; sweep < 12; sweep++)
        for (size_t i = 0; i < b; i++)
            for (size_t k = i + 1; k < b; k++) {
                const double ii = dot(p->block + i * s, p->product + i * s, s);
                const double kk = dot(p->block + k * s, p->product + k * s, s);
                const double ik = dot(p->block + i * s, p->product + k * s, s);
                if (fabs(ik) <= 1e-15 * (fabs(ii) + fabs(kk)))
                    continue;
                const double ratio = (kk - ii) / (2 * ik);
                const double tangent =
                    (ratio >= 0 ? 1 : -1) / (fabs(ratio) + sqrt(1 + ratio * ratio));
                const double c = 1 / sqrt(1 + tangent * tangent), sn = tangent * c;
                turn(p->block, s, i, k, c, sn);
                turn(p->product, s, i, k, c, sn);
            }
    for (size_t i = 0; i < b; i++)
        p->values[i] = dot(p->block + i * s, p->product + i * s, s);
}

/* Sorts the values in descending order, and the rows of block and product with them. */
static void sort(projection *p)
{
    for (size_t i = 0; i < p->b; i++)
        for (size_t k = i + 1; k < p->b; k++)
            if (p->values[k] > p->values[i]) {
                const double value = p->values[i];
                p->values[i] = p->values[k];
                p->values[k] = value;
                turn(p->block, p->s, i, k, 0, -1);
                turn(p->product, p->s, i, k, 0, -1);
            }
}

/* Iterates until the first two values stay. Returns false if the caller wants to stop. */
static bool iterate(projection *p)
{
    g4r_rng rng;
    g4r_rng_seed(&rng, 0, G4R_STREAM_MAP, 0);
    for (size_t i = 0; i < p->b * p->s; i++)
        p->block[i] = g4r_rng_uniform(&rng) - 0.5;
    double before = -1;
    for (int i = 0; i < ITERATIONS; i++) {
        if (p->is_stopped != NULL && p->is_stopped(p->context))
            return false;
        make_orthonormal(p);
        multiply_block(p);
        diagonalise(p);
        sort(p);
        const double sum = p->values[0] + (p->b > 1 ? p->values[1] : 0);
        if (fabs(sum - before) <= 1e-14 * sum)
            break;
        before = sum;
        if (i < ITERATIONS - 1) {
            double *block = p->block;
            p->block = p->product;
            p->product = block;
        }
    }
    return true;
}

/*
 * Writes the coordinates along direction k, and its share of all variance. scratch (d):
 * the components of the direction.
 */
static void write(const projection *p, size_t k, double *scratch, double *coordinates,
                  double *share)
{
    const double *row = p->block + k * p->s;
    double trace = 0, largest = 0;
    for (size_t i = 0; i < p->s; i++)
        trace += p->matrix[i * p->s + i];
    *share = k < p->b && trace > 0 ? fmax(p->values[k], 0) / trace : 0;
    if (*share < 1e-12)
        *share = 0;
    memset(scratch, 0, p->d * sizeof *scratch);
    for (size_t i = 0; *share > 0 && i < (p->is_gram ? p->n : p->d); i++)
        if (p->is_gram)
            for (size_t j = 0; j < p->d; j++)
                scratch[j] += row[i] * p->x[i * p->d + j] / sqrt(p->values[k]);
        else
            scratch[i] = row[i];
    for (size_t j = 0; j < p->d; j++)
        largest = fabs(scratch[j]) > fabs(largest) ? scratch[j] : largest;
    for (size_t i = 0; i < p->n; i++) {
        const double at = dot(p->x + i * p->d, scratch, p->d);
        coordinates[2 * i + k] = largest < 0 ? -at : at;
    }
}

gru4rec_status gru4rec_project(const gru4rec_allocator *allocator,
                               const gru4rec_model *model, const int32_t *rows, size_t n,
                               bool (*is_stopped)(void *), void *context,
                               double *coordinates, double shares[2])
{
    if (allocator == NULL)
        allocator = &g4r_alloc_libc;
    const size_t d = g4r_model_output(model).d, s = G4R_MIN(n, d), b = G4R_MIN(s, B);
    projection p = {.n = n,
                    .d = d,
                    .s = s,
                    .b = b,
                    .is_gram = n < d,
                    .is_stopped = is_stopped,
                    .context = context};
    const size_t most =
        g4r_add(g4r_add(g4r_mul(n, d), g4r_mul(s, s)), g4r_add(g4r_mul(2 * b, s), d));
    double *memory = g4r_alloc(allocator, most, sizeof *memory);
    if (memory == NULL)
        return GRU4REC_NOMEM;
    p.x = memory;
    p.matrix = p.x + n * d;
    p.block = p.matrix + s * s;
    p.product = p.block + b * s;
    centre(&p, model, rows);
    const bool is_done = multiply(&p) && iterate(&p);
    for (size_t k = 0; k < 2 && is_done; k++)
        write(&p, k, memory + most - d, coordinates, &shares[k]);
    g4r_alloc_free(allocator, memory);
    return is_done ? GRU4REC_OK : GRU4REC_INTERRUPTED;
}
