/* For processors without the others; as kernel_plain.c, slow where fma is a function in software, but right. */
#define ACTIVATION_LOOPS loops_plain
#include "model/activation_loops.h"

const struct activation_loops *const activation_loops_plain = loops_plain;
