#include "linalg/lanes_internal.h"
#include "linalg/target.h"

#include <stddef.h>

#ifdef __x86_64__
#include <immintrin.h>
TARGET_BEGIN("avx2,fma")

typedef __m256d vector;
enum { VECTOR_LANES = 4, TILE_COLUMNS = 2 };
#define vector_load(p)                 _mm256_load_pd(p)
#define vector_store(p, v)             _mm256_store_pd(p, v)
#define vector_broadcast(x)            _mm256_set1_pd(x)
#define vector_fma(a, b, c)            _mm256_fmadd_pd(a, b, c)
#define vector_fma_minus(a, b, c)      _mm256_fnmadd_pd(a, b, c)
#define vector_multiply(a, b)          _mm256_mul_pd(a, b)
#define vector_add(a, b)               _mm256_add_pd(a, b)
#define vector_subtract(a, b)          _mm256_sub_pd(a, b)
#define vector_divide(a, b)            _mm256_div_pd(a, b)
#define vector_root(a)                 _mm256_sqrt_pd(a)
#define vector_magnitude(a)            _mm256_andnot_pd(_mm256_set1_pd(-0.0), a)
#define vector_larger(a, b)            _mm256_max_pd(a, b)
#define vector_smaller(a, b)           _mm256_min_pd(a, b)
#define positive_lanes(x)              _mm256_cmp_pd(x, _mm256_setzero_pd(), _CMP_GT_OQ)
#define vector_where_positive(x, a, b) _mm256_blendv_pd(b, a, positive_lanes(x))
#define vector_is_any_positive(x)      (_mm256_movemask_pd(positive_lanes(x)) != 0)
#define HOLD_IN_REGISTER(v)            __asm__("" : "+x"(v))
#define LANES_LOOPS                    loops_avx2
#include "linalg/lanes_loops.h"
TARGET_END

const struct lanes_loops *const lanes_loops_avx2 = &loops_avx2;
#else
const struct lanes_loops *const lanes_loops_avx2 = NULL;
#endif
