/* The instruction sets that loops are compiled for where their speed counts, one of them chosen at run time. All give
 * the same bits. Not collective. */
#ifndef GRADSWEEP_LINALG_INSTRUCTION_SET_H
#define GRADSWEEP_LINALG_INSTRUCTION_SET_H

#include <stdbool.h>

/* Best first. AVX2 stands for AVX2 with FMA, NEON for that of 64-bit ARM, which always has it; PLAIN is whatever the
 * compiler assumes by itself. */
enum instruction_set { INSTRUCTIONS_AVX512, INSTRUCTIONS_AVX2, INSTRUCTIONS_NEON, INSTRUCTIONS_PLAIN };

/* The best that this CPU has, or what was selected. */
enum instruction_set instruction_set(void);
const char *instruction_set_name(void);

/* Selects one for all that follows; false where this CPU lacks it. For tests and benchmarks. */
bool instruction_set_select(enum instruction_set set);

#endif
