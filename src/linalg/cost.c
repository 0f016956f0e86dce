#include "linalg/cost.h"

#include "linalg/process_grid.h"

#include <math.h>
#include <stddef.h>

/* Measured on one core of the reference machine (2.6 GHz, AVX-512), GF/s: the fixed-order kernel on blocks of some 128
 * columns (whole products) and of some 16 (vectors of chains side by side), dgemv on a matrix of its own or the kernel
 * on a single column, and LAPACK: eigenvalues, singular values, QR, rotations. Last, GB/s at which W comes to the
 * kernel, from the second cache, the third, and memory. */
static const struct rate {
    double hidden_size, wide, narrow, vector, lapack, stream;
} rates[] = {
    { 1, 0.1, 0.1, 0.05, 0.05, 170 }, { 16, 25, 40, 1.5, 1.0, 170 }, { 64, 45, 35, 5, 2.5, 170 },
    { 256, 52, 42, 6, 6.5, 170 },     { 512, 50, 44, 5, 7.75, 55 },  { 1024, 43, 45, 4, 9.0, 27 },
    { 4096, 52, 40, 2, 11.0, 8 },     { 16384, 50, 40, 2, 11.0, 7 },
};
enum { RATE_ROWS = sizeof rates / sizeof *rates };

/* The same of eight chains in the lanes of vectors: a product, a norm by reduction of its Gram matrix, and by Lanczos:
 * the Gram matrix, and one vector, by their operations. */
static const struct lane_rate {
    double hidden_size, product, reduction, gram, vector;
} lane_rates[] = { { 8, 31, 6.9, 26, 8.7 }, { 16, 45, 16, 38, 17.6 }, { 32, 46, 25, 53, 22 } };
enum { LANE_RATE_ROWS = sizeof lane_rates / sizeof *lane_rates };
static const double LANE_NORM_FLOPS = 1.0 + 4.0 / 3.0;              /* times d^3: a Gram matrix, and its reduction */
static const double LANE_NORM_SECONDS = 3e-8, LANE_ELEMENT = 4e-10; /* of a norm beside that, and of its d^2 elements */

static const double GATHERED_COLUMNS = 128.0; /* of a block that a team gathers at a time */
static const double LANCZOS_OVERHEAD = 6e-7;  /* seconds an iteration beside products and vectors */
static const double BASIS_RATE = 8e9;         /* operations a second on a basis in the cache */
static const double COLUMN_GAIN = 2.0;        /* of the kernel over dgemv, on a single column of W that stays packed */
static const double SQUARING_COLUMNS = 128.0; /* gathered at a time */
/* Of the kernel's rate on blocks in the cache: each power comes from memory, is packed anew, and gathered. Of 98 GF/s
 * there, 4096 units took the kernel to 82 on blocks that come from memory, and squarings to 60. */
static const double SQUARING_SHARE = 0.65;
static const double NORM_ITERATIONS = 12.5; /* of Lanczos for ||W||_2 right to rounding, times cbrt(d) */
static const double ELEMENT_SECONDS = 3e-9; /* scaling, balancing and copying one element of a product */

/* Of teams: PDGEMM beside dgemm on as many cores, ScaLAPACK's QR beside LAPACK's; bytes that a rank receives a second
 * while all others do, and the time that a collective call takes for each other rank. */
static const double PDGEMM_EFFICIENCY = 0.85;
static const double SCALAPACK_EFFICIENCY = 0.5;
static const double TEAM_BANDWIDTH = 1e9;
static const double MESSAGE_SECONDS = 2e-6;

/* Straight lines in ln d between the rows, of numbers[columns] each with d as the first; constant outside. */
static double rate_at(const double *numbers, size_t rows, size_t columns, long hidden_size, size_t column)
{
    double x = log((double)hidden_size);
    double left = numbers[column], left_x = log(numbers[0]);
    for (size_t i = 1; i < rows; i++) {
        double right = numbers[i * columns + column], right_x = log(numbers[i * columns]);
        if (x <= right_x) {
            double weight = x <= left_x ? 0.0 : (x - left_x) / (right_x - left_x);
            return 1e9 * (left + weight * (right - left));
        }
        left = right;
        left_x = right_x;
    }
    return 1e9 * left;
}
#define COLUMN_OF(type, column) (offsetof(type, column) / sizeof(double))
#define RATE_AT(hidden_size, column)                                                       \
    rate_at(&rates[0].hidden_size, RATE_ROWS, sizeof *rates / sizeof(double), hidden_size, \
            COLUMN_OF(struct rate, column))
#define LANE_RATE_AT(hidden_size, column)                                                                 \
    rate_at(&lane_rates[0].hidden_size, LANE_RATE_ROWS, sizeof *lane_rates / sizeof(double), hidden_size, \
            COLUMN_OF(struct lane_rate, column))

struct cost cost_add(struct cost a, struct cost b)
{
    return (struct cost){ .flops = a.flops + b.flops,
                          .seconds = a.seconds + b.seconds,
                          .lapack = a.lapack + b.lapack,
                          .squares = a.squares + b.squares,
                          .replicated = a.replicated + b.replicated,
                          .gathered_bytes = a.gathered_bytes + b.gathered_bytes,
                          .panel_bytes = a.panel_bytes + b.panel_bytes,
                          .messages = a.messages + b.messages };
}

struct cost cost_times(struct cost cost, double times)
{
    return (struct cost){ .flops = times * cost.flops,
                          .seconds = times * cost.seconds,
                          .lapack = times * cost.lapack,
                          .squares = times * cost.squares,
                          .replicated = times * cost.replicated,
                          .gathered_bytes = times * cost.gathered_bytes,
                          .panel_bytes = times * cost.panel_bytes,
                          .messages = times * cost.messages };
}

struct cost cost_on(struct cost cost, const struct cost_speed *speed)
{
    cost.seconds = (cost.seconds - cost.lapack) * speed->kernel + cost.lapack * speed->lapack;
    cost.lapack *= speed->lapack;
    cost.squares *= speed->kernel;
    cost.replicated *= speed->kernel;
    return cost;
}

/* Of both factors of a product, what a rank receives: it multiplies the left one's rows of its row of the grid with the
 * right one's columns of its column, and lacks what other ranks hold of them. */
static double received_share(int team_size)
{
    double rows = process_grid_rows(team_size), columns = team_size / rows;
    return ((1.0 - 1.0 / columns) / rows + (1.0 - 1.0 / rows) / columns) / 2.0;
}

double cost_seconds(const struct cost *cost, int team_size)
{
    double size = team_size;
    if (team_size <= 1)
        return cost->seconds;
    double shared = cost->seconds - cost->lapack - cost->squares - cost->replicated;
    double bytes = cost->gathered_bytes * (1.0 - 1.0 / size) + cost->panel_bytes * received_share(team_size);
    return cost->replicated +
           (shared + cost->squares / PDGEMM_EFFICIENCY + cost->lapack / SCALAPACK_EFFICIENCY) / size +
           bytes / TEAM_BANDWIDTH + cost->messages * (size - 1.0) * MESSAGE_SECONDS;
}

struct cost cost_lapack(long hidden_size, double flops)
{
    double seconds = flops / RATE_AT(hidden_size, lapack);
    return (struct cost){ .flops = flops, .seconds = seconds, .lapack = seconds };
}

struct cost cost_narrow(long hidden_size, double columns, double side_by_side)
{
    double d = (double)hidden_size;
    /* Few columns leave most of the kernel idle: it waits for W, 8 bytes for 2 operations a column. */
    const double waiting = 4.0 / (side_by_side * RATE_AT(hidden_size, stream));
    const double rate = fmin(1.0 / (1.0 / RATE_AT(hidden_size, narrow) + waiting),
                             side_by_side * COLUMN_GAIN * RATE_AT(hidden_size, vector));
    struct cost cost = { .flops = 2.0 * d * d * columns };
    cost.replicated = d * columns * ELEMENT_SECONDS;
    cost.seconds = cost.flops / rate;
    cost.replicated = fmin(cost.replicated, cost.seconds);
    cost.gathered_bytes = 8.0 * d * columns;
    cost.messages = columns / side_by_side;
    return cost;
}

struct cost cost_squares(long hidden_size, double steps)
{
    double d = (double)hidden_size;
    struct cost cost = { .flops = 2.0 * d * d * d * steps };
    cost.seconds = cost.squares = cost.flops / RATE_AT(hidden_size, wide);
    cost.panel_bytes = steps * 16.0 * d * d;
    cost.messages = steps;
    return cost;
}

struct cost cost_products_in_lanes(long hidden_size, double steps)
{
    const double d = (double)hidden_size, flops = 2.0 * d * d * d * steps;
    return (struct cost){ .flops = flops, .seconds = flops / LANE_RATE_AT(hidden_size, product) };
}

struct cost cost_norm_in_lanes(long hidden_size, double vectors)
{
    const double d = (double)hidden_size;
    struct cost cost = { .seconds = LANE_NORM_SECONDS + d * d * LANE_ELEMENT };
    if (vectors == 0.0) {
        cost.flops = LANE_NORM_FLOPS * d * d * d;
        cost.seconds += cost.flops / LANE_RATE_AT(hidden_size, reduction);
        return cost;
    }
    const double of_gram = d * d * d, of_vectors = 4.0 * d * d * vectors;
    cost.flops = of_gram + of_vectors;
    cost.seconds += of_gram / LANE_RATE_AT(hidden_size, gram) + of_vectors / LANE_RATE_AT(hidden_size, vector);
    return cost;
}

double cost_vector_seconds(long hidden_size, double flops)
{
    return flops / RATE_AT(hidden_size, vector);
}

double cost_lanczos_seconds(long hidden_size, double iterations)
{
    /* Twice against half of them, on average. */
    return iterations * (LANCZOS_OVERHEAD + 4.0 * (double)hidden_size * iterations / BASIS_RATE);
}

/* The largest singular values lie d^(-2/3) apart, and Lanczos takes some d^(1/3) ln(1/u) / 3 iterations to rounding. */
static double norm_iterations(double d)
{
    return fmin(NORM_ITERATIONS * cbrt(d), d);
}

struct cost cost_norm_by_products(long hidden_size)
{
    double d = (double)hidden_size, iterations = norm_iterations(d), products = 2.0 * iterations;
    struct cost cost = cost_narrow(hidden_size, products, 1.0);
    /* Every rank of a team orthogonalises the iterates for itself. */
    double orthogonalising = 4.0 * d * iterations * iterations / BASIS_RATE;
    cost.seconds += orthogonalising;
    cost.replicated += orthogonalising;
    return cost;
}

double cost_norm_by_products_bytes(long hidden_size)
{
    double d = (double)hidden_size;
    return 8.0 * d * norm_iterations(d) * 2.0;
}

/* W by rows, columns gathered, the fixed-order kernel. A power of a random matrix has some hundred directions left
 * after log2(d) - 1 squarings (measured from d = 512 to 4096), which a product with some columns tells each time. */
struct cost cost_radius_by_squaring(long hidden_size)
{
    double d = (double)hidden_size, squarings = fmax(log2(d) - 1.0, 8.0);
    double columns = squarings * (d + fmin(SQUARING_COLUMNS, d / 4.0));
    struct cost cost = { .flops = 2.0 * d * d * columns, .gathered_bytes = 8.0 * d * columns };
    cost.seconds = cost.flops / (SQUARING_SHARE * RATE_AT(hidden_size, wide));
    cost.messages = squarings * (ceil(d / SQUARING_COLUMNS) + 1.0);
    return cost;
}

/* Squarings of W until some columns show the range of the power (linalg/radius_by_range.c), which LAPACK sees last. */
struct cost cost_radius_by_range(long hidden_size)
{
    double d = (double)hidden_size, columns = fmin(fmax(d / 8.0, 16.0), SQUARING_COLUMNS), rank = columns - 8.0;
    double squarings = log2(73.0 * d / rank) + 0.5;
    struct cost cost = { .flops = 2.0 * d * d * (squarings * d + 2.0 * columns) };
    cost.seconds = cost.flops / RATE_AT(hidden_size, wide);
    return cost_add(cost, cost_lapack((long)rank, 25.0 * rank * rank * rank));
}

double cost_gather_bytes(long hidden_size, int team_size)
{
    return team_size > 1 ? 8.0 * (double)hidden_size * GATHERED_COLUMNS * 2.0 : 0.0;
}
