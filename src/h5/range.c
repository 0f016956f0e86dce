#include "h5/range.h"

#include <assert.h>

uint64_t h5_shape_elements(const struct h5_shape *shape)
{
    uint64_t elements = 1;
    for (int axis = 0; axis < shape->rank; axis++)
        elements *= shape->sizes[axis];
    return elements;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

struct h5_box h5_range_next_box(const struct h5_shape *shape, uint64_t first, uint64_t end, uint64_t limit)
{
    assert(first < end && limit > 0);
    struct h5_box box;
    const uint64_t most = smaller(end - first, limit);

    /* The outermost dimension along which at least one whole slice fits; everything inside it is taken whole. */
    int split = shape->rank - 1;
    uint64_t slice = 1;
    while (split > 0) {
        uint64_t larger = slice * shape->sizes[split];
        if (first % larger != 0 || larger > most)
            break;
        slice = larger;
        split--;
    }
    uint64_t position = first / slice;
    uint64_t room = shape->sizes[split] - position % shape->sizes[split];
    uint64_t slices = smaller(most / slice, room);

    for (int axis = split + 1; axis < shape->rank; axis++) {
        box.start[axis] = 0;
        box.size[axis] = shape->sizes[axis];
    }
    for (int axis = split; axis >= 0; axis--) {
        box.start[axis] = position % shape->sizes[axis];
        box.size[axis] = axis == split ? slices : 1;
        position /= shape->sizes[axis];
    }
    box.elements = slices * slice;
    return box;
}
