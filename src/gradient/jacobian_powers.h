/* Runs of equal steps: over the last m steps of the window S_T = S_{T-1} = ... = S to the bit, as for identity, where
 * states have settled at 0 or at another fixed point, and where relu's keep their direction. A product over them is
 * S^m, which a few powers S^(2^k) of linalg/powers.h make up, instead of m steps.
 *
 * Accuracy. Squaring may lose digits that steps keep: an error E of S^a is worth 2 ||S^a|| ||E|| in S^2a, while
 * ||S^2a|| may be far below ||S^a||^2. A bound by norms alone would hardly ever be good enough, so powers are looked
 * at: k standard normal columns g go through a steps, and with Delta = S^a as it was found less S^a as steps find it,
 *     P(sum_i ||Delta g_i||^2 <= x ||Delta||_F^2) <= e^(s x) prod_j (1 + 2 s sigma_j^2)^(-k/2) <= (e x / k)^(k/2)
 * for singular values sigma_j of Delta / ||Delta||_F and s = k / 2x - 1/2 (Chernoff; the product is at least 1 + 2 s).
 * So ||Delta||_F is at most sqrt(sum / x), x = (k / e) p^(2/k), but for a chance of p. With p = 1e-8 over the most
 * powers that a chain may have, and ||S^a|| >= ||(S^a)^T z|| / ||z|| for z = S^a g, that bounds what S^a is off by,
 * eps_a = ||Delta||_F / ||S^a||_2. A product of n of them is taken for S^(n a) where n eps_a is at most a tenth of the
 * tolerance. Where it is more, smaller powers are tried, and at last steps. The bound is some 20 sqrt(d) times what the
 * error of such a norm is, but products amplify errors of their factors, and those of powers more than those of steps
 * where ||S^l|| is far below ||S^a||^n: by 10^5 for strongly non-normal W. So a norm that was found through powers
 * stands only where one pass through the steps, from its singular vector, confirms it (gradient/jacobian_implicit.c).
 *
 * Which powers a product is made of depends on d, m, S and the tolerance alone, not on the other lags and chains: they
 * move no bit; nor does a team. Private to gradient/. */
#ifndef GRADSWEEP_GRADIENT_JACOBIAN_POWERS_H
#define GRADSWEEP_GRADIENT_JACOBIAN_POWERS_H

#include "gradient/jacobian.h"
#include "linalg/block.h"

/* Beyond the first, the memory that powers take is more than they are worth; beyond the second, for a chain that shares
 * its S with no other: all that settle at 0 have W itself. */
enum { JACOBIAN_POWERS_LARGEST_DIMENSION = 1024, JACOBIAN_POWERS_LARGEST_OF_A_CHAIN = 128 };

/* Columns that are looked at. */
enum { JACOBIAN_POWERS_PROBES = 8 };

/* The number k of squarings whose result S^(2^k) is the largest power that a run of so many steps is made of; 0: steps
 * alone, since squarings would take longer. Of identity, where all lags share them, or of one chain. */
int jacobian_powers_squarings(long hidden_size, long run, bool is_identity);

struct jacobian_powers;

/* Those of a problem's chains, where it may take any (jacobian_problem.may_take_powers, and a rank alone), for blocks
 * of up to so many columns; it must outlive them. Release with jacobian_powers_close. Errors: STATUS_MEMORY,
 * STATUS_STOPPED. */
CHECKED enum status jacobian_powers_open(const struct jacobian_problem *problem, struct gradient_context *context,
                                         long columns, struct jacobian_powers **powers);
void jacobian_powers_close(struct jacobian_powers *powers);
SCOPED_HANDLE(jacobian_powers, jacobian_powers_close)

/* How J_lag of a chain is had: its last `run` steps as powers up to S^(2^squarings) of one kind, the others one by one.
 */
struct jacobian_run {
    long steps; /* 0: no powers */
    int kind, squarings;
};
struct jacobian_run jacobian_powers_run(const struct jacobian_powers *powers, long chain, long lag);

/* Column j of y := its run's power times it, or the transpose, with exponents[j] likewise and balanced as
 * block_balance_columns does; columns without one stay. room[2]: two blocks of y's shape at least. The operations are
 * counted. */
CHECKED enum status jacobian_powers_apply(const struct jacobian_powers *powers, struct gradient_context *context,
                                          bool transposed, const struct jacobian_run *runs, struct block *y,
                                          int64_t *exponents, const struct block *room);

#endif
