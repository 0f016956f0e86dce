#include "linalg/target.h"
#include "model/activation_internal.h"

#ifdef __x86_64__
TARGET_BEGIN("avx512f")

#define ACTIVATION_LOOPS loops_avx512
#include "model/activation_loops.h"
TARGET_END

const struct activation_loops *const activation_loops_avx512 = loops_avx512;
#else
const struct activation_loops *const activation_loops_avx512 = NULL;
#endif
