/* Flat ranges come apart into boxes that cover them once, in order. */
#include "h5/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The number in C order of the element `offset` places into a box. */
static uint64_t element_of_box(const struct h5_shape *shape, const struct h5_box *box, uint64_t offset)
{
    uint64_t number = 0, weight = 1;
    for (int axis = shape->rank - 1; axis >= 0; axis--) {
        number += (box->start[axis] + offset % box->size[axis]) * weight;
        offset /= box->size[axis];
        weight *= shape->sizes[axis];
    }
    return number;
}

static int check_cover(const struct h5_shape *shape, uint64_t first, uint64_t end, uint64_t limit)
{
    int boxes = 0;
    for (uint64_t next = first; next < end; boxes++) {
        struct h5_box box = h5_range_next_box(shape, next, end, limit);
        uint64_t elements = 1;
        for (int axis = 0; axis < shape->rank; axis++) {
            assert_true(box.size[axis] > 0 && box.start[axis] + box.size[axis] <= shape->sizes[axis]);
            elements *= box.size[axis];
        }
        assert_int_equal(elements, box.elements);
        assert_true(elements <= limit && next + elements <= end);
        for (uint64_t i = 0; i < elements; i++)
            assert_int_equal(element_of_box(shape, &box, i), next + i);
        next += elements;
    }
    return boxes;
}

static void every_range_is_covered_by_few_boxes(void **state)
{
    (void)state;
    const struct h5_shape shapes[] = {
        { 4, { 3, 2, 4, 3 } }, { 3, { 1, 5, 1 } }, { 1, { 7 } }, { 5, { 2, 1, 3, 1, 4 } }
    };
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const uint64_t elements = h5_shape_elements(&shapes[s]);
        for (uint64_t first = 0; first < elements; first++)
            for (uint64_t end = first + 1; end <= elements; end++)
                assert_true(check_cover(&shapes[s], first, end, UINT64_MAX) <= 2 * shapes[s].rank - 1);
    }
}

static void a_limit_is_kept(void **state)
{
    (void)state;
    const struct h5_shape shape = { 3, { 4, 3, 5 } };
    for (uint64_t limit = 1; limit < 40; limit++)
        check_cover(&shape, 7, 58, limit);
    assert_int_equal(check_cover(&shape, 0, 60, 15), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_range_is_covered_by_few_boxes),
        cmocka_unit_test(a_limit_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
