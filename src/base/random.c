#include "base/random.h"

#include <math.h>
#include <Random123/philox.h>
#include <string.h>
#include <xxhash.h>

enum { GROUP = 4 }; /* elements that one Philox call gives */

struct random_stream random_stream_open(uint64_t seed, const char *description)
{
    return (struct random_stream){ .key = { seed, XXH3_64bits(description, strlen(description)) } };
}

/* (k + 1/2) / 2^52 with a 52-bit k: strictly inside (0,1), symmetric about 1/2 and exact in double precision. */
static double unit_interval(uint64_t bits)
{
    return ((double)(bits >> 12) + 0.5) * 0x1p-52;
}

static void uniform_group(const struct random_stream *stream, uint64_t step, uint64_t group, double values[GROUP])
{
    philox4x64_ctr_t counter = { { group, step, 0, 0 } };
    philox4x64_key_t key = { { stream->key[0], stream->key[1] } };
    philox4x64_ctr_t drawn = philox4x64(counter, key);
    for (int lane = 0; lane < GROUP; lane++)
        values[lane] = unit_interval(drawn.v[lane]);
}

static void normal_group(const struct random_stream *stream, uint64_t step, uint64_t group, double values[GROUP])
{
    const double two_pi = 6.28318530717958647692;
    double uniform[GROUP];
    uniform_group(stream, step, group, uniform);
    for (int pair = 0; pair < GROUP; pair += 2) {
        double radius = sqrt(-2.0 * log(uniform[pair]));
        double angle = two_pi * uniform[pair + 1];
        values[pair] = radius * cos(angle);
        values[pair + 1] = radius * sin(angle);
    }
}

typedef void group_function(const struct random_stream *, uint64_t, uint64_t, double[GROUP]);

static void draw(group_function *draw_group, const struct random_stream *stream, uint64_t step, uint64_t first,
                 uint64_t count, double *values)
{
    double group[GROUP];
    for (uint64_t done = 0; done < count;) {
        uint64_t element = first + done;
        uint64_t lane = element % GROUP;
        uint64_t taken = GROUP - lane < count - done ? GROUP - lane : count - done;
        draw_group(stream, step, element / GROUP, group);
        memcpy(values + done, group + lane, taken * sizeof *values);
        done += taken;
    }
}

void random_uniform(const struct random_stream *stream, uint64_t step, uint64_t first, uint64_t count, double *values)
{
    draw(uniform_group, stream, step, first, count, values);
}

void random_normal(const struct random_stream *stream, uint64_t step, uint64_t first, uint64_t count, double *values)
{
    draw(normal_group, stream, step, first, count, values);
}
