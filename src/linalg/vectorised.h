/* Compiles a function several times, for the instruction sets worth having, and takes the best one at load time.
 * Without contraction (off for the whole project) all of them give the same bits: only the width of the vectors
 * differs. */
#ifndef GRADSWEEP_LINALG_VECTORISED_H
#define GRADSWEEP_LINALG_VECTORISED_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1 /* clang's way of saying so */
#endif
#endif

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__)
#define VECTORISED __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VECTORISED /* the sanitizer's runtime is not yet up when the choice is made */
#endif

#endif
