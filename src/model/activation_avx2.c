#include "linalg/target.h"
#include "model/activation_internal.h"

#ifdef __x86_64__
TARGET_BEGIN("avx2,fma")

#define ACTIVATION_LOOPS loops_avx2
#include "model/activation_loops.h"
TARGET_END

const struct activation_loops *const activation_loops_avx2 = loops_avx2;
#else
const struct activation_loops *const activation_loops_avx2 = NULL;
#endif
