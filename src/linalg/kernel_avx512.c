#include "linalg/kernel.h"
#include "linalg/target.h"

#include <stddef.h>

#ifdef __x86_64__
#include <immintrin.h>
TARGET_BEGIN("avx512f")

typedef __m512d vector;
typedef uint64_t words __attribute__((vector_size(64)));
enum { LANES = 8, TILE_VECTORS = 3, TILE_COLUMNS = 8 };
#define vector_load(p)        _mm512_load_pd(p)
#define vector_store(p, v)    _mm512_store_pd(p, v)
#define vector_broadcast(p)   _mm512_set1_pd(*(p))
#define vector_fma(a, b, c)   _mm512_fmadd_pd(a, b, c)
#define HOLD_IN_REGISTER(v)   __asm__("" : "+v"(v))
#define SLICE_VECTORS(height) ((height) / LANES)
#define ROW_OF_TILES(tile, v) tile(v, 1) tile(v, 2) tile(v, 3) tile(v, 4) tile(v, 5) tile(v, 6) tile(v, 7) tile(v, 8)
#define FOR_EACH_TILE(tile)   ROW_OF_TILES(tile, 1) ROW_OF_TILES(tile, 2) ROW_OF_TILES(tile, 3)
#define KERNEL_FUNCTION       multiply_avx512
#define AFFINE_FUNCTION       multiply_affine_avx512
#define COLUMN_FUNCTION       multiply_column_avx512
#define STACK_PANELS          3
#define FOR_EACH_STACK(stack)                                                                                \
    stack(1, 0, 0) stack(2, 0, 0) stack(3, 0, 0) stack(2, 2, 0) stack(3, 2, 0) stack(3, 3, 0) stack(3, 2, 2) \
        stack(3, 3, 2) stack(3, 3, 3)
#include "linalg/kernel_tile.h"
TARGET_END

kernel_panel *const kernel_avx512 = multiply_avx512;
kernel_column *const kernel_column_avx512 = multiply_column_avx512;
kernel_affine *const kernel_affine_avx512 = multiply_affine_avx512;
#else
kernel_panel *const kernel_avx512 = NULL;
kernel_column *const kernel_column_avx512 = NULL;
kernel_affine *const kernel_affine_avx512 = NULL;
#endif
