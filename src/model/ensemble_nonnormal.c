/* Non-normal matrices by their real Schur form, W = Q S Q^T: S has the eigenvalues on its diagonal blocks and normals
 * above them. By the kernel's left products alone: Y = Q S, then W^T = Q Y^T. */
#include "base/memory.h"
#include "linalg/matrix.h"
#include "model/ensemble_law.h"

#include <math.h>
#include <string.h>

/* Columns of S, and rows of Y, at a time; even, so that no pair of eigenvalues is cut. */
enum { COLUMNS_AT_ONCE = 128 };

struct schur {
    long hidden_size;
    double scale; /* of what stands above the diagonal blocks */
    struct random_stream basis, upper, eigenvalues;
};

static struct schur open_schur(const struct network_key *key)
{
    return (struct schur){ .hidden_size = key->hidden_size,
                           .scale = key->ensemble->parameters[0] / sqrt((double)key->hidden_size),
                           .basis = ensemble_stream(key, "weights/basis"),
                           .upper = ensemble_stream(key, "weights/departure"),
                           .eigenvalues = ensemble_stream(key, "weights/eigenvalues") };
}

/* Eigenvalues k and k + 1, k even: r exp(+-i angle), uniform on the unit disc, the block [[re, im], [-im, re]]; the
 * last one of an odd number is real, uniform on [-1, 1]. Returns their modulus. */
static double draw_eigenvalues(const struct schur *schur, long k, double *re, double *im)
{
    double uniform[2];
    random_uniform(&schur->eigenvalues, 0, (uint64_t)k, 2, uniform);
    if (k + 1 == schur->hidden_size) {
        *re = 2 * uniform[0] - 1;
        *im = 0;
        return fabs(*re);
    }
    const double modulus = sqrt(uniform[0]), angle = M_PI * uniform[1];
    *re = modulus * cos(angle);
    *im = modulus * sin(angle);
    return modulus;
}

static double spectral_radius(const struct schur *schur)
{
    double radius = 0, re, im;
    for (long k = 0; k < schur->hidden_size; k += 2)
        radius = fmax(radius, draw_eigenvalues(schur, k, &re, &im));
    return radius;
}

/* Columns first .. of S, first even, as many as the block has; scratch[d * columns]. */
static void fill_columns(const struct schur *schur, long first, double *scratch, struct block *columns)
{
    const long d = schur->hidden_size;
    const struct matrix_part above = { .rows = first + columns->columns < d ? first + columns->columns : d,
                                       .first_column = first,
                                       .columns = columns->columns };
    ensemble_fill_normal(&schur->upper, 0, d, schur->scale, &above, scratch);
    for (long j = 0; j < columns->columns; j += 2) {
        const long k = first + j, pair = columns->columns - j > 1 ? 2 : 1;
        double re, im, *left = block_column(columns, j);
        draw_eigenvalues(schur, k, &re, &im);
        memset(left, 0, (size_t)(pair * columns->stride) * sizeof *left);
        for (long i = 0; i < pair; i++)
            memcpy(left + i * columns->stride, scratch + (j + i) * above.rows, (size_t)k * sizeof *left);
        left[k] = re;
        if (pair == 2) {
            double *right = left + columns->stride;
            right[k + 1] = re;
            right[k] = im;
            left[k + 1] = -im;
        }
    }
}

/* ---- by a rank alone ---- */

static enum status fill_whole(const struct schur *schur, struct block *whole)
{
    SCOPED_MEMORY double *scratch = NULL;
    TRY(memory_allocate(&scratch, schur->hidden_size * COLUMNS_AT_ONCE, "columns of a Schur form"));
    for (long first = 0; first < schur->hidden_size; first += COLUMNS_AT_ONCE) {
        const long left = schur->hidden_size - first;
        struct block columns = block_view(whole, first, left < COLUMNS_AT_ONCE ? left : COLUMNS_AT_ONCE);
        fill_columns(schur, first, scratch, &columns);
    }
    return STATUS_OK;
}

static void transpose_block(const struct block *from, struct block *to)
{
    for (long j = 0; j < from->columns; j++)
        for (long i = 0; i < from->rows; i++)
            block_column(to, i)[j] = block_column(from, j)[i];
}

static enum status draw_nonnormal(const struct network_key *key, double *values, double *radius)
{
    const struct schur schur = open_schur(key);
    const long d = key->hidden_size;
    SCOPED(block) form = { 0 }, product = { 0 };
    SCOPED(matrix) *basis = NULL;
    TRY(block_create(d, d, &form));
    TRY(block_create(d, d, &product));
    TRY(fill_whole(&schur, &form));
    *radius = spectral_radius(&schur);

    TRY(ensemble_fill_haar(&schur.basis, d, values));
    TRY(matrix_create(d, values, false, &basis));
    TRY(matrix_apply(basis, &form, &product));
    transpose_block(&product, &form);
    TRY(matrix_apply(basis, &form, &product));
    for (long j = 0; j < d; j++)
        for (long i = 0; i < d; i++)
            values[j * d + i] = block_column(&product, i)[j];
    return STATUS_OK;
}

/* ---- by a team ---- */

/* A rank's rows of Q, then of Y, then of W, in one place; its columns of W; and what goes through the products. */
struct similarity {
    const struct process_grid *grid;
    long hidden_size;
    long first, count; /* this rank's rows and columns */
    double *rows;      /* [count, d] */
    double *columns;   /* [d, count] */
    struct matrix *basis;
    struct block factor, product; /* [d, COLUMNS_AT_ONCE], whole on every rank */
    double *scratch;
};

static void similarity_close(struct similarity *similarity)
{
    matrix_destroy(similarity->basis);
    block_destroy(&similarity->factor);
    block_destroy(&similarity->product);
    memory_free(similarity->scratch);
}
SCOPED_VALUE(similarity, similarity_close)

static enum status fill_own_rows(void *context, long first_row, long rows, long first_column, long columns,
                                 double *values)
{
    const struct similarity *similarity = context;
    for (long j = 0; j < columns; j++)
        memcpy(values + j * rows,
               similarity->rows + (first_column + j) * similarity->count + first_row - similarity->first,
               (size_t)rows * sizeof *values);
    return STATUS_OK;
}

static enum status allocate_blocks(struct similarity *similarity)
{
    TRY(block_create(similarity->hidden_size, COLUMNS_AT_ONCE, &similarity->factor));
    TRY(block_create(similarity->hidden_size, COLUMNS_AT_ONCE, &similarity->product));
    return memory_allocate(&similarity->scratch, similarity->hidden_size * COLUMNS_AT_ONCE, "columns of a Schur form");
}

/* rows := those of Y = Q S. */
static enum status multiply_by_schur(const struct schur *schur, struct similarity *similarity)
{
    const long d = similarity->hidden_size, count = similarity->count;
    for (long first = 0; first < d; first += COLUMNS_AT_ONCE) {
        const long columns = d - first < COLUMNS_AT_ONCE ? d - first : COLUMNS_AT_ONCE;
        struct block factor = block_view(&similarity->factor, 0, columns),
                     product = block_view(&similarity->product, 0, columns);
        fill_columns(schur, first, similarity->scratch, &factor);
        TRY(matrix_apply(similarity->basis, &factor, &product));
        for (long j = 0; j < columns && count > 0; j++)
            memcpy(similarity->rows + (first + j) * count, block_column(&product, j) + similarity->first,
                   (size_t)count * sizeof *similarity->rows);
    }
    return STATUS_OK;
}

/* Rows first .. of Y, which `owner` holds, become those of W: columns of Y^T and of W^T = Q Y^T. */
static enum status finish_rows(struct similarity *similarity, int owner, long first, long columns)
{
    const long d = similarity->hidden_size, count = similarity->count, place = first - similarity->first;
    const bool is_mine = similarity->grid->team->rank == owner;
    struct block factor = block_view(&similarity->factor, 0, columns),
                 product = block_view(&similarity->product, 0, columns);
    for (long k = 0; is_mine && k < columns; k++)
        for (long j = 0; j < d; j++)
            block_column(&factor, k)[j] = similarity->rows[j * count + place + k];
    TRY(team_broadcast_from(similarity->grid->team, owner, factor.values,
                            (size_t)(factor.stride * columns) * sizeof *factor.values));
    TRY(matrix_apply(similarity->basis, &factor, &product));
    for (long k = 0; k < columns; k++) {
        const double *row = block_column(&product, k);
        for (long j = 0; is_mine && j < d; j++)
            similarity->rows[j * count + place + k] = row[j];
        for (long j = 0; j < count; j++)
            similarity->columns[j * d + first + k] = row[similarity->first + j];
    }
    return STATUS_OK;
}

static enum status multiply_by_basis(struct similarity *similarity)
{
    const struct process_grid *grid = similarity->grid;
    for (int owner = 0; owner < grid->team->size; owner++) {
        long first, count;
        process_grid_row_range(grid, similarity->hidden_size, owner, &first, &count);
        for (long done = 0; done < count; done += COLUMNS_AT_ONCE)
            TRY(finish_rows(similarity, owner, first + done,
                            count - done < COLUMNS_AT_ONCE ? count - done : COLUMNS_AT_ONCE));
    }
    return STATUS_OK;
}

static enum status draw_nonnormal_on_grid(const struct process_grid *grid, const struct network_key *key, double *rows,
                                          double *columns, double *radius)
{
    const struct schur schur = open_schur(key);
    const long d = key->hidden_size;
    SCOPED(similarity) similarity = { .grid = grid, .hidden_size = d, .rows = rows, .columns = columns };
    process_grid_row_range(grid, d, grid->team->rank, &similarity.first, &similarity.count);
    TRY(ensemble_fill_haar_on_grid(grid, &schur.basis, d, rows, NULL));
    TRY(matrix_create_on_grid(grid, d, fill_own_rows, &similarity, false, &similarity.basis));
    TRY(team_agree(grid->team, allocate_blocks(&similarity)));
    TRY(multiply_by_schur(&schur, &similarity));
    TRY(multiply_by_basis(&similarity));
    *radius = spectral_radius(&schur);
    return STATUS_OK;
}

const struct ensemble_kind ensemble_kind_nonnormal = {
    .name = "nonnormal",
    .help = "real Schur form Q (L + N) Q^T: eigenvalues uniform on the unit disc, N strictly upper N(0, departure^2/d)",
    .parameter_count = 1,
    .parameters = { { .name = "departure",
                      .help = "size of the part that is not normal; 0: a normal matrix",
                      .default_value = 1,
                      .lowest = 0,
                      .highest = 1e100 } },
    .spectrum = SPECTRUM_RADIUS_DRAWN,
    .is_far_from_normal = true,
    .is_from_qr = true,
    .draw = draw_nonnormal,
    .draw_on_grid = draw_nonnormal_on_grid,
};
