#include "run/plan_report.h"

#include "base/memory.h"
#include "run/plan.h"
#include "run/speed.h"
#include "store/store.h"

#include <math.h>

enum { MOST_RANKS = 16384, TEXT = 32 };

/* Slurm kills what exceeds its memory or its time: so much more is asked for than predicted. Pages of a parallel file
 * system's client and of the interconnect count too; time goes by until the file is created, and a busy node is slow.
 */
static const double MEMORY_MARGIN = 1.2, MEMORY_RESERVE = 128e6;
static const double TIME_MARGIN = 1.3, TIME_RESERVE = 120.0, CREATION_RATE = 200e6;

/* A number of bytes as people say it. */
static const char *bytes_text(double bytes, char text[TEXT])
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
    size_t unit = 0;
    while (bytes >= 1000.0 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1000.0;
        unit++;
    }
    snprintf(text, TEXT, unit == 0 ? "%.0f %s" : "%.3g %s", bytes, units[unit]);
    return text;
}

/* As --time takes it, in whole minutes: HH:MM:SS or D-HH:MM:SS. */
static const char *time_text(double seconds, char text[TEXT])
{
    double minutes = ceil(seconds / 60.0), days = floor(minutes / 1440.0);
    int rest = (int)(minutes - days * 1440.0);
    if (days > 0.0)
        snprintf(text, TEXT, "%.0f-%02d:%02d:00", days, rest / 60, rest % 60);
    else
        snprintf(text, TEXT, "%02d:%02d:00", rest / 60, rest % 60);
    return text;
}

static void print_sweep(const struct sweep *sweep, const struct unit_list *list, double rank_bytes, FILE *out)
{
    char text[TEXT];
    fprintf(out, "sweep              %s\n", sweep->name);
    fprintf(out, "cells              %llu\n", (unsigned long long)grid_cell_count(sweep));
    fprintf(out, "chains             %llu\n",
            (unsigned long long)(grid_cell_count(sweep) / grid_plane_size(sweep) * grid_chain_count(sweep)));
    fprintf(out, "weight matrices    %llu\n", (unsigned long long)grid_weight_count(sweep));
    fprintf(out, "units of work      %llu\n", (unsigned long long)unit_list_count(list));
    fprintf(out, "steps              %ld\n", sweep->model.steps);
    fprintf(out, "operations         %.4g floating-point operations\n", unit_list_cost(list).flops);
    fprintf(out, "memory per rank    %s\n", bytes_text(rank_bytes, text));
    fprintf(out, "results file       %s\n", bytes_text((double)store_predicted_bytes(sweep), text));
}

static void print_times(size_t count, const int *ranks, const struct plan *plans, FILE *out)
{
    fprintf(out, "\n%10s %16s %12s\n", "ranks", "seconds", "efficiency");
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%10d %16.4g %11.1f%%\n", ranks[i], plans[i].makespan_seconds, 100.0 * plans[i].efficiency);
}

static void print_memory(const struct plan_request *request, const struct plan *plans, FILE *out)
{
    char rank[TEXT], node[TEXT];
    fprintf(out, "\n%10s %16s %16s   %s\n", "ranks", "memory per rank", "memory per node", "teams (share of the time)");
    for (size_t i = 0; i < request->count; i++) {
        const struct plan *plan = &plans[i];
        int on_node = request->ranks[i] < request->cores_per_node ? request->ranks[i] : request->cores_per_node;
        fprintf(out, "%10d %16s %16s  ", request->ranks[i], bytes_text(plan->rank_bytes, rank),
                bytes_text(plan->rank_bytes * on_node, node));
        for (int level = 0; level < plan->level_count; level++)
            fprintf(out, "%s %d of %d (%.0f%%)", level ? "," : "", plan->levels[level].teams,
                    plan->levels[level].team_size, 100.0 * plan->levels[level].share);
        fprintf(out, "\n");
    }
}

static void print_slurm(const struct sweep *sweep, const struct plan_request *request, const struct plan *plans,
                        FILE *out)
{
    char text[TEXT];
    fprintf(out, "\n");
    for (size_t i = 0; i < request->count; i++) {
        double mebibytes = ceil((MEMORY_MARGIN * plans[i].rank_bytes + MEMORY_RESERVE) / 1048576.0);
        double seconds = TIME_MARGIN * plans[i].makespan_seconds + TIME_RESERVE +
                         (double)store_predicted_bytes(sweep) / CREATION_RATE;
        fprintf(out, "slurm: --ntasks=%d --cpus-per-task=1 --mem-per-cpu=%.0fM --time=%s\n", request->ranks[i],
                mebibytes, time_text(seconds, text));
    }
}

static enum status require_memory(const struct sweep *sweep, const struct unit_list *list, double limit, int ranks,
                                  const struct plan *plan)
{
    char needed[TEXT], given[TEXT], advice[96];
    int fitting;
    if (!(limit > 0.0) || plan->rank_bytes <= limit)
        return STATUS_OK;
    TRY(plan_fitting_ranks(list, limit, MOST_RANKS, &fitting));
    if (fitting > 0)
        snprintf(advice, sizeof advice, "%d ranks would do", fitting);
    else
        snprintf(advice, sizeof advice, "no number of ranks would do");
    return status_fail(STATUS_REFUSED, "hidden_size %ld needs %s on %s%d rank%s, more than --memory-per-rank %s; %s",
                       sweep->hidden_sizes[plan->largest], bytes_text(plan->rank_bytes, needed),
                       ranks == 1 ? "" : "each of ", ranks, ranks == 1 ? "" : "s", bytes_text(limit, given), advice);
}

static enum status make_plans(const struct sweep *sweep, const struct unit_list *list,
                              const struct plan_request *request, struct plan *plans)
{
    for (size_t i = 0; i < request->count; i++) {
        TRY(plan_memory(list, request->ranks[i], &plans[i]));
        TRY(require_memory(sweep, list, request->memory_per_rank, request->ranks[i], &plans[i]));
    }
    for (size_t i = 0; i < request->count; i++)
        TRY(plan_simulate(list, sweep, request->ranks[i], 0.0, &plans[i]));
    return STATUS_OK;
}

static void print_plans(const struct sweep *sweep, const struct unit_list *list, const struct plan_request *request,
                        const struct plan *plans, FILE *out)
{
    double rank_bytes = 0.0;
    for (size_t i = 0; i < request->count; i++)
        rank_bytes = fmax(rank_bytes, plans[i].rank_bytes);
    print_sweep(sweep, list, rank_bytes, out);
    print_times(request->count, request->ranks, plans, out);
    print_memory(request, plans, out);
    print_slurm(sweep, request, plans, out);
}

enum status plan_report(const struct sweep *sweep, const struct plan_request *request, FILE *out)
{
    SCOPED(unit_list) *list = NULL;
    SCOPED_MEMORY struct plan *plans = NULL;
    struct cost_speed speed;
    TRY(unit_list_open(sweep, &list));
    TRY(memory_allocate(&plans, request->count, "plans"));
    TRY(speed_measure(&speed));
    unit_list_set_speed(list, &speed);
    TRY(make_plans(sweep, list, request, plans));
    print_plans(sweep, list, request, plans, out);
    return STATUS_OK;
}
