#include "linalg/panels.h"

#include "base/memory.h"
#include "linalg/instruction_set.h"
#include "linalg/kernel.h"
#include "linalg/transpose.h"
#include "linalg/vectorised.h"

#include <assert.h>
#include <string.h>

enum {
    PACKING_DIMENSION =
        128,              /* from here on columns are packed: eight of them, a power of two apart, evict each other */
    UNPACKED_COLUMNS = 4, /* so many never do */
    PACKED_GROUPS = 16,   /* groups packed at a time: the panel in the second-level cache is used for all of them */
    CACHED_ELEMENTS = 1 << 17 /* that stay in it from one product to the next */
};

/* Where OpenMP is not to be had, one thread does it all. */
#ifdef _OPENMP
#define WITH_THREADS _Pragma("omp parallel for num_threads(threads) schedule(static)")
#else
#define WITH_THREADS
#endif

/* ---- the choice of a kernel ---- */

struct kernels {
    kernel_panel *panel;
    kernel_column *column;
    kernel_affine *affine;
};

static struct kernels current_kernels(void)
{
    switch (instruction_set()) {
    case INSTRUCTIONS_AVX512:
        return (struct kernels){ kernel_avx512, kernel_column_avx512, kernel_affine_avx512 };
    case INSTRUCTIONS_AVX2:
        return (struct kernels){ kernel_avx2, kernel_column_avx2, kernel_affine_avx2 };
    case INSTRUCTIONS_NEON:
        return (struct kernels){ kernel_neon, kernel_column_neon, kernel_affine_neon };
    case INSTRUCTIONS_PLAIN:
        break;
    }
    return (struct kernels){ kernel_plain, kernel_column_plain, kernel_affine_plain };
}

/* ---- packing ---- */

static long panel_count(long rows)
{
    return (block_stride(rows) + KERNEL_PANEL_ROWS - 1) / KERNEL_PANEL_ROWS;
}

/* The first row of a panel; of the one after the last: the end of the padding. 24 + 8 rows at the end are 16 + 16: a
 * panel of 8 is slow. */
static long panel_first(long rows, long panel)
{
    const long stride = block_stride(rows), last = panel_count(rows) - 1;
    if (panel > last)
        return stride;
    const bool shortened = panel == last && panel > 0 && stride % KERNEL_PANEL_ROWS == KERNEL_ROW_UNIT;
    return panel * KERNEL_PANEL_ROWS - (shortened ? KERNEL_ROW_UNIT : 0);
}

static int panel_height(long rows, long panel)
{
    return (int)(panel_first(rows, panel + 1) - panel_first(rows, panel));
}

enum status panels_create(long rows, long depth, int threads, struct panels *panels)
{
    *panels = (struct panels){ .rows = rows, .depth = depth, .threads = threads };
    if (threads <= 1 && block_stride(rows) * depth > CACHED_ELEMENTS)
        TRY(memory_allocate(&panels->from_end, 1, "packed rows of a weight matrix"));
    return memory_allocate(&panels->values, block_stride(rows) * depth, "packed rows of a weight matrix");
}

void panels_destroy(struct panels *panels)
{
    memory_free(panels->values);
    memory_free(panels->from_end);
    *panels = (struct panels){ 0 };
}

/* The rows of a panel among first .. end-1, as numbers in the panel. */
static void rows_within(const struct panels *panels, long panel, long first, long end, long *from, long *to)
{
    const long begin = panel_first(panels->rows, panel), height = panel_height(panels->rows, panel);
    *from = first > begin ? first - begin : 0;
    *to = end - begin < height ? end - begin : height;
}

void panels_set(struct panels *panels, long first_row, long rows, long first_k, long depth, const double *values,
                long row_stride, long k_stride)
{
    assert(first_row + rows <= panels->rows && first_k + depth <= panels->depth);
    for (long panel = 0; panel < panel_count(panels->rows); panel++) {
        long from, to;
        rows_within(panels, panel, first_row, first_row + rows, &from, &to);
        const long begin = panel_first(panels->rows, panel), height = panel_height(panels->rows, panel);
        double *at = panels->values + begin * panels->depth + first_k * height;
        for (long k = 0; k < depth; k++)
            for (long i = from; i < to; i++)
                at[k * height + i] = values[(begin + i - first_row) * row_stride + k * k_stride];
    }
}

VECTORISED void panels_set_columns(struct panels *panels, const long *order, const double *factors,
                                   const double *values)
{
    const long depth = panels->depth, stride = block_stride(panels->rows);
    for (long panel = 0; panel < panel_count(panels->rows); panel++) {
        const long begin = panel_first(panels->rows, panel), height = panel_height(panels->rows, panel);
        for (long k = 0; k < depth; k++) {
            const double factor = factors ? factors[order[k]] : 1, *from = values + k * stride + begin;
            double *to = panels->values + begin * depth + order[k] * height;
            for (long i = 0; i < height; i += KERNEL_ROW_UNIT)
                for (long lane = 0; lane < KERNEL_ROW_UNIT; lane++)
                    to[i + lane] = factor * from[i + lane];
        }
    }
}

void panels_get(const struct panels *panels, long first_k, long depth, double *to, long to_stride)
{
    for (long panel = 0; panel < panel_count(panels->rows); panel++) {
        long from, end;
        rows_within(panels, panel, 0, panels->rows, &from, &end);
        const long begin = panel_first(panels->rows, panel), height = panel_height(panels->rows, panel);
        const double *at = panels->values + begin * panels->depth + first_k * height;
        for (long k = 0; k < depth; k++)
            for (long i = from; i < end; i++)
                to[begin + i + k * to_stride] = at[k * height + i];
    }
}

/* ---- multiplication ---- */

/* Whether a product takes its panels from the last one on: every second does, and finds in the cache what the one
 * before it has left there. No element depends on the order of panels. */
static bool take_turn(const struct panels *panels)
{
    return panels->from_end != NULL && (*panels->from_end = !*panels->from_end);
}

long panels_scratch_size(long depth)
{
    return depth < PACKING_DIMENSION ? 0 : PACKED_GROUPS * KERNEL_COLUMNS * block_stride(depth);
}

static int group_width(const struct block *x, long first)
{
    return x->columns - first < KERNEL_COLUMNS ? (int)(x->columns - first) : KERNEL_COLUMNS;
}

/* Columns first .. first+width-1 of x as [block_stride(rows)][KERNEL_COLUMNS]. */
VECTORISED static void pack_columns(const struct block *x, long first, int width, double *packed)
{
    int j = 0;
    for (; j + 4 <= width; j += 4) {
        const double *const columns[] = { block_column(x, first + j), block_column(x, first + j + 1),
                                          block_column(x, first + j + 2), block_column(x, first + j + 3) };
        for (long k = 0; k < x->rows; k += 4)
            transpose_square(columns, k, packed + k * KERNEL_COLUMNS + j, KERNEL_COLUMNS);
    }
    for (; j < width; j++) {
        const double *column = block_column(x, first + j);
        for (long k = 0; k < x->rows; k++)
            packed[k * KERNEL_COLUMNS + j] = column[k];
    }
}

/* Some columns of a product: each panel stays in cache for all the groups. */
struct product {
    const struct panels *panels;
    kernel_panel *multiply;
    struct kernel_columns groups[PACKED_GROUPS];
    int count;
    double *y;
    long y_stride;
};

static struct kernel_columns group_of(const struct block *x, long first, double *packed)
{
    const int width = group_width(x, first);
    if (packed == NULL || width <= UNPACKED_COLUMNS)
        return (struct kernel_columns){ block_column(x, first), x->stride, width, false };
    pack_columns(x, first, width, packed);
    return (struct kernel_columns){ packed, x->stride, width, true };
}

static void multiply_panel(const struct product *product, long panel)
{
    const struct panels *panels = product->panels;
    const long row = panel_first(panels->rows, panel);
    for (int group = 0; group < product->count; group++)
        product->multiply(panels->depth, panel_height(panels->rows, panel), panels->values + row * panels->depth,
                          &product->groups[group], product->y + group * KERNEL_COLUMNS * product->y_stride + row,
                          product->y_stride);
}

/* Columns of x from `first` on, at most PACKED_GROUPS groups of them. */
static void multiply_groups(const struct panels *panels, const struct block *x, long first, double *scratch, double *y,
                            long y_stride)
{
    const long left = (x->columns - first + KERNEL_COLUMNS - 1) / KERNEL_COLUMNS, count = panel_count(panels->rows);
    const int threads = panels->threads;
    struct product product; /* of its groups only those that are set below are looked at */
    product.panels = panels;
    product.multiply = current_kernels().panel;
    product.count = left < PACKED_GROUPS ? (int)left : PACKED_GROUPS;
    product.y = y + first * y_stride;
    product.y_stride = y_stride;
    for (int group = 0; group < product.count; group++) {
        const long place = group * KERNEL_COLUMNS;
        double *packed = panels_scratch_size(x->rows) == 0 ? NULL : scratch + place * block_stride(x->rows);
        product.groups[group] = group_of(x, first + place, packed);
    }
    if (threads <= 1) {
        const bool from_end = take_turn(panels);
        for (long i = 0; i < count; i++)
            multiply_panel(&product, from_end ? count - 1 - i : i);
        return;
    }
    WITH_THREADS
    for (long panel = 0; panel < count; panel++)
        multiply_panel(&product, panel);
}

/* A column alone, by one thread: some panels at a time. */
static void multiply_column(const struct panels *panels, const double *x, double *y)
{
    enum { TOGETHER = 6 };
    kernel_column *const multiply = current_kernels().column;
    const long count = panel_count(panels->rows), groups = (count + TOGETHER - 1) / TOGETHER;
    const bool from_end = take_turn(panels);
    for (long i = 0; i < groups; i++) {
        const long panel = (from_end ? groups - 1 - i : i) * TOGETHER, row = panel_first(panels->rows, panel);
        const int taken = (int)(count - panel < TOGETHER ? count - panel : TOGETHER);
        int heights[TOGETHER];
        for (int j = 0; j < taken; j++)
            heights[j] = panel_height(panels->rows, panel + j);
        multiply(panels->depth, taken, heights, panels->values + row * panels->depth, x, y + row);
    }
}

void panels_multiply(const struct panels *panels, const struct block *x, double *scratch, double *y, long y_stride)
{
    assert(x->rows == panels->depth);
    if (x->columns == 1 && panels->threads <= 1) {
        multiply_column(panels, x->values, y);
        return;
    }
    for (long first = 0; first < x->columns; first += PACKED_GROUPS * KERNEL_COLUMNS)
        multiply_groups(panels, x, first, scratch, y, y_stride);
}

/* What is left to do after the product of a column alone; returns marks as a kernel does. */
VECTORISED static uint64_t finish_column(long rows, double factor, const double *added, double *y)
{
    uint64_t marks = 0;
    for (long i = 0; i < rows; i++) {
        uint64_t bits;
        y[i] = added ? y[i] * factor + added[i] : y[i] * factor;
        memcpy(&bits, &y[i], sizeof bits);
        marks |= KERNEL_MARK(bits);
    }
    return marks;
}

bool panels_multiply_affine(const struct panels *panels, const struct block *x, const double *factors,
                            const double *added, double *y)
{
    kernel_affine *const multiply = current_kernels().affine;
    const long depth = panels->depth;
    uint64_t marks = 0;
    assert(x->rows == depth && panels->rows == depth && panels_scratch_size(depth) == 0);
    if (x->columns == 1) {
        multiply_column(panels, x->values, y);
        return kernel_is_moderate(finish_column(depth, factors[0], added, y));
    }
    for (long panel = 0; panel < panel_count(depth); panel++) {
        const long row = panel_first(depth, panel);
        const int height = panel_height(depth, panel), rows = (int)(depth - row < height ? depth - row : height);
        marks |= multiply(depth, rows, height, panels->values + row * depth, x->columns, x->values, factors,
                          added ? added + row : NULL, y + row, x->stride);
    }
    return kernel_is_moderate(marks);
}
