/* Prints a checksum of the bits that one rank computes: products by the kernel at many shapes, what is done to blocks,
 * all activations. Needs neither MPI nor HDF5, so that it can be compiled for another processor: there it must print
 * the same (tests/campaign/arm64.sh). Each instruction set that the processor has must print it too, or this fails. */
#include "base/memory.h"
#include "linalg/basis.h"
#include "linalg/instruction_set.h"
#include "linalg/panels.h"
#include "model/activation.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define REQUIRE_OK(call)                               \
    do {                                               \
        if ((call) != STATUS_OK) {                     \
            fprintf(stderr, "%s\n", status_message()); \
            return 1;                                  \
        }                                              \
    } while (0)

/* FNV-1a over the bytes of doubles; all NaN count as one, for processors make different ones. */
static void mix(uint64_t *sum, const double *values, long count)
{
    for (long i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        if (values[i] != values[i])
            bits = 0x7ff8000000000000;
        for (int byte = 0; byte < 8; byte++)
            *sum = (*sum ^ (bits >> 8 * byte & 0xff)) * 0x100000001b3;
    }
}

static uint64_t random_state = 2013;

/* In -1 .. 1. */
static double draw(void)
{
    random_state = random_state * 6364136223846793005 + 1442695040888963407;
    return (double)(int64_t)(random_state >> 11) * 0x1p-52 - 1;
}

static int mix_products(long rows, long depth, long columns, uint64_t *sum)
{
    SCOPED(panels) panels = { 0 };
    SCOPED(block) x = { 0 };
    SCOPED(block) y = { 0 };
    SCOPED_MEMORY double *values = NULL;
    SCOPED_MEMORY double *scratch = NULL;
    REQUIRE_OK(panels_create(rows, depth, 1, &panels));
    REQUIRE_OK(block_create(depth, columns, &x));
    REQUIRE_OK(block_create(rows, columns, &y));
    REQUIRE_OK(memory_allocate(&values, (size_t)(rows * depth), "a matrix"));
    REQUIRE_OK(memory_allocate(&scratch, (size_t)panels_scratch_size(depth) + 1, "scratch"));
    for (long i = 0; i < rows * depth; i++)
        values[i] = draw();
    for (long j = 0; j < columns; j++)
        for (long i = 0; i < depth; i++)
            block_column(&x, j)[i] = draw();
    panels_set(&panels, 0, rows, 0, depth, values, 1, rows);
    panels_multiply(&panels, &x, scratch, y.values, y.stride);
    mix(sum, y.values, y.stride * columns);

    double dots[64], norms[64];
    int64_t exponents[64] = { 0 };
    block_column_norms(&y, norms);
    block_column_dots(&y, &y, dots);
    block_scale_columns(&y, norms);
    block_scale_by_power_of_two(&y, 300);
    block_balance_columns(&y, exponents);
    mix(sum, dots, columns);
    mix(sum, norms, columns);
    mix(sum, y.values, y.stride * columns);
    for (long j = 0; j < columns; j++)
        mix(sum, &(double){ (double)exponents[j] }, 1);
    basis_overlaps(y.values, y.stride, columns, block_column(&y, 0), dots);
    basis_add(y.values, y.stride, columns, dots, block_column(&y, 0));
    mix(sum, dots, columns);
    mix(sum, y.values, y.stride);
    return 0;
}

static void mix_activations(uint64_t *sum)
{
    enum { COUNT = 4001 };
    static double x[COUNT], results[COUNT], derivatives[COUNT];
    const double scales[] = { 1e-300, 1e-8, 0.1, 1, 10, 100, 1e5, 1e300 };
    for (size_t n = 0; n < activation_count(); n++)
        for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
            for (long i = 0; i < COUNT; i++)
                x[i] = scales[s] * draw();
            x[0] = 0.0;
            x[1] = -0.0;
            activation_values(activation_at(n), COUNT, x, 0.7, results);
            mix(sum, results, COUNT);
            activation_derivatives(activation_at(n), COUNT, x, results);
            mix(sum, results, COUNT);
            activation_log_derivatives(activation_at(n), COUNT, x, results);
            mix(sum, results, COUNT);
            activation_values_and_derivatives(activation_at(n), COUNT, x, 0.7, results, derivatives);
            mix(sum, results, COUNT);
            mix(sum, derivatives, COUNT);
        }
}

int main(void)
{
    const long rows[] = { 1, 7, 8, 16, 23, 24, 40, 65, 100 }, columns[] = { 1, 2, 3, 4, 5, 7, 8, 9, 23 };
    enum { COUNT = 9 };
    uint64_t first[2] = { 0, 0 };
    for (int set = INSTRUCTIONS_AVX512; set <= INSTRUCTIONS_PLAIN; set++) {
        if (!instruction_set_select((enum instruction_set)set))
            continue;
        uint64_t sums[2] = { 0xcbf29ce484222325, 0xcbf29ce484222325 };
        random_state = 2013;
        for (int i = 0; i < COUNT; i++)
            for (int j = 0; j < COUNT; j++)
                if (mix_products(rows[i], rows[(i + j) % COUNT] + j, columns[j], &sums[0]) != 0)
                    return 1;
        mix_activations(&sums[1]);
        fprintf(stderr, "%s: %016" PRIx64 " %016" PRIx64 "\n", instruction_set_name(), sums[0], sums[1]);
        if (first[0] == 0)
            memcpy(first, sums, sizeof first);
        if (memcmp(first, sums, sizeof first) != 0) {
            fprintf(stderr, "%s does not give the bits of the others\n", instruction_set_name());
            return 1;
        }
    }
    printf("products %016" PRIx64 " activations %016" PRIx64 "\n", first[0], first[1]);
    return 0;
}
