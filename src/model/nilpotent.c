#include "model/nilpotent.h"

#include "base/memory.h"

#include <stdint.h>
#include <string.h>

/* Sets of nodes are bits of whole numbers in doubles: each bit is set by the one rank that holds the node's row, so
 * that sums over the team are unions, and exact. */
enum { BITS = 32 };

struct graph {
    const struct team *team;
    long hidden_size;
    long first, count;  /* this rank's rows */
    const double *rows; /* row i has an entry in column j: an edge leads from j to i */
    long *incoming;     /* [count]: edges into this rank's nodes from nodes that are not yet taken away */
    double *front;      /* [words]: nodes that nothing leads to any more */
    double *next;       /* [words]: those that taking them away leaves so */
};

static long word_count(const struct graph *graph)
{
    return (graph->hidden_size + BITS - 1) / BITS;
}

static void graph_close(struct graph *graph)
{
    memory_free(graph->incoming);
    memory_free(graph->front);
    memory_free(graph->next);
}
SCOPED_VALUE(graph, graph_close)

static enum status allocate(struct graph *graph)
{
    TRY(memory_allocate(&graph->incoming, graph->count, "the graph of a weight matrix"));
    TRY(memory_allocate(&graph->front, word_count(graph), "the graph of a weight matrix"));
    return memory_allocate(&graph->next, word_count(graph), "the graph of a weight matrix");
}

static enum status graph_open(const struct process_grid *grid, long hidden_size, const double *rows,
                              struct graph *graph)
{
    *graph = (struct graph){ .team = grid == NULL ? NULL : grid->team, .hidden_size = hidden_size, .rows = rows };
    process_grid_row_range(grid, hidden_size, grid == NULL ? 0 : grid->team->rank, &graph->first, &graph->count);
    return team_agree(graph->team, allocate(graph));
}

/* A node that leads to itself answers at once, for all but sparse matrices. */
static enum status has_loop(const struct graph *graph, bool *loop)
{
    double loops = 0;
    for (long i = 0; i < graph->count; i++)
        loops += graph->rows[(graph->first + i) * graph->count + i] != 0;
    TRY(team_sum(graph->team, 1, &loops));
    *loop = loops > 0;
    return STATUS_OK;
}

static void add_to_next(struct graph *graph, long own_node)
{
    const long node = graph->first + own_node;
    graph->next[node / BITS] += (double)(UINT32_C(1) << node % BITS);
}

static void count_incoming(struct graph *graph)
{
    for (long j = 0; j < graph->hidden_size; j++)
        for (long i = 0; i < graph->count; i++)
            graph->incoming[i] += graph->rows[j * graph->count + i] != 0;
    for (long i = 0; i < graph->count; i++)
        if (graph->incoming[i] == 0)
            add_to_next(graph, i);
}

static void take_away(struct graph *graph, long node)
{
    const double *leaving = graph->rows + node * graph->count;
    for (long i = 0; i < graph->count; i++)
        if (leaving[i] != 0 && --graph->incoming[i] == 0)
            add_to_next(graph, i);
}

/* The nodes found by all ranks become the front, and are taken away; returns their number through *taken. */
static enum status advance(struct graph *graph, long *taken)
{
    double *front = graph->next;
    TRY(team_sum(graph->team, word_count(graph), front));
    graph->next = graph->front;
    graph->front = front;
    memset(graph->next, 0, (size_t)word_count(graph) * sizeof *graph->next);
    *taken = 0;
    for (long word = 0; word < word_count(graph); word++)
        for (uint32_t bits = (uint32_t)front[word]; bits != 0; bits &= bits - 1) {
            take_away(graph, word * BITS + __builtin_ctz(bits));
            *taken += 1;
        }
    return STATUS_OK;
}

/* Kahn's algorithm, level by level: take away nodes that nothing leads to until none, or only cycles, are left. */
enum status nilpotent_by_pattern(const struct process_grid *grid, long hidden_size, const double *rows, bool *nilpotent)
{
    SCOPED(graph) graph = { 0 };
    bool loop = false;
    long left = hidden_size, taken = 0;
    TRY(graph_open(grid, hidden_size, rows, &graph));
    TRY(has_loop(&graph, &loop));
    if (!loop) {
        count_incoming(&graph);
        do {
            TRY(advance(&graph, &taken));
            left -= taken;
        } while (taken > 0 && left > 0);
    }
    *nilpotent = left == 0;
    return STATUS_OK;
}
