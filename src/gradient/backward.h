/* Errors carried back through time, and the gradients that their contributions add up to (backpropagation through
 * time; Pascanu, Mikolov and Bengio, ICML 2013, equations 3 to 5). Private to gradient/. Not collective.
 *
 * With e the gradient of a loss by the state x_k, a column vector here, one step back is
 *     e := S_k^T e = gain gamma exp(log_shift) diag(derivative) W_unit^T e,
 * the very steps of the transposed Jacobian products, and the contribution of step k to the gradient by W is
 * C_k = e (x) sigma(x_{k-1}): element (i, j) is e_i sigma(x_{k-1})_j, because row i of the immediate derivative
 * d+x_k/dW is sigma(x_{k-1})^T. Columns of all chains and losses stand side by side; a column is a mantissa times a
 * power of two, so that it may vanish or explode, and its bits depend on nothing but itself. */
#ifndef GRADSWEEP_GRADIENT_BACKWARD_H
#define GRADSWEEP_GRADIENT_BACKWARD_H

#include "gradient/contribution_sum.h"
#include "gradient/task.h"
#include "model/loss.h"

struct backward_problem {
    struct weights *weights;             /* tied */
    const struct trajectory *trajectory; /* with states over all steps */
    const struct chain *chains;
    const struct loss *loss;
    long steps;       /* T */
    const long *lags; /* ascending */
    long lag_count;
};

/* The chains of a task, with their loss. */
struct backward_problem backward_problem_of(const struct measure_task *task, const struct loss *loss);

/* One loss of one chain: eps_t at t = last_step, or the sum of eps_1 .. eps_t. */
struct backward_column {
    long chain;
    long last_step;
    bool is_total;
    /* Results. log_errors and log_contributions [lag_count] may be NULL: ln ||e_l||, where l <= t, and
     * ln ||C_{t-l}||_F, where l < t; other places are left as they are. */
    double *log_errors, *log_contributions;
    double log_initial_error; /* ln ||d eps_t/dx_t|| */
    double log_gradient;      /* ln || d loss/dW ||_F */
    double cancellation;      /* || sum C_k || / sum ||C_k||; NaN for 0/0 */
    bool is_finite;           /* false: a NaN or infinity came out of the states; the results mean nothing */
    bool is_lost;             /* an error that is not zero came out as zero; the results mean nothing */
    /* Where not NULL, receives the gradient itself, d x d column-major, to be released by the caller with
     * contribution_sum_destroy. For tests. */
    struct contribution_sum *gradient;
};

/* How many columns to sweep at once, from the hidden size alone: enough for the kernel's full rate, with sums that fit
 * the memory set aside for them, which is backward_bytes. */
long backward_width(long hidden_size);
double backward_bytes(long hidden_size);

/* Floating-point operations of a column with that last step. */
double backward_flops(double hidden_size, double last_step);

/* What the sweeps of `losses` losses a chain cost, `flops` operations in all, and the bytes that they take: as many
 * columns at once as there are, or as fit; each rank of a team has its part. */
struct cost backward_cost(const struct chain_question *question, double flops);
double backward_block_bytes(const struct chain_question *question, double losses);

/* Sweeps columns[count] from the last step back to the first; `columns` must stand in the descending order of their
 * last steps. Errors: STATUS_MEMORY, STATUS_STOPPED. */
CHECKED enum status backward_sweep(const struct backward_problem *problem, struct gradient_context *context, long count,
                                   struct backward_column *columns);

#endif
