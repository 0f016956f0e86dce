/* Compiles a function several times, for the instruction sets worth having, and takes the best one at load time.
 * Without contraction (off for the whole project) all of them give the same bits: only the width of the vectors
 * differs. */
#ifndef GRADSWEEP_LINALG_VECTORISED_H
#define GRADSWEEP_LINALG_VECTORISED_H

#include "base/strict_arithmetic.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1 /* clang's way of saying so */
#endif
#endif

/* Before version 18 clang makes that choice by a symbol that it has hidden: it does not link. */
#if defined(__clang__) && __clang_major__ < 18
#define GRADSWEEP_HAS_TARGET_CLONES 0
#else
#define GRADSWEEP_HAS_TARGET_CLONES 1
#endif

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__) && GRADSWEEP_HAS_TARGET_CLONES
#define VECTORISED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VECTORISED /* the sanitizer's runtime is not yet up when the choice is made */
#endif

#endif
