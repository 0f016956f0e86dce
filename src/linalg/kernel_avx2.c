#include "linalg/kernel.h"
#include "linalg/target.h"

#include <stddef.h>

#ifdef __x86_64__
#include <immintrin.h>
TARGET_BEGIN("avx2,fma")

/* 12 x 4: twelve sums, three rows and a factor fill the 16 registers. */
typedef __m256d vector;
typedef uint64_t words __attribute__((vector_size(32)));
enum { LANES = 4, TILE_VECTORS = 3, TILE_COLUMNS = 4 };
#define vector_load(p)        _mm256_load_pd(p)
#define vector_store(p, v)    _mm256_store_pd(p, v)
#define vector_broadcast(p)   _mm256_broadcast_sd(p)
#define vector_fma(a, b, c)   _mm256_fmadd_pd(a, b, c)
#define HOLD_IN_REGISTER(v)   __asm__("" : "+x"(v))
#define SLICE_VECTORS(height) ((height) == KERNEL_PANEL_ROWS ? 3 : 2)
#define ROW_OF_TILES(tile, v) tile(v, 1) tile(v, 2) tile(v, 3) tile(v, 4)
#define FOR_EACH_TILE(tile)   ROW_OF_TILES(tile, 2) ROW_OF_TILES(tile, 3)
#define KERNEL_FUNCTION       multiply_avx2
#define AFFINE_FUNCTION       multiply_affine_avx2
#define COLUMN_FUNCTION       multiply_column_avx2
#define STACK_PANELS          1
#define FOR_EACH_STACK(stack) stack(1, 0, 0) stack(2, 0, 0) stack(3, 0, 0)
#include "linalg/kernel_tile.h"
TARGET_END

kernel_panel *const kernel_avx2 = multiply_avx2;
kernel_column *const kernel_column_avx2 = multiply_column_avx2;
kernel_affine *const kernel_affine_avx2 = multiply_affine_avx2;
#else
kernel_panel *const kernel_avx2 = NULL;
kernel_column *const kernel_column_avx2 = NULL;
kernel_affine *const kernel_affine_avx2 = NULL;
#endif
