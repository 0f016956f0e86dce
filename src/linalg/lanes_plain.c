#include "linalg/lanes_internal.h"

#include <math.h>
#include <stddef.h>

/* For processors without the others; __builtin_fma as in kernel_plain.c. */
typedef double vector;
enum { VECTOR_LANES = 1, TILE_COLUMNS = 2 };
#define vector_load(p)                 (*(p))
#define vector_store(p, v)             (*(p) = (v))
#define vector_broadcast(x)            (x)
#define vector_fma(a, b, c)            __builtin_fma(a, b, c)
#define vector_fma_minus(a, b, c)      __builtin_fma(-(a), b, c)
#define vector_multiply(a, b)          ((a) * (b))
#define vector_add(a, b)               ((a) + (b))
#define vector_subtract(a, b)          ((a) - (b))
#define vector_divide(a, b)            ((a) / (b))
#define vector_root(a)                 sqrt(a)
#define vector_magnitude(a)            fabs(a)
#define vector_larger(a, b)            larger(a, b)
#define vector_smaller(a, b)           smaller(a, b)
#define vector_where_positive(x, a, b) ((x) > 0 ? (a) : (b))
#define vector_is_any_positive(x)      ((x) > 0)
#define HOLD_IN_REGISTER(v)            ((void)(v))
#define LANES_LOOPS                    loops_plain

static inline double larger(double a, double b)
{
    return a > b ? a : b;
}

static inline double smaller(double a, double b)
{
    return a < b ? a : b;
}

#include "linalg/lanes_loops.h"

const struct lanes_loops *const lanes_loops_plain = &loops_plain;
