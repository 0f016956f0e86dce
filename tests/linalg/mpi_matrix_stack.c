/* Whole matrices spread over process grids of every shape, against one rank's; on any number of ranks. */
#include "linalg/matrix_stack.h"

#include "linalg/grids.h"

enum { COUNT = 2 };

static double norm_of(const double *values, long count, long stride)
{
    double sum = 0;
    for (long i = 0; i < count; i++)
        sum += values[i * stride] * values[i * stride];
    return sqrt(sum);
}

static double *norms_of_columns(long d, long columns, const double *values)
{
    double *norms = NULL;
    REQUIRE(memory_allocate(&norms, columns, "norms") == STATUS_OK);
    for (long j = 0; j < columns; j++)
        norms[j] = norm_of(values + j * d, d, 1);
    return norms;
}

/* This rank's part of numbers that all ranks know: COUNT matrices [d, d], one after the other. */
static struct matrix_stack new_stack(const struct process_grid *grid, long d, const double *values)
{
    struct matrix_stack stack;
    REQUIRE(matrix_stack_create(grid, d, COUNT, &stack) == STATUS_OK);
    const long columns = process_grid_local_columns(grid, d);
    REQUIRE(stack.part.rows == process_grid_local_rows(grid, d) && stack.part.columns == COUNT * columns);
    for (long column = 0; values != NULL && column < COUNT * columns; column++)
        for (long row = 0; row < stack.part.rows; row++)
            block_column(&stack.part, column)[row] =
                values[column / columns * d * d + process_grid_global_row(grid, row) +
                       process_grid_global_column(grid, column % columns) * d];
    return stack;
}

/* All of it, on every rank. */
static double *whole_of(const struct matrix_stack *stack)
{
    const struct process_grid *grid = stack->grid;
    const long d = stack->dimension, columns = process_grid_local_columns(grid, d);
    double *values = NULL;
    REQUIRE(memory_allocate(&values, COUNT * d * d, "whole matrices") == STATUS_OK);
    for (long column = 0; column < COUNT * columns; column++)
        for (long row = 0; row < stack->part.rows; row++)
            values[column / columns * d * d + process_grid_global_row(grid, row) +
                   process_grid_global_column(grid, column % columns) * d] = block_column(&stack->part, column)[row];
    REQUIRE(team_sum(grid->team, COUNT * d * d, values) == STATUS_OK);
    return values;
}

static long dimension;

/* Both sides round each of d additions by u of what is added up, of absolute value at most |a| |x| by Cauchy and
 * Schwarz. */
static void products_agree_with_one_rank(const struct process_grid *grid)
{
    const long d = dimension;
    double *values = new_numbers(d * d, "weights"), *numbers = new_numbers(COUNT * d * d, "squares");
    struct matrix *local, *matrix = new_matrix_on(grid, d, values);
    struct matrix_stack from = new_stack(grid, d, numbers), to = new_stack(grid, d, NULL);
    struct block x, y;
    REQUIRE(matrix_create(d, values, true, &local) == STATUS_OK);
    REQUIRE(block_create(d, COUNT * d, &x) == STATUS_OK && block_create(d, COUNT * d, &y) == STATUS_OK);
    for (long j = 0; j < COUNT * d; j++)
        memcpy(block_column(&x, j), numbers + j * d, (size_t)d * sizeof *numbers);
    REQUIRE(matrix_apply_transposed(local, &x, &y) == STATUS_OK);
    double *sizes = norms_of_columns(d, d, values), *others = norms_of_columns(d, COUNT * d, numbers);
    for (int again = 0; again < 2; again++) { /* the second time with the matrix already spread */
        if (again > 0 && to.part.rows > 0 && to.part.columns > 0)
            to.part.values[0] = NAN; /* what stood there before must not count */
        REQUIRE(matrix_stack_apply_transposed(matrix, &from, &to) == STATUS_OK);
        double *found = whole_of(&to);
        for (long j = 0; j < COUNT * d; j++)
            for (long i = 0; i < d; i++) {
                const double bound = 2 * (double)d * UNIT_ROUNDOFF * sizes[i] * others[j];
                REQUIRE(fabs(found[i + j * d] - block_column(&y, j)[i]) <= bound);
            }
        memory_free(found);
    }
    matrix_destroy(local);
    matrix_destroy(matrix);
    matrix_stack_destroy(&from);
    matrix_stack_destroy(&to);
    block_destroy(&x);
    block_destroy(&y);
    memory_free(sizes);
    memory_free(others);
    memory_free(values);
    memory_free(numbers);
}

/* A NaN and an infinity run through their columns, and nobody waits. */
static void what_is_not_finite_stays_in_its_column(const struct process_grid *grid)
{
    const long d = dimension;
    double *values = new_numbers(d * d, "weights"), *numbers = new_numbers(COUNT * d * d, "squares"), norm = 0;
    numbers[d - 1] = NAN;
    numbers[d * d + (d - 1) * d] = INFINITY;
    struct matrix *matrix = new_matrix_on(grid, d, values);
    struct matrix_stack from = new_stack(grid, d, numbers), to = new_stack(grid, d, NULL);
    REQUIRE(matrix_stack_apply_transposed(matrix, &from, &to) == STATUS_OK);
    double *found = whole_of(&to);
    for (long j = 0; j < COUNT * d; j++)
        for (long i = 0; i < d; i++)
            REQUIRE(isfinite(found[i + j * d]) == (j != 0 && j != 2 * d - 1));
    REQUIRE(matrix_stack_norm(&from, 0, &norm) == STATUS_OK && isnan(norm));
    REQUIRE(matrix_stack_norm(&from, 1, &norm) == STATUS_OK && norm == INFINITY);
    memory_free(found);
    matrix_destroy(matrix);
    matrix_stack_destroy(&from);
    matrix_stack_destroy(&to);
    memory_free(values);
    memory_free(numbers);
}

static void vectors_and_norms_agree_with_one_rank(const struct process_grid *grid)
{
    const long d = dimension;
    double *numbers = new_numbers(COUNT * d * d, "squares");
    struct matrix_stack stack = new_stack(grid, d, numbers);
    struct block x = new_columns(d, 1, "a vector"), y;
    REQUIRE(block_create(d, 1, &y) == STATUS_OK);
    for (long number = 0; number < COUNT; number++) {
        const double *values = numbers + number * d * d;
        double norm = 0;
        for (int transposed = 0; transposed < 2; transposed++) {
            const long along = transposed ? 1 : d, across = transposed ? d : 1;
            REQUIRE(matrix_stack_multiply(&stack, number, transposed, x.values, y.values) == STATUS_OK);
            for (long i = 0; i < d; i++) {
                double sum = 0;
                for (long k = 0; k < d; k++)
                    sum += values[i * across + k * along] * x.values[k];
                const double size = norm_of(values + i * across, d, along) * norm_of(x.values, d, 1);
                REQUIRE(fabs(y.values[i] - sum) <= 2 * (double)d * UNIT_ROUNDOFF * size);
            }
            REQUIRE(same_on_all(grid->team, y.values, d));
        }
        REQUIRE(matrix_stack_norm(&stack, number, &norm) == STATUS_OK && same_on_all(grid->team, &norm, 1));
        /* Positive terms: each of d^2 additions and multiplications errs by u of the sum at most. */
        const double expected = norm_of(values, d * d, 1);
        REQUIRE(fabs(norm - expected) <= 2 * (double)(d * d) * UNIT_ROUNDOFF * expected);
    }
    block_destroy(&x);
    block_destroy(&y);
    matrix_stack_destroy(&stack);
    memory_free(numbers);
}

/* One multiplication an element: no bit may differ. */
static void rows_are_scaled(const struct process_grid *grid)
{
    const long d = dimension;
    double *numbers = new_numbers(COUNT * d * d, "squares");
    struct block factors = new_columns(d, COUNT, "diagonals");
    const double *diagonals[COUNT] = { block_column(&factors, 0), block_column(&factors, 1) };
    int64_t exponents[COUNT] = { 5, 5 };
    struct matrix_stack stack = new_stack(grid, d, numbers);
    REQUIRE(matrix_stack_scale_rows_balanced(&stack, diagonals, exponents) == STATUS_OK);
    REQUIRE(exponents[0] == 5 && exponents[1] == 5);
    double *found = whole_of(&stack);
    for (long place = 0; place < COUNT * d * d; place++)
        REQUIRE(found[place] == numbers[place] * diagonals[place / (d * d)][place % d]);
    memory_free(found);

    matrix_stack_set_identity(&stack);
    found = whole_of(&stack);
    for (long place = 0; place < COUNT * d * d; place++)
        REQUIRE(found[place] == (place % (d * d) % (d + 1) == 0));
    memory_free(found);
    matrix_stack_destroy(&stack);
    memory_free(numbers);
    block_destroy(&factors);
}

/* All elements times `factor`, but the last one, which most ranks do not see. */
static void check_balance(const struct process_grid *grid, const double *numbers, double factor, double last)
{
    const long d = dimension;
    double *values = NULL;
    int64_t exponents[COUNT] = { 5, 5 }, expected = 5;
    struct block alone;
    REQUIRE(memory_allocate(&values, COUNT * d * d, "squares") == STATUS_OK);
    REQUIRE(block_create(d, d, &alone) == STATUS_OK);
    for (long place = 0; place < COUNT * d * d; place++)
        values[place] = numbers[place] * (place < d * d ? factor : 1);
    values[d * d - 1] = last;
    for (long j = 0; j < d; j++)
        memcpy(block_column(&alone, j), values + j * d, (size_t)d * sizeof *values);
    struct matrix_stack stack = new_stack(grid, d, values);
    block_balance(&alone, &expected);
    REQUIRE(matrix_stack_balance(&stack, exponents) == STATUS_OK);
    REQUIRE(exponents[0] == expected && exponents[1] == 5);
    for (long j = 0; j < stack.part.columns / COUNT; j++)
        for (long i = 0; i < stack.part.rows; i++) {
            const double *other = block_column(&alone, process_grid_global_column(grid, j));
            REQUIRE(memcmp(&block_column(&stack.part, j)[i], &other[process_grid_global_row(grid, i)],
                           sizeof(double)) == 0);
        }
    matrix_stack_destroy(&stack);
    block_destroy(&alone);
    memory_free(values);
}

/* All ranks must scale by one power of two, the one that a rank alone takes. */
static void all_balance_alike(const struct process_grid *grid)
{
    double *numbers = new_numbers(COUNT * dimension * dimension, "squares");
    check_balance(grid, numbers, 1, 0x1p700);
    check_balance(grid, numbers, 0x1p-300, 0);
    check_balance(grid, numbers, 0, 0);
    check_balance(grid, numbers, 0x1p300, NAN);
    check_balance(grid, numbers, 0x1p300, INFINITY);
    memory_free(numbers);
}

static void outer_products_are_added(const struct process_grid *grid)
{
    const long d = dimension, counts[] = { 0, 1, 5, 130 };
    const double factors[] = { 0.5, 1, 0, 0.5 };
    double *numbers = new_numbers(COUNT * d * d, "squares"), *lefts = new_numbers(d * 130, "left"),
           *rights = new_numbers(d * 130, "right");
    struct block left, right;
    REQUIRE(block_create(d, 130, &left) == STATUS_OK && block_create(d, 130, &right) == STATUS_OK);
    for (long j = 0; j < 130; j++) {
        memcpy(block_column(&left, j), lefts + j * d, (size_t)d * sizeof *lefts);
        memcpy(block_column(&right, j), rights + j * d, (size_t)d * sizeof *rights);
    }
    for (size_t n = 0; n < COUNT_OF(counts); n++) {
        const long count = counts[n];
        const double factor = factors[n];
        struct matrix_stack stack = new_stack(grid, d, numbers);
        matrix_stack_add_outer(&stack, 1, factor, &left, &right, count);
        double *found = whole_of(&stack);
        REQUIRE(memcmp(found, numbers, (size_t)(d * d) * sizeof *found) == 0); /* the other matrix */
        for (long i = 0; i < d; i++)
            for (long j = 0; j < d; j++) {
                double sum = factor * numbers[d * d + i + j * d], size = fabs(sum);
                for (long k = 0; k < count; k++) {
                    sum += lefts[i + k * d] * rights[j + k * d];
                    size += fabs(lefts[i + k * d] * rights[j + k * d]);
                }
                REQUIRE(fabs(found[d * d + i + j * d] - sum) <= 2 * (double)(count + 2) * UNIT_ROUNDOFF * size);
            }
        memory_free(found);
        matrix_stack_destroy(&stack);
    }
    block_destroy(&left);
    block_destroy(&right);
    memory_free(numbers);
    memory_free(lefts);
    memory_free(rights);
}

/* What one rank's stack does, which the rest of the program relies on: the very same calls without a grid. */
static void a_rank_alone_has_them_whole(long d)
{
    struct matrix_stack stack, next;
    double *values = new_numbers(d * d, "weights"), *found = new_numbers(d * d, "place");
    struct block factors = new_columns(d, 1, "diagonals");
    const double *diagonal = factors.values, *diagonals[COUNT] = { diagonal, diagonal };
    int64_t exponents[COUNT] = { 0 };
    struct matrix *matrix = new_matrix_on(NULL, d, values);
    REQUIRE(matrix_stack_create(NULL, d, COUNT, &stack) == STATUS_OK);
    REQUIRE(matrix_stack_create(NULL, d, COUNT, &next) == STATUS_OK);
    matrix_stack_set_identity(&stack);
    REQUIRE(matrix_stack_apply_transposed(matrix, &stack, &next) == STATUS_OK);
    REQUIRE(matrix_stack_scale_rows_balanced(&next, diagonals, exponents) == STATUS_OK);
    struct block x = new_columns(d, 1, "a vector"), y;
    REQUIRE(block_create(d, 1, &y) == STATUS_OK);
    REQUIRE(matrix_stack_multiply(&next, 1, false, x.values, y.values) == STATUS_OK);
    matrix_stack_copy_values(&next, 1, found);
    for (long i = 0; i < d; i++) {
        double sum = 0;
        for (long j = 0; j < d; j++) {
            REQUIRE(found[i + j * d] == diagonal[i] * values[j + i * d]);
            sum += found[i + j * d] * x.values[j];
        }
        /* Both sides round each of d additions by u. */
        const double size = norm_of(found + i, d, d) * norm_of(x.values, d, 1);
        REQUIRE(fabs(y.values[i] - sum) <= 2 * (double)d * UNIT_ROUNDOFF * size);
    }
    matrix_stack_add_outer(&next, 0, 0.0, &x, &x, 1);
    matrix_stack_copy_values(&next, 0, found);
    for (long i = 0; i < d; i++)
        for (long j = 0; j < d; j++)
            REQUIRE(found[i + j * d] == x.values[i] * x.values[j]);
    block_destroy(&x);
    block_destroy(&y);
    matrix_destroy(matrix);
    matrix_stack_destroy(&stack);
    matrix_stack_destroy(&next);
    memory_free(values);
    block_destroy(&factors);
    memory_free(found);
}

static void all_operations(const struct process_grid *grid)
{
    products_agree_with_one_rank(grid);
    what_is_not_finite_stays_in_its_column(grid);
    vectors_and_norms_agree_with_one_rank(grid);
    rows_are_scaled(grid);
    all_balance_alike(grid);
    outer_products_are_added(grid);
}

static void run_all(const struct team *team)
{
    /* Ranks with nothing, one block or less, blocks that divide d and that do not. */
    const long cases[][2] = { { 1, 64 },  { 2, 1 },   { 3, 1 },  { 5, 1 },    { 5, 100 },  { 63, 7 },
                              { 64, 64 }, { 65, 64 }, { 65, 1 }, { 65, 100 }, { 257, 100 } };
    for (size_t n = 0; n < COUNT_OF(cases); n++) {
        dimension = cases[n][0];
        on_all_shapes(team, cases[n][1], all_operations);
    }
    dimension = 450;
    on_all_shapes(team, 64, products_agree_with_one_rank);
    a_rank_alone_has_them_whole(1);
    a_rank_alone_has_them_whole(65);
}

int main(int argc, char **argv)
{
    return with_one_team(argc, argv, run_all);
}
