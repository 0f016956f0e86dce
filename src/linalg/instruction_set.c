#include "linalg/instruction_set.h"

#include <stdatomic.h>

static const char *const names[] = { [INSTRUCTIONS_AVX512] = "avx512",
                                     [INSTRUCTIONS_AVX2] = "avx2",
                                     [INSTRUCTIONS_NEON] = "neon",
                                     [INSTRUCTIONS_PLAIN] = "plain" };

enum { NONE_YET = -1 };

static atomic_int selected = NONE_YET;

static bool is_supported(enum instruction_set set)
{
#ifdef __x86_64__
    switch (set) {
    case INSTRUCTIONS_AVX512:
        return __builtin_cpu_supports("avx512f");
    case INSTRUCTIONS_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case INSTRUCTIONS_NEON:
        return false;
    case INSTRUCTIONS_PLAIN:
        return true;
    }
#endif
#ifdef __aarch64__
    return set == INSTRUCTIONS_NEON || set == INSTRUCTIONS_PLAIN;
#else
    return set == INSTRUCTIONS_PLAIN;
#endif
}

bool instruction_set_select(enum instruction_set set)
{
    if (!is_supported(set))
        return false;
    atomic_store(&selected, (int)set);
    return true;
}

enum instruction_set instruction_set(void)
{
    int set = atomic_load_explicit(&selected, memory_order_relaxed);
    for (int best = INSTRUCTIONS_AVX512; set == NONE_YET; best++)
        if (instruction_set_select((enum instruction_set)best))
            set = best;
    return (enum instruction_set)set;
}

const char *instruction_set_name(void)
{
    return names[instruction_set()];
}
