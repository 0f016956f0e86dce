#include "store/check_rules.h"

#include "gradient/bound.h"

#include <math.h>

/* No error of ln ||W||_2 is as large: it is found to rounding. */
static const double largest_log_norm_error = 1e-10;
/* Of values that are computed twice in different orders, relative to their size. */
static const double recomputation = 1e-11;
/* For dense lags there are thousands of triples l + m = n a cell; these many are tested, spread over all. */
enum { MOST_TRIPLES = 512 };

const char *check_rule_text(enum check_rule rule)
{
    static const char *const texts[CHECK_RULE_COUNT] = {
#define CHECK_AS_TEXT(code, text) [code] = text,
        CHECK_RULES(CHECK_AS_TEXT)
#undef CHECK_AS_TEXT
    };
    return texts[rule];
}

void check_tally_reset(struct check_tally tallies[CHECK_RULE_COUNT])
{
    for (int rule = 0; rule < CHECK_RULE_COUNT; rule++)
        tallies[rule] = (struct check_tally){ .worst_margin = INFINITY };
}

bool check_count(struct check_tally *tally, bool is_right)
{
    tally->tested++;
    tally->wrong += !is_right;
    return is_right;
}

bool check_count_margin(struct check_tally *tally, double margin)
{
    if (!(margin >= tally->worst_margin))
        tally->worst_margin = margin;
    return check_count(tally, margin >= 0);
}

static bool is_untied(const struct checked_cell *cell)
{
    return cell->sweep->ensembles[cell->position.ensemble].kind->is_fresh_at_every_step;
}

static double log_gamma(const struct checked_cell *cell)
{
    return log(cell->sweep->gammas[cell->position.gamma]);
}

/* W is rescaled to the swept radius unless the sweep asks for its native scale. */
static double log_gain(const struct checked_cell *cell)
{
    if (cell->sweep->native)
        return 0;
    return log(cell->sweep->spectral_radii[cell->position.spectral_radius]) - log(cell->weight_radius);
}

double check_log_norm_condition(const struct checked_cell *cell)
{
    return is_untied(cell) ? NAN : log_gamma(cell) + log_gain(cell) + log(cell->weight_norm);
}

double check_log_radius_condition(const struct checked_cell *cell)
{
    return is_untied(cell) ? NAN : log_gamma(cell) + log_gain(cell) + log(cell->weight_radius);
}

static double uncertainty(const struct checked_cell *cell, long lag)
{
    return bound_uncertainty(cell->sweep->tolerance, (double)lag, largest_log_norm_error,
                             cell->sweep->hidden_sizes[cell->position.hidden_size]);
}

/* A logarithm of a norm: -inf is one, of a norm of 0. */
static bool is_log_norm(double value)
{
    return !isnan(value) && value < INFINITY;
}

static bool values_are_right(const struct checked_cell *cell, struct check_tally *tally)
{
    bool flags = cell->vanishing_guaranteed <= 1 || isnan(check_log_norm_condition(cell));
    flags = flags && (cell->spectral_condition <= 1 || isnan(check_log_radius_condition(cell)));
    bool right = check_count(tally, flags && is_log_norm(cell->growth_rate));
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        bool known =
            is_log_norm(cell->log_norms[i]) && is_log_norm(cell->log_bounds[i]) && cell->verdicts[i] <= BOUND_VIOLATED;
        if (cell->log_frobenius_norms)
            known = known && is_log_norm(cell->log_frobenius_norms[i]);
        right = check_count(tally, known) && right;
    }
    return right;
}

/* How far two logarithms that should be equal are inside `allowed`. */
static double equality_margin(double a, double b, double allowed)
{
    return a == b ? allowed : allowed - fabs(a - b);
}

static bool bound_value_is_right(const struct checked_cell *cell, struct check_tally *tally)
{
    const double per_step = check_log_norm_condition(cell);
    bool right = true;
    if (isnan(per_step)) /* untied: its bound is a sum over norms that are not stored */
        return true;
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const double lag = (double)cell->sweep->lags[i];
        const double allowed = recomputation * lag * (isinf(per_step) ? 1 : 1 + fabs(per_step));
        right = check_count_margin(tally, equality_margin(cell->log_bounds[i], lag * per_step, allowed)) && right;
    }
    return right;
}

static bool bound_is_kept(const struct checked_cell *cell, struct check_tally *tally)
{
    bool right = true;
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const double norm = cell->log_norms[i], bound = cell->log_bounds[i];
        const double allowed = uncertainty(cell, cell->sweep->lags[i]);
        double margin = norm == bound ? allowed : bound - norm + allowed;
        if (cell->verdicts[i] == BOUND_VIOLATED) /* the verdict knows its own error better than we do */
            margin = fmin(margin, -allowed);
        right = check_count_margin(tally, margin) && right;
    }
    return right;
}

static double verdict_margin(const struct checked_cell *cell, long i)
{
    const double norm = cell->log_norms[i], bound = cell->log_bounds[i];
    const double allowed = uncertainty(cell, cell->sweep->lags[i]);
    const double delta = norm == bound ? 0 : bound - norm;
    switch ((enum bound_verdict)cell->verdicts[i]) {
    case BOUND_NOT_COMPUTED:
        return isnan(norm) || isnan(bound) ? INFINITY : -INFINITY;
    case BOUND_HOLDS:
        return delta - cell->sweep->tolerance;
    case BOUND_WITHIN_ROUNDING:
        return allowed - fabs(delta);
    case BOUND_VIOLATED:
        return -delta - cell->sweep->tolerance;
    }
    return -INFINITY;
}

static bool verdict_is_right(const struct checked_cell *cell, struct check_tally *tally)
{
    bool right = true;
    for (long i = 0; i < cell->sweep->lag_count; i++)
        right = check_count_margin(tally, verdict_margin(cell, i)) && right;
    return right;
}

/* How far a flag `log_value < 0` is from being wrong; infinite where neither is known. */
static double condition_margin(uint8_t flag, double log_value)
{
    if (isnan(log_value))
        return flag == UINT8_MAX ? INFINITY : -INFINITY;
    return largest_log_norm_error + (flag ? -log_value : log_value);
}

static bool conditions_are_right(const struct checked_cell *cell, struct check_tally *tally)
{
    bool norm = check_count_margin(tally, condition_margin(cell->vanishing_guaranteed, check_log_norm_condition(cell)));
    bool radius =
        check_count_margin(tally, condition_margin(cell->spectral_condition, check_log_radius_condition(cell)));
    return norm && radius;
}

static bool growth_is_right(const struct checked_cell *cell, struct check_tally *tally)
{
    const double slope = bound_growth_rate(cell->sweep->lags, cell->log_norms, cell->sweep->lag_count);
    const double allowed = recomputation * (isinf(slope) ? 1 : 1 + fabs(slope));
    return check_count_margin(tally, equality_margin(cell->growth_rate, slope, allowed));
}

static bool frobenius_is_right(const struct checked_cell *cell, struct check_tally *tally)
{
    const double spread = 0.5 * log((double)cell->sweep->hidden_sizes[cell->position.hidden_size]);
    bool right = true;
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const double spectral = cell->log_norms[i], frobenius = cell->log_frobenius_norms[i];
        const double allowed = uncertainty(cell, cell->sweep->lags[i]);
        double margin = fmin(frobenius - spectral, spectral + spread - frobenius) + allowed;
        if (isinf(spectral) && isinf(frobenius)) /* a product that is exactly 0 */
            margin = allowed;
        right = check_count_margin(tally, margin) && right;
    }
    return right;
}

/* The place of a lag on the ascending axis; -1 if it is not there. */
static long find_lag(const struct sweep *sweep, long lag)
{
    long low = 0, high = sweep->lag_count - 1;
    while (low <= high) {
        long middle = (low + high) / 2;
        if (sweep->lags[middle] == lag)
            return middle;
        if (sweep->lags[middle] < lag)
            low = middle + 1;
        else
            high = middle - 1;
    }
    return -1;
}

static double powers_margin(const struct checked_cell *cell, long i, long j, long whole)
{
    const double norm = cell->log_norms[whole], product = cell->log_norms[i] + cell->log_norms[j];
    const double allowed = 3 * uncertainty(cell, cell->sweep->lags[whole]);
    return norm == product ? allowed : product - norm + allowed;
}

/* Only for identity: there J_l = (gamma W)^l. Other products end at the same time T, and J_{l+m} is not made of J_l and
 * J_m; nor is it with untied weights. */
static bool powers_are_right(const struct checked_cell *cell, struct check_tally *tally)
{
    const long count = cell->sweep->lag_count, pairs = count * (count + 1) / 2;
    const long stride = 1 + pairs / MOST_TRIPLES;
    bool right = true;
    if (!cell->sweep->activations[cell->position.activation]->is_identity || is_untied(cell))
        return true;
    for (long i = 0, pair = 0; i < count; i++)
        for (long j = i; j < count; j++, pair++) {
            long whole = pair % stride == 0 ? find_lag(cell->sweep, cell->sweep->lags[i] + cell->sweep->lags[j]) : -1;
            if (whole >= 0)
                right = check_count_margin(tally, powers_margin(cell, i, j, whole)) && right;
        }
    return right;
}

bool check_cell(const struct checked_cell *cell, struct check_tally tallies[CHECK_RULE_COUNT], enum check_rule *broken)
{
    static const struct {
        enum check_rule rule;
        bool (*holds)(const struct checked_cell *cell, struct check_tally *tally);
    } rules[] = {
        { CHECK_VALUES, values_are_right },         { CHECK_BOUND_VALUE, bound_value_is_right },
        { CHECK_BOUND_KEPT, bound_is_kept },        { CHECK_VERDICT, verdict_is_right },
        { CHECK_CONDITIONS, conditions_are_right }, { CHECK_GROWTH, growth_is_right },
        { CHECK_FROBENIUS, frobenius_is_right },    { CHECK_POWERS, powers_are_right },
    };
    bool right = true;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].rule == CHECK_FROBENIUS && !cell->log_frobenius_norms)
            continue;
        if (!rules[i].holds(cell, &tallies[rules[i].rule]) && right) {
            right = false;
            *broken = rules[i].rule;
        }
        if (rules[i].rule == CHECK_VALUES && !right)
            return false; /* the other rules would only say so again */
    }
    return right;
}
