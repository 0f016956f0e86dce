/* Counter-based random numbers: Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011)
 * from Random123. A number is a function of (seed, what is drawn, element) alone: never of a rank, an order, an axis
 * index or of how many are drawn at once. Not collective. */
#ifndef GRADSWEEP_BASE_RANDOM_H
#define GRADSWEEP_BASE_RANDOM_H

#include <stdint.h>

struct random_stream {
    uint64_t key[2];
};

/* The stream of one thing drawn: `description` is its canonical text, e.g. "ginibre d=64 replica=3 role=weights". */
struct random_stream random_stream_open(uint64_t seed, const char *description);

/* Elements first .. first+count-1 of the stream at `step` (0 unless a fresh array is drawn at every step), uniform on
 * the open interval (0,1) with 52 random bits. Element i has the same bits whatever `first` and `count` are. */
void random_uniform(const struct random_stream *stream, uint64_t step, uint64_t first, uint64_t count, double *values);

/* The same, standard normal (Box-Muller on the uniforms of the same four-element group). */
void random_normal(const struct random_stream *stream, uint64_t step, uint64_t first, uint64_t count, double *values);

/* values[steps][count] := elements 0 .. count-1 of random_normal at `step` and the steps after it, to the same bits. */
void random_normal_of_steps(const struct random_stream *stream, uint64_t step, uint64_t steps, uint64_t count,
                            double *values);

#endif
