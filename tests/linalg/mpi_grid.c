/* Weight matrices on process grids, by rows: applied, their spectral radius and norm found, with the bits of one rank;
 * on any number of ranks. */
#include "linalg/scalapack.h"
#include "linalg/spectrum.h"

#include "linalg/grids.h"

#include <dlfcn.h>

static const long dimensions[] = { 1, 2, 3, 5, 23, 63, 64, 65, 257, 700 };

/* ---- who holds what ---- */

static void rows_are_dealt_once(const struct process_grid *grid)
{
    for (size_t n = 0; n < COUNT_OF(dimensions); n++) {
        long next = 0, first, count;
        for (int rank = 0; rank < grid->team->size; rank++, next = first + count) {
            process_grid_row_range(grid, dimensions[n], rank, &first, &count);
            REQUIRE(first == next && count >= 0 && (first % 24 == 0 || count == 0));
        }
        REQUIRE(next == dimensions[n]);
        process_grid_row_range(NULL, dimensions[n], 0, &first, &count);
        REQUIRE(first == 0 && count == dimensions[n]);
    }
}

static void elements_are_dealt_once(const struct process_grid *grid)
{
    for (size_t n = 0; n < COUNT_OF(dimensions); n++) {
        const long d = dimensions[n], rows = process_grid_local_rows(grid, d),
                   columns = process_grid_local_columns(grid, d);
        double seen[700] = { 0 };
        for (long i = 0; i < rows; i++) {
            const long row = process_grid_global_row(grid, i);
            REQUIRE(row >= 0 && row < d && row / grid->block_size % grid->rows == grid->row);
            for (long j = 0; j < columns; j++) {
                const long column = process_grid_global_column(grid, j);
                REQUIRE(column >= 0 && column < d && column / grid->block_size % grid->columns == grid->column);
                seen[(row + column) % d]++;
            }
        }
        REQUIRE(team_sum(grid->team, d, seen) == STATUS_OK);
        for (long i = 0; i < d; i++)
            REQUIRE(seen[i] == (double)d);
    }
}

static void what_cannot_be_counted_is_refused(const struct process_grid *grid)
{
    const double ranks = grid->team->size;
    REQUIRE(process_grid_check(grid, 1) == STATUS_OK && process_grid_check(NULL, 1) == STATUS_OK);
    REQUIRE(process_grid_check(grid, 0) == STATUS_MEMORY);
    REQUIRE(process_grid_check(grid, 10000000) == STATUS_MEMORY && process_grid_check(NULL, 10000000) == STATUS_MEMORY);
    /* One rank's share just within 2^31 elements, and beyond. */
    REQUIRE(process_grid_check(grid, (long)(45000 * sqrt(ranks))) == STATUS_OK);
    REQUIRE(process_grid_check(grid, (long)(48000 * sqrt(ranks))) == STATUS_MEMORY);
    REQUIRE(strstr(status_message(), "ranks or more") != NULL);
}

/* ---- products ---- */

enum { WIDEST = 300 };

/* `expected` are the columns that one rank finds. */
static void check_product(const struct matrix *matrix, bool transposed, const struct block *x,
                          const struct block *expected, long first, long width)
{
    const struct block part = block_view(x, first, width);
    struct block y;
    REQUIRE(block_create(x->rows, width, &y) == STATUS_OK);
    memset(y.values, 0x7f, (size_t)(y.stride * width) * sizeof *y.values);
    REQUIRE((transposed ? matrix_apply_transposed : matrix_apply)(matrix, &part, &y) == STATUS_OK);
    /* The whole stride: the padding must be zero as well. */
    REQUIRE(memcmp(y.values, block_column(expected, first), (size_t)(y.stride * width) * sizeof *y.values) == 0);
    block_destroy(&y);
}

static void products_have_the_bits_of_one_rank(const struct process_grid *grid)
{
    const long widths[] = { 1, 3, 8, 17, 128, 129, WIDEST };
    for (size_t n = 0; n < COUNT_OF(dimensions); n++) {
        const long d = dimensions[n], widest = d > 500 ? 130 : WIDEST;
        double *values = new_numbers(d * d, "weights");
        struct block x = new_columns(d, widest, "columns"), expected;
        struct matrix *local, *matrix = new_matrix_on(grid, d, values);
        REQUIRE(matrix_create(d, values, true, &local) == STATUS_OK);
        REQUIRE(block_create(d, widest, &expected) == STATUS_OK);
        for (int transposed = 0; transposed < 2; transposed++) {
            REQUIRE((transposed ? matrix_apply_transposed : matrix_apply)(local, &x, &expected) == STATUS_OK);
            for (size_t w = 0; w < COUNT_OF(widths) && widths[w] <= widest; w++)
                check_product(matrix, transposed, &x, &expected, widths[w] % 2, widths[w] - widths[w] % 2);
        }
        matrix_destroy(matrix);
        matrix_destroy(local);
        block_destroy(&x);
        block_destroy(&expected);
        memory_free(values);
    }
}

static void squares_and_scaled_ones_have_the_bits_of_one_rank(const struct process_grid *grid)
{
    for (size_t n = 0; n < COUNT_OF(dimensions) && dimensions[n] < 500; n++) {
        const long d = dimensions[n];
        double *values = new_numbers(d * d, "weights");
        struct block x = new_columns(d, 9, "columns"), expected;
        struct matrix *matrix, *local, *made[2], *made_alone[2];
        int64_t exponent, exponent_alone;
        for (long i = 0; i < d * d; i++)
            values[i] *= n % 2 ? 1.0 : 0x1p-150;
        matrix = new_matrix_on(grid, d, values);
        REQUIRE(matrix_create(d, values, true, &local) == STATUS_OK);
        REQUIRE(block_create(d, x.columns, &expected) == STATUS_OK);
        REQUIRE(matrix_create_square(matrix, &exponent, &made[0]) == STATUS_OK);
        REQUIRE(matrix_create_square(local, &exponent_alone, &made_alone[0]) == STATUS_OK);
        REQUIRE(exponent == exponent_alone);
        REQUIRE(matrix_create_scaled(matrix, values, &made[1]) == STATUS_OK);
        REQUIRE(matrix_create_scaled(local, values, &made_alone[1]) == STATUS_OK);
        for (int which = 0; which < 2; which++) {
            for (int transposed = 0; transposed < 2; transposed++) {
                REQUIRE((transposed ? matrix_apply_transposed : matrix_apply)(made_alone[which], &x, &expected) ==
                        STATUS_OK);
                check_product(made[which], transposed, &x, &expected, 0, x.columns);
            }
            matrix_destroy(made[which]);
            matrix_destroy(made_alone[which]);
        }
        matrix_destroy(matrix);
        matrix_destroy(local);
        block_destroy(&x);
        block_destroy(&expected);
        memory_free(values);
    }
}

static void threads_change_no_bit(const struct process_grid *grid)
{
    struct process_grid threaded = *grid;
    threaded.threads = 3;
    products_have_the_bits_of_one_rank(&threaded);
}

/* 0 * NaN and 0 * inf are NaN in every row; the columns beside and the padding stay clean. */
static void what_is_not_finite_stays_in_its_column(const struct process_grid *grid)
{
    const long d = 131;
    double *zeros = NULL;
    REQUIRE(memory_allocate(&zeros, d * d, "zeros") == STATUS_OK);
    struct matrix *matrix = new_matrix_on(grid, d, zeros);
    struct block x, y;
    REQUIRE(block_create(d, 11, &x) == STATUS_OK && block_create(d, 11, &y) == STATUS_OK);
    block_column(&x, 3)[1] = NAN;
    block_column(&x, 9)[d - 1] = INFINITY;
    for (int transposed = 0; transposed < 2; transposed++) {
        REQUIRE((transposed ? matrix_apply_transposed : matrix_apply)(matrix, &x, &y) == STATUS_OK);
        for (long j = 0; j < 11; j++)
            for (long i = 0; i < y.stride; i++)
                REQUIRE(i < d && (j == 3 || j == 9) ? isnan(block_column(&y, j)[i]) : block_column(&y, j)[i] == 0);
    }
    matrix_destroy(matrix);
    block_destroy(&x);
    block_destroy(&y);
    memory_free(zeros);
}

static void a_failed_fill_is_agreed_on(const struct process_grid *grid)
{
    const long d = 24 * grid->team->size; /* so that each rank has rows */
    double *values = new_numbers(d * d, "weights");
    for (int failing = 0; failing < grid->team->size; failing++) {
        struct known_matrix known = { d, values, grid->team->rank == failing };
        struct matrix *matrix = (struct matrix *)values;
        REQUIRE(matrix_create_on_grid(grid, d, fill_from_known, &known, true, &matrix) == STATUS_IO && matrix == NULL);
        REQUIRE(strstr(status_message(), "the disk is gone") != NULL);
    }
    memory_free(values);
}

/* ---- the spectrum ---- */

static double *rows_of(const struct process_grid *grid, long d, const double *values)
{
    long first, count;
    double *rows = NULL;
    process_grid_row_range(grid, d, grid->team->rank, &first, &count);
    REQUIRE(memory_allocate(&rows, count * d, "rows") == STATUS_OK);
    for (long j = 0; j < d; j++)
        memcpy(rows + j * count, values + first + j * d, (size_t)count * sizeof *rows);
    return rows;
}

static enum status radius_on(const struct process_grid *grid, long d, const double *values, bool (*stop)(void),
                             double *radius)
{
    double *rows = rows_of(grid, d, values);
    enum status status = spectrum_radius_by_squaring_on_grid(grid, d, rows, stop, radius);
    memory_free(rows);
    return status;
}

static void radius_and_norm_have_the_bits_of_one_rank(const struct process_grid *grid)
{
    for (size_t n = 0; n < COUNT_OF(dimensions) && dimensions[n] < 500; n++) {
        const long d = dimensions[n];
        double *values = new_numbers(d * d, "weights"), alone = NAN, together = NAN;
        REQUIRE(spectrum_radius_by_squaring(d, values, NULL, &alone) == STATUS_OK);
        REQUIRE(radius_on(grid, d, values, NULL, &together) == STATUS_OK);
        REQUIRE(memcmp(&alone, &together, sizeof alone) == 0);

        struct matrix *local, *matrix = new_matrix_on(grid, d, values);
        REQUIRE(matrix_create(d, values, true, &local) == STATUS_OK);
        REQUIRE(spectrum_norm_by_products(local, 7, NULL, &alone) == STATUS_OK);
        REQUIRE(spectrum_norm_by_products(matrix, 7, NULL, &together) == STATUS_OK);
        REQUIRE(memcmp(&alone, &together, sizeof alone) == 0);
        matrix_destroy(local);
        matrix_destroy(matrix);
        memory_free(values);
    }
}

static void what_has_no_radius_is_refused_by_all(const struct process_grid *grid)
{
    const long d = 65;
    double *values = NULL, radius = 7;
    REQUIRE(memory_allocate(&values, d * d, "weights") == STATUS_OK);
    REQUIRE(radius_on(grid, d, values, NULL, &radius) == STATUS_OK && radius == 0);
    for (long i = 0; i + 1 < d; i++)
        values[i + (i + 1) * d] = 3;
    REQUIRE(radius_on(grid, d, values, NULL, &radius) == STATUS_NUMERICAL);
    REQUIRE(strstr(status_message(), "nilpotent") != NULL);
    values[64 + 2 * d] = NAN; /* in the rows of one rank */
    REQUIRE(radius_on(grid, d, values, NULL, &radius) == STATUS_NUMERICAL);
    REQUIRE(strstr(status_message(), "[64, 2]") != NULL);
    struct matrix *matrix = new_matrix_on(grid, d, values);
    REQUIRE(spectrum_norm_by_products(matrix, 7, NULL, &radius) == STATUS_NUMERICAL);
    matrix_destroy(matrix);
    memory_free(values);
}

static int polls_left;

static bool stop_later(void)
{
    return --polls_left < 0;
}

static void a_stop_is_obeyed_between_blocks(const struct process_grid *grid)
{
    const long d = 257;
    double *values = new_numbers(d * d, "weights"), result = NAN;
    struct matrix *matrix = new_matrix_on(grid, d, values);
    polls_left = 20; /* of 3 a squaring: within the seventh */
    REQUIRE(radius_on(grid, d, values, stop_later, &result) == STATUS_STOPPED && polls_left == -1);
    polls_left = 5;
    REQUIRE(spectrum_norm_by_products(matrix, 7, stop_later, &result) == STATUS_STOPPED && polls_left == -1);
    matrix_destroy(matrix);
    memory_free(values);
}

/* ---- communicators ---- */

/* Counts those that live, by MPI's profiling interface; visible, so that BLACS calls these too. */
static int communicators;

static int count_made(int code, const MPI_Comm *made)
{
    communicators += *made != MPI_COMM_NULL;
    return code;
}

#define VISIBLE __attribute__((visibility("default")))

VISIBLE int MPI_Comm_create(MPI_Comm parent, MPI_Group group, MPI_Comm *made)
{
    return count_made(PMPI_Comm_create(parent, group, made), made);
}

VISIBLE int MPI_Comm_split(MPI_Comm parent, int color, int key, MPI_Comm *made)
{
    return count_made(PMPI_Comm_split(parent, color, key, made), made);
}

VISIBLE int MPI_Comm_dup(MPI_Comm parent, MPI_Comm *made)
{
    return count_made(PMPI_Comm_dup(parent, made), made);
}

VISIBLE int MPI_Comm_free(MPI_Comm *communicator)
{
    communicators--;
    return PMPI_Comm_free(communicator);
}

/* Each BLACS grid holds four communicators, and MPI has only so many. The first ones: BLACS keeps one of its own. */
static void grids_release_their_communicators(const struct team *team)
{
    int before = 0;
    for (int i = 0; i < 5; i++) {
        struct process_grid grid;
        REQUIRE(process_grid_create(team, &grid) == STATUS_OK);
        REQUIRE(communicators >= before + 3 * 4);
        process_grid_destroy(&grid);
        REQUIRE(i == 0 || communicators == before);
        before = communicators;
    }
}

/* ---- ScaLAPACK's block size ---- */

/* What ScaLAPACK itself finds is this program's, not the library's own, which answers 32. */
static void pblas_asks_us(void)
{
    int (*found)(const int *, const char *, size_t) = NULL;
    Dl_info where, here;
    *(void **)&found = dlsym(RTLD_DEFAULT, "pilaenv_");
    REQUIRE(found != NULL && found(NULL, "D", 1) == 256);
    REQUIRE(dladdr(*(void **)&found, &where) != 0 && dladdr((void *)&polls_left, &here) != 0);
    REQUIRE(where.dli_fbase == here.dli_fbase);
}

static void run_all(const struct team *team)
{
    struct process_grid grid;

    pblas_asks_us();
    grids_release_their_communicators(team);
    for (long block_size = 1; block_size <= 100; block_size += 33)
        on_all_shapes(team, block_size, elements_are_dealt_once);
    on_all_shapes(team, 64, what_cannot_be_counted_is_refused);
    REQUIRE(process_grid_create(team, &grid) == STATUS_OK);
    REQUIRE(grid.rows <= grid.columns && grid.rows * grid.columns == team->size && grid.threads >= 1);
    rows_are_dealt_once(&grid);
    products_have_the_bits_of_one_rank(&grid);
    squares_and_scaled_ones_have_the_bits_of_one_rank(&grid);
    threads_change_no_bit(&grid);
    what_is_not_finite_stays_in_its_column(&grid);
    a_failed_fill_is_agreed_on(&grid);
    radius_and_norm_have_the_bits_of_one_rank(&grid);
    what_has_no_radius_is_refused_by_all(&grid);
    a_stop_is_obeyed_between_blocks(&grid);
    process_grid_destroy(&grid);
}

int main(int argc, char **argv)
{
    return with_one_team(argc, argv, run_all);
}
