#include "gradient/exponents.h"

#include "base/memory.h"
#include "linalg/frame.h"

#include <math.h>

long exponents_batches(long steps)
{
    return steps < EXPONENT_BATCHES ? steps : EXPONENT_BATCHES;
}

enum status exponents_allocate(const struct exponent_problem *problem, struct exponent_result *result)
{
    *result = (struct exponent_result){ .outcome = JACOBIAN_FOUND };
    TRY(memory_allocate(&result->batch_means, exponents_batches(problem->steps) * problem->count, "exponents"));
    TRY(memory_allocate(&result->sums, problem->count, "exponents"));
    TRY(memory_allocate(&result->rounding, problem->count, "exponents"));
    TRY(memory_allocate(&result->span_errors, problem->count, "exponents"));
    return memory_allocate(&result->two_sided, problem->count, "exponents");
}

void exponents_free(struct exponent_result *result)
{
    memory_free(result->batch_means);
    memory_free(result->sums);
    memory_free(result->two_sided);
    memory_free(result->rounding);
    memory_free(result->span_errors);
    *result = (struct exponent_result){ 0 };
}

double exponents_bytes(long hidden_size, long count, bool two_sided, bool on_grid)
{
    const double d = (double)hidden_size, k = (double)count;
    const double frames = frame_bytes(hidden_size, count, on_grid);
    const double facts = on_grid && count < hidden_size ? 0 : (on_grid ? 4.0 : 1.0) * 8.0 * d * d;
    return frames + 8.0 * d * k * (two_sided ? 3.0 : 1.0) + fmax(facts, two_sided ? 8.0 * (d * d + k * k) : 0.0);
}
