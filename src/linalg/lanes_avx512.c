#include "linalg/lanes_internal.h"
#include "linalg/target.h"

#include <stddef.h>

#ifdef __x86_64__
#include <immintrin.h>
TARGET_BEGIN("avx512f")

typedef __m512d vector;
enum { VECTOR_LANES = 8, TILE_COLUMNS = 4 };
#define vector_load(p)                 _mm512_load_pd(p)
#define vector_store(p, v)             _mm512_store_pd(p, v)
#define vector_broadcast(x)            _mm512_set1_pd(x)
#define vector_fma(a, b, c)            _mm512_fmadd_pd(a, b, c)
#define vector_fma_minus(a, b, c)      _mm512_fnmadd_pd(a, b, c)
#define vector_multiply(a, b)          _mm512_mul_pd(a, b)
#define vector_add(a, b)               _mm512_add_pd(a, b)
#define vector_subtract(a, b)          _mm512_sub_pd(a, b)
#define vector_divide(a, b)            _mm512_div_pd(a, b)
#define vector_root(a)                 _mm512_sqrt_pd(a)
#define vector_magnitude(a)            _mm512_abs_pd(a)
#define vector_larger(a, b)            _mm512_max_pd(a, b)
#define vector_smaller(a, b)           _mm512_min_pd(a, b)
#define positive_lanes(x)              _mm512_cmp_pd_mask(x, _mm512_setzero_pd(), _CMP_GT_OQ)
#define vector_where_positive(x, a, b) _mm512_mask_blend_pd(positive_lanes(x), b, a)
#define vector_is_any_positive(x)      (positive_lanes(x) != 0)
#define HOLD_IN_REGISTER(v)            __asm__("" : "+v"(v))
#define LANES_LOOPS                    loops_avx512
#include "linalg/lanes_loops.h"
TARGET_END

const struct lanes_loops *const lanes_loops_avx512 = &loops_avx512;
#else
const struct lanes_loops *const lanes_loops_avx512 = NULL;
#endif
