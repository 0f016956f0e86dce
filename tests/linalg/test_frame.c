/* Frames that take several factors into one decomposition, beside those that are decomposed after each; how they are
 * undone; what says that too much was lost. */
#include "linalg/frame.h"
#include "linalg/matrices.h"

#include <float.h>

enum { SHAPES = 3, FACTORS = 4, MOST = 128 };

/* By rows, side by side with others or not, and in blocks. */
static const struct shape {
    long dimension, columns;
} shapes[SHAPES] = { { 24, 5 }, { 48, 7 }, { MOST, 40 } };

/* A factor diag(scale) W, with what it points to. */
struct product {
    struct matrix *matrix;
    double scales[FACTORS][MOST];
};

static void product_make(long d, double least, struct product *product)
{
    double *values = new_ginibre(d, 3);
    const struct random_stream stream = random_stream_open(4, "test frames");
    assert_int_equal(matrix_create(d, values, false, &product->matrix), STATUS_OK);
    memory_free(values);
    for (int f = 0; f < FACTORS; f++) {
        random_normal(&stream, (uint64_t)f, 0, (uint64_t)d, product->scales[f]);
        for (long i = 0; i < d; i++)
            product->scales[f][i] = fmax(exp(-fabs(product->scales[f][i])), least);
    }
}

static struct frame_factor factor_of(const struct product *product, int number)
{
    return (struct frame_factor){ .matrix = product->matrix,
                                  .row_scale = product->scales[number],
                                  .row_size = product->scales[number] };
}

static struct frame *new_frame(const struct shape *shape)
{
    struct frame *frame;
    SCOPED(block) vectors = { 0 };
    const struct random_stream stream = random_stream_open(5, "test frames");
    assert_int_equal(block_create(shape->dimension, shape->columns, &vectors), STATUS_OK);
    assert_int_equal(frame_create(shape->dimension, shape->columns, false, &frame), STATUS_OK);
    for (long j = 0; j < shape->columns; j++)
        random_normal(&stream, (uint64_t)j, 0, (uint64_t)shape->dimension, block_column(&vectors, j));
    frame_start(frame, &vectors);
    return frame;
}

/* sums[columns] += ln |R_ii| of all factors, decomposed after each. */
static void take_each(struct frame *frame, const struct product *product, long columns, double *sums)
{
    double logs[MOST];
    for (int f = 0; f < FACTORS; f++) {
        const struct frame_factor factor = factor_of(product, f);
        assert_int_equal(frame_advance(frame, &factor, logs), STATUS_OK);
        assert_int_equal(frame_factors(frame), 1);
        for (long i = 0; i < columns; i++)
            sums[i] += logs[i];
    }
}

/* logs[columns] := those of the product of all factors. */
static void take_together(struct frame *frame, const struct product *product, double *logs)
{
    for (int f = 0; f < FACTORS; f++) {
        const struct frame_factor factor = factor_of(product, f);
        assert_int_equal(f + 1 < FACTORS ? frame_carry(frame, &factor) : frame_advance(frame, &factor, logs),
                         STATUS_OK);
    }
    assert_int_equal(frame_factors(frame), FACTORS);
}

static void assert_same_vectors(const struct frame *one, const struct frame *other, const struct shape *shape,
                                double bound)
{
    SCOPED(block) a = { 0 };
    SCOPED(block) b = { 0 };
    assert_int_equal(block_create(shape->dimension, shape->columns, &a), STATUS_OK);
    assert_int_equal(block_create(shape->dimension, shape->columns, &b), STATUS_OK);
    frame_vectors((struct frame *)one, &a);
    frame_vectors((struct frame *)other, &b);
    for (long j = 0; j < shape->columns; j++) {
        const double sign = copysign(1, block_column(&a, j)[0] * block_column(&b, j)[0]);
        for (long i = 0; i < shape->dimension; i++)
            assert_within(block_column(&a, j)[i], bound > 0 ? sign * block_column(&b, j)[i] : block_column(&b, j)[i],
                          bound);
    }
}

/* Either way errs by d u times its spread, the one factor by factor; the directions likewise. */
static void products_are_decomposed_as_their_factors(void **state)
{
    (void)state;
    for (int s = 0; s < SHAPES; s++) {
        const long d = shapes[s].dimension, k = shapes[s].columns;
        struct product product;
        double each[MOST] = { 0 }, together[MOST];
        SCOPED(frame) *one = new_frame(&shapes[s]);
        SCOPED(frame) *other = new_frame(&shapes[s]);
        product_make(d, 0, &product);
        take_each(one, &product, k, each);
        take_together(other, &product, together);
        const double spread = frame_spread(other), bound = 2 * (double)d * DBL_EPSILON / 2 * spread;
        assert_true(spread > FACTORS && spread < 1e6);
        for (long i = 0; i < k; i++)
            assert_within(together[i], each[i], bound);
        assert_same_vectors(one, other, &shapes[s], bound);
        matrix_destroy(product.matrix);
    }
}

static void what_is_taken_back_leaves_no_trace(void **state)
{
    (void)state;
    for (int s = 0; s < SHAPES; s++) {
        const long k = shapes[s].columns;
        struct product product;
        double each[MOST] = { 0 }, again[MOST] = { 0 }, together[MOST];
        SCOPED(frame) *one = new_frame(&shapes[s]);
        SCOPED(frame) *other = new_frame(&shapes[s]);
        product_make(shapes[s].dimension, 0, &product);
        take_each(one, &product, k, each);
        take_together(other, &product, together);
        frame_take_back(other);
        take_each(other, &product, k, again);
        assert_memory_equal(again, each, (size_t)k * sizeof *each);
        assert_same_vectors(one, other, &shapes[s], 0);
        matrix_destroy(product.matrix);
    }
}

/* Frames that carry have the bits of each alone also where they are decomposed side by side. */
static void neighbours_change_no_bit(void **state)
{
    (void)state;
    const struct shape *shape = &shapes[0];
    const long d = shape->dimension, k = shape->columns;
    struct product product;
    struct frame *frames[FRAME_MOST];
    struct frame_factor factors[FRAME_MOST];
    double alone[MOST], logs[FRAME_MOST][MOST], *places[FRAME_MOST], *room = NULL;
    SCOPED(frame) *one = new_frame(shape);
    product_make(d, 0, &product);
    take_together(one, &product, alone);
    assert_true(frame_room(d, k) > 0);
    assert_int_equal(memory_allocate(&room, frame_room(d, k), "room"), STATUS_OK);
    for (int i = 0; i < FRAME_MOST; i++) {
        frames[i] = new_frame(shape);
        places[i] = logs[i];
        for (int f = 0; f + 1 < FACTORS && i % 2 == 0; f++) {
            const struct frame_factor factor = factor_of(&product, f);
            assert_int_equal(frame_carry(frames[i], &factor), STATUS_OK);
        }
        factors[i] = factor_of(&product, FACTORS - 1);
    }
    assert_int_equal(frame_advance_together(FRAME_MOST, frames, factors, places, room), STATUS_OK);
    for (int i = 0; i < FRAME_MOST; i += 2) {
        assert_memory_equal(logs[i], alone, (size_t)k * sizeof *alone);
        assert_true(frame_spread(frames[i]) == frame_spread(one));
        assert_same_vectors(frames[i], one, shape, 0);
    }
    for (int i = 0; i < FRAME_MOST; i++)
        frame_destroy(frames[i]);
    memory_free(room);
    matrix_destroy(product.matrix);
}

/* Whole frames: some side by side, each beside one that is advanced by itself. */
static void compare_with_each_alone(long d, int count)
{
    const struct shape shape = { d, d };
    struct product products[FRAME_MOST];
    struct frame *together[FRAME_MOST], *alone[FRAME_MOST];
    struct frame_factor factors[FRAME_MOST];
    double logs[FRAME_MOST][MOST], expected[MOST], *places[FRAME_MOST], *rows[FRAME_MOST], *room = NULL;
    assert_int_equal(memory_allocate(&room, frame_room(d, d), "room"), STATUS_OK);
    for (int i = 0; i < count; i++) {
        product_make(d, 0, &products[i]);
        rows[i] = new_ginibre(d, (uint64_t)i);
        together[i] = new_frame(&shape);
        alone[i] = new_frame(&shape);
        places[i] = logs[i];
        assert_true(frame_needs_rows(alone[i]));
    }
    for (int f = 0; f < FACTORS; f++) {
        for (int i = 0; i < count; i++) {
            factors[i] = factor_of(&products[i], f);
            factors[i].rows = f == 2 && i == 1 ? NULL : rows[i];
            factors[i].matrix = NULL;
            factors[i].column_scale = f == 1 ? products[i].scales[3] : NULL;
        }
        assert_int_equal(frame_advance_together(count, together, factors, places, room), STATUS_OK);
        for (int i = 0; i < count; i++) {
            assert_int_equal(frame_advance(alone[i], &factors[i], expected), STATUS_OK);
            assert_memory_equal(logs[i], expected, (size_t)d * sizeof *expected);
            assert_same_vectors(together[i], alone[i], &shape, 0);
        }
    }
    for (int i = 0; i < count; i++) {
        matrix_destroy(products[i].matrix);
        memory_free(rows[i]);
        frame_destroy(together[i]);
        frame_destroy(alone[i]);
    }
    memory_free(room);
}

/* As many whole frames of a size as there are places, each with its own directions and factors, have the bits of each
 * alone, with every instruction set; three of them as well. */
static void whole_frames_have_no_neighbours(void **state)
{
    (void)state;
    const long sizes[] = { 1, 3, 8, 13, 16, 30, 32, 40 };
    const int counts[] = { FRAME_MOST, 3 };
    for (int s = 0; s < 8; s++)
        for (int c = 0; c < 2; c++)
            compare_with_each_alone(sizes[s], counts[c]);
}

/* A factor of few directions makes a column zero: exactly where it is decomposed by itself, and but for rounding where
 * others were carried, which the spread tells. */
static void lost_directions_are_seen(void **state)
{
    (void)state;
    for (int s = 0; s < SHAPES; s++) {
        const long d = shapes[s].dimension, k = shapes[s].columns;
        struct product product;
        double logs[MOST];
        SCOPED(frame) *frame = new_frame(&shapes[s]);
        product_make(d, 0, &product);
        for (long i = k - 1; i < d; i++)
            product.scales[0][i] = 0;
        const struct frame_factor first = factor_of(&product, 0);
        take_together(frame, &product, logs);
        assert_true(frame_spread(frame) > 1e10);
        frame_take_back(frame);
        assert_int_equal(frame_advance(frame, &first, logs), STATUS_OK);
        assert_true(logs[k - 1] == -INFINITY && isinf(frame_spread(frame)));
        matrix_destroy(product.matrix);
    }
}

/* Diagonal factors: the spread is known by hand. Sizes are named by the power of two above them. */
static void spread_of_diagonals(void **state)
{
    (void)state;
    enum { D = 4 };
    const double scales[D] = { 1, 0.0009765625, 0.0009765625, 0.0009765625 };
    const struct frame_factor factor = { .row_scale = scales, .row_size = scales };
    struct frame *frame;
    SCOPED(block) vectors = { 0 };
    double logs[2];
    assert_int_equal(block_create(D, 2, &vectors), STATUS_OK);
    assert_int_equal(frame_create(D, 2, false, &frame), STATUS_OK);
    block_column(&vectors, 0)[0] = block_column(&vectors, 1)[1] = 1;
    frame_start(frame, &vectors);
    assert_true(frame_can_carry(frame));
    assert_int_equal(frame_advance(frame, &factor, logs), STATUS_OK);
    assert_within(frame_spread(frame), 2, 1e-14); /* each row by itself: |R_22| = 2^-10, its size below 2^-9 */
    assert_int_equal(frame_carry(frame, &factor), STATUS_OK);
    assert_int_equal(frame_advance(frame, &factor, logs), STATUS_OK);
    /* Two factors; the first has columns of length up to 1, below 2; |R_22| = 2^-20. */
    assert_within(frame_spread(frame), 2 * 2 * 2 * 1024, 1e-9);
    assert_within(logs[1], -20 * log(2), 1e-13);
    frame_destroy(frame);
    assert_int_equal(frame_create(D, 3, false, &frame), STATUS_OK);
    assert_false(frame_can_carry(frame));
    frame_destroy(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_decomposed_as_their_factors),
        cmocka_unit_test(what_is_taken_back_leaves_no_trace),
        cmocka_unit_test(neighbours_change_no_bit),
        cmocka_unit_test(whole_frames_have_no_neighbours),
        cmocka_unit_test(lost_directions_are_seen),
        cmocka_unit_test(spread_of_diagonals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
