/* TARGET_BEGIN(features) compiles the functions that follow, as far as TARGET_END, for an instruction set that the rest
 * of the program does not take for granted; GCC goes on with it to the end of the file. */
#ifndef GRADSWEEP_LINALG_TARGET_H
#define GRADSWEEP_LINALG_TARGET_H

#define TARGET_PRAGMA(text) _Pragma(#text)
#ifdef __clang__
#define TARGET_BEGIN(features) \
    TARGET_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define TARGET_END _Pragma("clang attribute pop")
#else
#define TARGET_BEGIN(features) TARGET_PRAGMA(GCC target(features))
#define TARGET_END
#endif

#endif
