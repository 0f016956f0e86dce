/* Ensembles made with a Haar distributed orthogonal matrix: orthogonal, and nonnormal. */
#include "model/ensemble_draw.h"

#include "linalg/matrix.h"
#include "linalg/spectrum.h"

#include <math.h>

/* values := Haar distributed, of the stream `role`. */
static enum status draw_haar(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                             const char *role, double *values)
{
    struct random_stream stream = ensemble_stream(ensemble, seed, hidden_size, replica, role);
    const struct matrix_part whole = ensemble_whole(hidden_size);
    ensemble_fill_normal(&stream, 0, hidden_size, 1, &whole, values);
    return spectrum_orthogonalise(hidden_size, values);
}

enum status ensemble_draw_orthogonal(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                     double *values, double *radius)
{
    (void)radius;
    return draw_haar(ensemble, seed, hidden_size, replica, "weights", values);
}

/* Puts the eigenvalues on the diagonal of schur[d * stride]: pairs r exp(+-i angle), uniform on the unit disc, as
 * blocks
 * [[a, b], [-b, a]], and for odd d a last one uniform on [-1, 1]. Returns the largest modulus. */
static double place_eigenvalues(const struct random_stream *stream, long hidden_size, struct block *schur)
{
    double radius = 0;
    for (long k = 0; k + 1 < hidden_size; k += 2) {
        double uniform[2];
        random_uniform(stream, 0, (uint64_t)k, 2, uniform);
        double modulus = sqrt(uniform[0]), angle = M_PI * uniform[1];
        double *left = block_column(schur, k), *right = block_column(schur, k + 1);
        left[k] = right[k + 1] = modulus * cos(angle);
        right[k] = modulus * sin(angle);
        left[k + 1] = -right[k];
        radius = fmax(radius, modulus);
    }
    if (hidden_size % 2 == 1) {
        long last = hidden_size - 1;
        double uniform;
        random_uniform(stream, 0, (uint64_t)last, 1, &uniform);
        double *column = block_column(schur, last);
        column[last] = 2 * uniform - 1;
        radius = fmax(radius, fabs(column[last]));
    }
    return radius;
}

/* Fills schur with the quasi-triangular factor: normals above the diagonal blocks, the eigenvalues on them. */
static double fill_schur(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                         const double *normals, struct block *schur)
{
    double scale = ensemble->parameters[0] / sqrt((double)hidden_size);
    for (long j = 0; j < hidden_size; j++) {
        long first_of_block = j % 2 == 0 ? j : j - 1; /* the pairs stand at (0,1), (2,3), ... */
        for (long i = 0; i < first_of_block; i++)
            block_column(schur, j)[i] = scale * normals[j * hidden_size + i];
    }
    struct random_stream eigenvalues = ensemble_stream(ensemble, seed, hidden_size, replica, "weights/eigenvalues");
    return place_eigenvalues(&eigenvalues, hidden_size, schur);
}

static void transpose_block(const struct block *from, struct block *to)
{
    for (long j = 0; j < from->columns; j++)
        for (long i = 0; i < from->rows; i++)
            block_column(to, i)[j] = block_column(from, j)[i];
}

/* W = Q (S Q^T): with the kernel's left products alone, Y = Q S, then W^T = Q Y^T. */
enum status ensemble_draw_nonnormal(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica,
                                    double *values, double *radius)
{
    enum status status = STATUS_OK;
    struct block schur = { 0 }, product = { 0 };
    struct matrix *basis = NULL;
    TRY_OR(clean_up, block_create(hidden_size, hidden_size, &schur));
    TRY_OR(clean_up, block_create(hidden_size, hidden_size, &product));

    struct random_stream upper = ensemble_stream(ensemble, seed, hidden_size, replica, "weights/departure");
    const struct matrix_part whole = ensemble_whole(hidden_size);
    ensemble_fill_normal(&upper, 0, hidden_size, 1, &whole, values);
    *radius = fill_schur(ensemble, seed, hidden_size, replica, values, &schur);

    TRY_OR(clean_up, draw_haar(ensemble, seed, hidden_size, replica, "weights/basis", values));
    TRY_OR(clean_up, matrix_create(hidden_size, values, false, &basis));
    TRY_OR(clean_up, matrix_apply(basis, &schur, &product));
    transpose_block(&product, &schur);
    TRY_OR(clean_up, matrix_apply(basis, &schur, &product));
    for (long j = 0; j < hidden_size; j++)
        for (long i = 0; i < hidden_size; i++)
            values[j * hidden_size + i] = block_column(&product, i)[j];

clean_up:
    matrix_destroy(basis);
    block_destroy(&product);
    block_destroy(&schur);
    return status;
}
