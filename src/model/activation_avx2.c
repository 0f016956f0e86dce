#include "model/activation_internal.h"

#ifdef __x86_64__
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

#define ACTIVATION_LOOPS loops_avx2
#include "model/activation_loops.h"
#ifdef __clang__
#pragma clang attribute pop
#endif

const struct activation_loops *const activation_loops_avx2 = loops_avx2;
#else
const struct activation_loops *const activation_loops_avx2 = NULL;
#endif
