/* The weights of one network (ensemble, d, replica), drawn and packed for linalg/.
 *
 * Swept weights are W = gain * W_unit. With a spectral radius asked for, W_unit = W_drawn / rho(W_drawn) and the gain
 * is the swept radius; at `native` scale W_unit = W_drawn and the gain is 1; untied weights are never divided, and the
 * gain is the swept radius (or 1). Not collective, but for what says so. */
#ifndef GRADSWEEP_MODEL_WEIGHTS_H
#define GRADSWEEP_MODEL_WEIGHTS_H

#include "base/phases.h"
#include "linalg/matrix.h"
#include "model/ensemble.h"
#include "model/kept_draws.h"

/* rho and ||.||_2 of W as drawn, before rescaling; NaN where there is none (untied), or where a radius cannot be found.
 * `log_norm_error` bounds the error of ln norm. */
struct weight_spectrum {
    double radius;
    double norm;
    double log_norm_error;
};

/* Draws W and computes its spectrum by the one fixed algorithm: LAPACK below distribute_from, Gelfand's ratio from
 * there on; by construction where known; exactly 0 where the zeros of W alone make it nilpotent, or where it is below
 * d u ||W||, the noise of rounding. A radius that cannot
 * be found is NaN, with the reason in status_message(); that is no error here. Errors: STATUS_MEMORY; STATUS_NUMERICAL
 * for a norm that cannot be found; STATUS_IO for a file that cannot be read, or was changed. */
CHECKED enum status weights_spectrum(const struct network_key *key, long distribute_from,
                                     struct weight_spectrum *spectrum);

/* The same by a team that holds W together; `grid` NULL is a rank alone. From distribute_from on, the norm comes from
 * products alone (and for symmetric and antisymmetric W the radius with it): for laws whose entries are drawn one by
 * one the bits are the same on any grid, one rank included. `phases` (may be NULL) is told
 * when W is drawn; a rank alone keeps it in `kept` (may be NULL). Collective within the team, and agreed. */
CHECKED enum status weights_spectrum_on_grid(const struct process_grid *grid, const struct network_key *key,
                                             long distribute_from, bool (*stop_requested)(void), struct phases *phases,
                                             struct kept_draws *kept, struct weight_spectrum *spectrum);

/* The bound on the error of ln ||W||_2 that weights_spectrum gives for this law and size; for spectra read back from a
 * results file, which does not hold it. */
double weights_log_norm_error(const struct ensemble *ensemble, long hidden_size);

/* The eigenvalues of W as drawn, by descending modulus, conjugate pairs with the positive imaginary part first:
 * re[hidden_size], im[hidden_size]. They are those of W_unit = W / divisor, times the divisor, so that their order is
 * that of its eigenvectors to the last bit, where moduli are all but equal too. Errors: STATUS_MEMORY; STATUS_NUMERICAL
 * where they cannot be found. */
CHECKED enum status weights_eigenvalues(const struct network_key *key, double divisor, double *re, double *im);

struct weights;

/* Draws and packs W_unit, W and W^T; reads W, and what else its file holds, of a file ensemble, which must outlive the
 * weights. `divisor` is the spectral radius of W as drawn, or 1 for native and untied. Release with weights_close.
 * Errors: STATUS_MEMORY, STATUS_NUMERICAL (divisor not a positive finite number), STATUS_IO (a file that cannot be
 * read, or was changed). */
CHECKED enum status weights_open(const struct network_key *key, double divisor, struct weights **weights);
void weights_close(struct weights *weights);
SCOPED_HANDLE(weights, weights_close)

/* Whether networks of a key have the W that is open: other replicas of a file ensemble, which differ in the rest. And
 * makes the network that of another replica; then collective within the team, and agreed. Errors: STATUS_IO,
 * STATUS_MEMORY; the network is of no use after these. */
bool weights_are_shared(const struct weights *weights, const struct network_key *key);
CHECKED enum status weights_turn(struct weights *weights, long replica);

/* The same on a team: every rank draws, or reads, its own part of W, the same W on any grid (but for orthogonal and
 * nonnormal ones, whose QR decomposition differs). `grid` NULL is a rank alone, which takes W from `kept` where it is
 * (may be NULL); both must outlive the weights. Collective within the team, and agreed. */
CHECKED enum status weights_open_on_grid(const struct process_grid *grid, const struct network_key *key, double divisor,
                                         const struct kept_draws *kept, struct weights **weights);

/* The grid that holds W; NULL: one rank has it all. */
const struct process_grid *weights_grid(const struct weights *weights);

/* The team of that grid, for team_agree; NULL: one rank. */
const struct team *weights_team(const struct weights *weights);

/* The packed W_unit that makes x_step from x_{step-1}, step = 1..T: always the same one unless untied, where it is
 * drawn afresh and stays valid until the next call. On a grid collective within the team. */
CHECKED enum status weights_at(struct weights *weights, long step, const struct matrix **matrix);

/* The same W_unit as plain values[d * d], column-major, owned by `weights` and valid as long. For a rank alone:
 * STATUS_INTERNAL on a grid. */
CHECKED enum status weights_values(struct weights *weights, long step, const double **values);

/* The rank of W, exactly: that of the doubles that were drawn or loaded, before they were divided by anything; W as it
 * is swept is that matrix times an exact number, although its stored elements are rounded. Found once per network. The
 * hidden size for untied weights, whose law gives full rank but with probability 0, for W on a grid, of which no rank
 * has the whole, and beyond EXACT_LARGEST_DIMENSION. Not collective. Errors: STATUS_MEMORY, STATUS_IO. */
CHECKED enum status weights_rank(struct weights *weights, long *rank);

/* Whether it is known at once that no power of that W is zero: its trace, which is 0 for every nilpotent matrix, is
 * not, modulo a prime; or its law says so. Errors as weights_rank. */
CHECKED enum status weights_have_trace(const struct weights *weights, bool *have);

/* The same W modulo a prime of linalg/exact_rank.h, packed; of tied weights of a rank alone. Owned by `weights`.
 * Errors: STATUS_MEMORY, STATUS_IO; STATUS_INTERNAL for other weights. */
CHECKED enum status weights_residues(struct weights *weights, int prime, const struct matrix **residues);

/* What the file of a file ensemble gives beside W, in place of the model's: owned by `weights`; without any for other
 * ensembles. */
const struct network_arrays *weights_given(const struct weights *weights);

/* The network, and the parts of its key that are asked for most. */
const struct network_key *weights_key(const struct weights *weights);
const struct ensemble *weights_ensemble(const struct weights *weights);
long weights_hidden_size(const struct weights *weights);
uint64_t weights_seed(const struct weights *weights);

#endif
