#include "linalg/kernel.h"

/* For processors without the others. __builtin_fma is one instruction where the compiler may assume it, and the C
 * library's function, correctly rounded in software if need be, elsewhere: slow there, but the same bits. */
typedef double vector;
typedef uint64_t words;
enum { LANES = 1, TILE_VECTORS = 4, TILE_COLUMNS = 4 };
#define vector_load(p)        (*(p))
#define vector_store(p, v)    (*(p) = (v))
#define vector_broadcast(p)   (*(p))
#define vector_fma(a, b, c)   __builtin_fma(a, b, c)
#define HOLD_IN_REGISTER(v)   ((void)(v))
#define SLICE_VECTORS(height) TILE_VECTORS
#define FOR_EACH_TILE(tile)   tile(4, 1) tile(4, 2) tile(4, 3) tile(4, 4)
#define KERNEL_FUNCTION       multiply_plain
#define AFFINE_FUNCTION       multiply_affine_plain
#define COLUMN_FUNCTION       multiply_column_plain
#define STACK_PANELS          1
#define FOR_EACH_STACK(stack) stack(1, 0, 0) stack(2, 0, 0) stack(3, 0, 0)
#include "linalg/kernel_tile.h"

kernel_panel *const kernel_plain = multiply_plain;
kernel_column *const kernel_column_plain = multiply_column_plain;
kernel_affine *const kernel_affine_plain = multiply_affine_plain;
