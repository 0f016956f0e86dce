#include "model/activation_internal.h"

#ifdef __x86_64__
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#else
#pragma GCC target("avx512f")
#endif

#define ACTIVATION_LOOPS loops_avx512
#include "model/activation_loops.h"
#ifdef __clang__
#pragma clang attribute pop
#endif

const struct activation_loops *const activation_loops_avx512 = loops_avx512;
#else
const struct activation_loops *const activation_loops_avx512 = NULL;
#endif
