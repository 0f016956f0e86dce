/* Lyapunov exponents of chains by the discrete QR method, and from the other end of the window.
 *
 * The product S_T ... S_1 = W D_T W D_{T-1} ... W D_1 is regrouped to factors F_t = D_t W, with D at the end where rows
 * can be sorted (linalg/frame.h). A frame that is random at first goes through `transient` factors, then through those
 * of the window: with F_n ... F_1 Q_0 = Q_n R the sums of ln R_ii over the window are what growth there is.
 *
 * The other end: with (F_n ... F_1)^T Q_n = P_0 S, for every j
 *     sum_{i<=j} ln R_ii = sum_{i<=j} ln S_ii + ln|det (P_0^T Q_0)_{j x j}|
 * (both are ln of the leading minor of Q_n^T F_n ... F_1 Q_0), an identity in exact arithmetic for any number of
 * exponents that rounding breaks where digits are lost on either way. For untied weights F_t = D_t W_{t-1}, and W_T in
 * the place of W_0. Private to gradient/. Collective within the team of the weights. */
#ifndef GRADSWEEP_GRADIENT_EXPONENTS_H
#define GRADSWEEP_GRADIENT_EXPONENTS_H

#include "gradient/jacobian.h"
#include "linalg/frame.h"

/* Where doubles do not hold the derivatives D_t of a step beside each other they are a product of diagonals whose
 * elements are at least 2^-EXPONENT_PART_BITS: one of them goes with W, each of the others is a factor of its own. The
 * rows of what is decomposed are sorted each time, so that no digit is lost in between.
 */
enum { EXPONENT_BATCHES = 20, EXPONENT_PART_BITS = 800, EXPONENT_MOST_PARTS = 64 };

struct exponent_problem {
    struct weights *weights;
    const struct trajectory *trajectory; /* NULL: identity, one chain */
    long last_step;                      /* T, at least transient + steps */
    long chains;
    long count; /* leading exponents; at most the hidden size */
    long transient, steps;
    bool two_sided;
};

/* Of one chain, normalised: gain and gamma are left out. */
struct exponent_result {
    enum jacobian_outcome outcome;
    bool is_cut;            /* the derivatives of some steps, into parts */
    long finite;            /* of the exponents asked for; those behind are exactly -inf */
    double *batch_means;    /* [batches, count] of ln R_ii, batches of consecutive steps */
    double *sums;           /* [count] over the window, */
    double *rests;          /* [count]: and what additions have rounded away of them */
    double *two_sided;      /* [count]: the identity's residual, a step; NaN beyond `finite`, or where not asked for */
    double *rounding;       /* [count]: what rounding may change of the sum up to here, a step, on all ways taken */
    double *span_errors;    /* [count]: what rounding may have done to the spans of the first columns, at work */
    double log_shift;       /* in the sums */
    double log_slopes;      /* sum of ln|phi'/sup|phi'|| over units, a step */
    double log_slope_sizes; /* the same of | ln|...| | */
};

/* How many batches a window of so many steps has. */
long exponents_batches(long steps);

/* results[chains] with arrays that exponents_allocate has made; *log_determinant: ln|det W_unit|, a step of the window,
 * where all exponents are asked for, else NaN. Errors: STATUS_MEMORY, STATUS_STOPPED, STATUS_PARALLEL,
 * STATUS_IO, STATUS_INTERNAL. */
CHECKED enum status exponents_run(const struct exponent_problem *problem, struct gradient_context *context,
                                  double *log_determinant, struct exponent_result *results);

/* Arrays for a result; release with exponents_free. */
CHECKED enum status exponents_allocate(const struct exponent_problem *problem, struct exponent_result *result);
void exponents_free(struct exponent_result *result);

/* Of chains first .. first+chains-1, before anything is multiplied: whether doubles hold the derivatives, and for the
 * determinant of all exponents what they add up to over the window. Step by step, as they lie. Not collective, as those
 * below. */
void exponents_look_at_slopes(const struct exponent_problem *problem, long first, long chains,
                              struct exponent_result *results);

/* Into how many parts the derivatives of a step are cut, and part number `part` of them, slopes[d]; 1, and not to be
 * asked for, where doubles hold them. What is cut are the sizes of rows that they are to be parts of, derivatives times
 * 2^offsets[d] (NULL: ones): each part then has the rows in one order, but for those that are alike in it. */
long exponents_parts(const struct trajectory *trajectory, long lag_index, long chain, const int *offsets);
void exponents_part(const struct trajectory *trajectory, long lag_index, long chain, const int *offsets, long part,
                    double *slopes);

/* Adds the ln R_ii of a decomposition within the window, the last factor of which stands at a lag; and what rounding
 * may have changed of the sums, as a share of the window. A decomposition perturbs the span of the first columns by d
 * u, for each of its factors, over its pivot; what that has of the direction behind them grows by R of that over their
 * last one, which mostly makes it shrink, but for steps on which the two change places. */
void exponents_add_logarithms(const struct exponent_problem *problem, const double *logs, long lag_index,
                              struct exponent_result *result);
void exponents_add_rounding(const struct exponent_problem *problem, const struct frame *frame,
                            struct exponent_result *result);

/* *sum += value, and *rest += what that has rounded away (Knuth). The sums of a window are thousands of times a
 * logarithm, whose rounding otherwise is more than that of the frames. */
void exponents_add(double value, double *sum, double *rest);

/* Whether a batch of steps ends with the one at a lag: no decomposition spans two of them. */
bool exponents_ends_batch(const struct exponent_problem *problem, long lag_index);

/* Behind the rank, result->finite, is rounding: -inf stands there. Nothing before it may be zero. */
void exponents_cut_off(const struct exponent_problem *problem, struct exponent_result *result);

/* Bytes on each rank, and operations of one chain. */
double exponents_bytes(long hidden_size, long count, bool two_sided, bool on_grid);

#endif
