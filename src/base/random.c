#include "base/random.h"

#include <math.h>
#include <Random123/philox.h>
#include <stdbool.h>
#include <string.h>
#include <xxhash.h>

enum {
    GROUP = 4,   /* elements that one Philox call gives */
    GROUPS = 64, /* drawn at a time */
    PAIRS = GROUPS * GROUP / 2,
    PARTS = 32
};

struct random_stream random_stream_open(uint64_t seed, const char *description)
{
    return (struct random_stream){ .key = { seed, XXH3_64bits(description, strlen(description)) } };
}

/* (k + 1/2) / 2^52 with a 52-bit k: strictly inside (0,1), symmetric about 1/2 and exact in double precision. */
static double unit_interval(uint64_t bits)
{
    return ((double)(int64_t)(bits >> 12) + 0.5) * 0x1p-52; /* signed, which processors convert at once */
}

static void uniform_group(const struct random_stream *stream, uint64_t step, uint64_t group, double values[GROUP])
{
    philox4x64_ctr_t counter = { { group, step, 0, 0 } };
    philox4x64_key_t key = { { stream->key[0], stream->key[1] } };
    philox4x64_ctr_t drawn = philox4x64(counter, key);
    for (int lane = 0; lane < GROUP; lane++)
        values[lane] = unit_interval(drawn.v[lane]);
}

/* Many groups at a time, and one function after the other: what one element waits for, others do meanwhile. */
struct drawing {
    double values[GROUPS * GROUP];
    int groups;
    struct {
        double *to; /* where elements first .. first + count - 1 of a group belong */
        uint64_t first, count;
    } places[GROUPS];
};

/* The pairs in the order of the parts of the circle that their angles are in, where there are many: sines and cosines
 * branch by those, and a processor guesses wrong what comes out of order. */
static void sort_by_angle(int pairs, const double *values, unsigned char *order)
{
    int ends[PARTS + 1] = { 0 };
    unsigned char parts[PAIRS];
    for (int pair = 0; pairs < PARTS && pair < pairs; pair++)
        order[pair] = (unsigned char)pair;
    if (pairs < PARTS)
        return;
    for (int pair = 0; pair < pairs; pair++) {
        parts[pair] = (unsigned char)(values[2 * pair + 1] * PARTS);
        ends[parts[pair] + 1]++;
    }
    for (int part = 0; part < PARTS; part++)
        ends[part + 1] += ends[part];
    for (int pair = 0; pair < pairs; pair++)
        order[ends[parts[pair]]++] = (unsigned char)pair;
}

/* Each pair of uniforms := a pair of normals. */
static void make_normal(int pairs, double *values)
{
    const double two_pi = 6.28318530717958647692;
    double radii[PAIRS];
    unsigned char order[PAIRS];
    sort_by_angle(pairs, values, order);
    for (int pair = 0; pair < pairs; pair++)
        radii[pair] = log(values[2 * pair]);
    for (int pair = 0; pair < pairs; pair++)
        radii[pair] = sqrt(-2.0 * radii[pair]);
    for (int i = 0; i < pairs; i++) {
        double *pair = values + 2 * order[i];
        const double angle = two_pi * pair[1], radius = radii[order[i]];
        pair[0] = radius * cos(angle);
        pair[1] = radius * sin(angle);
    }
}

static void flush(bool is_normal, struct drawing *drawing)
{
    if (is_normal)
        make_normal(drawing->groups * GROUP / 2, drawing->values);
    for (int i = 0; i < drawing->groups; i++)
        memcpy(drawing->places[i].to, drawing->values + i * GROUP + drawing->places[i].first,
               drawing->places[i].count * sizeof(double));
    drawing->groups = 0;
}

/* values[steps][count] := elements first .. first + count - 1 at each of the steps from `step` on. */
static void draw(bool is_normal, const struct random_stream *stream, uint64_t step, uint64_t steps, uint64_t first,
                 uint64_t count, double *values)
{
    struct drawing drawing;
    drawing.groups = 0;
    for (uint64_t row = 0; row < steps; row++)
        for (uint64_t done = 0; done < count;) {
            const uint64_t element = first + done, lane = element % GROUP;
            const uint64_t taken = GROUP - lane < count - done ? GROUP - lane : count - done;
            const int group = drawing.groups++;
            uniform_group(stream, step + row, element / GROUP, drawing.values + group * GROUP);
            drawing.places[group].to = values + row * count + done;
            drawing.places[group].first = lane;
            drawing.places[group].count = taken;
            done += taken;
            if (drawing.groups == GROUPS)
                flush(is_normal, &drawing);
        }
    flush(is_normal, &drawing);
}

void random_uniform(const struct random_stream *stream, uint64_t step, uint64_t first, uint64_t count, double *values)
{
    draw(false, stream, step, 1, first, count, values);
}

void random_normal(const struct random_stream *stream, uint64_t step, uint64_t first, uint64_t count, double *values)
{
    draw(true, stream, step, 1, first, count, values);
}

void random_normal_of_steps(const struct random_stream *stream, uint64_t step, uint64_t steps, uint64_t count,
                            double *values)
{
    draw(true, stream, step, steps, 0, count, values);
}
