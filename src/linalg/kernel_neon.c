#include "linalg/kernel.h"

#include <stddef.h>

#ifdef __aarch64__
#include <arm_neon.h>

/* 12 x 4: twenty-four sums, six rows and a factor fill 31 of the 32 registers. Lower panels are cut in slices of 8
 * rows. */
typedef float64x2_t vector;
typedef uint64_t words __attribute__((vector_size(16)));
enum { LANES = 2, TILE_VECTORS = 6, TILE_COLUMNS = 4 };
#define vector_load(p)        vld1q_f64(p)
#define vector_store(p, v)    vst1q_f64(p, v)
#define vector_broadcast(p)   vld1q_dup_f64(p)
#define vector_fma(a, b, c)   vfmaq_f64(c, a, b)
#define HOLD_IN_REGISTER(v)   __asm__("" : "+w"(v))
#define SLICE_VECTORS(height) ((height) == KERNEL_PANEL_ROWS ? 6 : 4)
#define ROW_OF_TILES(tile, v) tile(v, 1) tile(v, 2) tile(v, 3) tile(v, 4)
#define FOR_EACH_TILE(tile)   ROW_OF_TILES(tile, 4) ROW_OF_TILES(tile, 6)
#define KERNEL_FUNCTION       multiply_neon
#define AFFINE_FUNCTION       multiply_affine_neon
#define COLUMN_FUNCTION       multiply_column_neon
#define STACK_PANELS          1
#define FOR_EACH_STACK(stack) stack(1, 0, 0) stack(2, 0, 0) stack(3, 0, 0)
#include "linalg/kernel_tile.h"

kernel_panel *const kernel_neon = multiply_neon;
kernel_column *const kernel_column_neon = multiply_column_neon;
kernel_affine *const kernel_affine_neon = multiply_affine_neon;
#else
kernel_panel *const kernel_neon = NULL;
kernel_column *const kernel_column_neon = NULL;
kernel_affine *const kernel_affine_neon = NULL;
#endif
