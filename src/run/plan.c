#include "run/plan.h"

#include "base/memory.h"

#include <math.h>

/* MPI, HDF5 and BLAS take so much before the first unit (measured: 60 to 110 MB resident). */
static const double LIBRARY_BYTES = 120e6;
static const double RESULT_BYTES = 64e6;

/* The times at which ranks are free, as a binary heap with the earliest on top. */
static void sink(double *heap, int count)
{
    double value = heap[0];
    int place = 0;
    for (int child = 1; child < count; child = 2 * place + 1) {
        if (child + 1 < count && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= value)
            break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = value;
}

enum status plan_simulate(const struct unit_list *list, int ranks, struct plan *plan)
{
    double *free_at, work = 0.0, latest = 0.0;
    TRY(memory_allocate(&free_at, ranks, "the simulated ranks"));
    uint64_t count = unit_list_count(list);
    for (uint64_t number = 0; number < count;) {
        uint64_t amount = number < (uint64_t)ranks ? 1 : (uint64_t)unit_list_claim(list, number, ranks);
        for (uint64_t i = 0; i < amount && number < count; i++, number++) {
            double seconds = unit_list_at(list, number).cost.seconds;
            free_at[0] += seconds;
            work += seconds;
        }
        latest = fmax(latest, free_at[0]);
        sink(free_at, ranks);
    }
    memory_free(free_at);
    *plan = (struct plan){ .makespan_seconds = latest, .efficiency = latest > 0.0 ? work / (latest * ranks) : 1.0 };
    return STATUS_OK;
}

double plan_rank_bytes(const struct unit_list *list)
{
    double peak = 0.0;
    for (long i = 0; i < unit_list_class_count(list); i++)
        peak = fmax(peak, unit_list_class_bytes(list, unit_list_class(list, i), 1));
    return LIBRARY_BYTES + RESULT_BYTES + peak;
}
