#include "run/executor.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "run/weight_traffic.h"
#include "run/work.h"

#include <math.h>
#include <string.h>

struct executor {
    const struct sweep *sweep;
    struct store *store;
    bool is_fresh;
    bool is_shard;
    bool retry_failed;
    struct gradient_context context;
    const struct process_grid *grid; /* of the team; NULL: this rank alone */
    /* The last network, kept because the next unit often belongs to it too. */
    struct weights *weights;
    struct weight_spectrum spectrum;
    uint64_t weight;
    struct kept_draws *kept;       /* of this rank alone */
    struct weight_traffic traffic; /* of the present unit */
    /* What was found of the W of a file, which all its replicas share. */
    const struct ensemble *found_ensemble; /* NULL: nothing yet */
    struct weight_spectrum found_spectrum;
    double *found_eigenvalues; /* [2 d]: re, im; NULL: not found */
};

enum status executor_open(const struct sweep *sweep, struct store *store, bool is_fresh, bool is_shard,
                          bool retry_failed, struct phases *phases, struct executor **executor)
{
    TRY(memory_allocate(executor, 1, "the executor"));
    **executor = (struct executor){ .sweep = sweep,
                                    .store = store,
                                    .is_fresh = is_fresh,
                                    .is_shard = is_shard,
                                    .retry_failed = retry_failed,
                                    .traffic = { .store = store, .phases = phases },
                                    .context = { .stop_requested = team_stop_requested, .phases = phases } };
    return kept_draws_open(&(*executor)->kept);
}

const double *executor_measure_seconds(const struct executor *executor)
{
    return executor->context.measure_seconds;
}

static struct phase_visit visit_phase(const struct executor *executor, enum phase phase)
{
    return phases_visit(executor->context.phases, phase);
}

static void forget_weights(struct executor *executor)
{
    weights_close(executor->weights);
    executor->weights = NULL;
}

void executor_close(struct executor *executor)
{
    if (executor == NULL)
        return;
    forget_weights(executor);
    kept_draws_close(executor->kept);
    memory_free(executor->found_eigenvalues);
    memory_free(executor);
}

void executor_join(struct executor *executor, const struct process_grid *grid)
{
    if (executor->grid != grid)
        forget_weights(executor); /* they lie on the grid that is left */
    executor->grid = grid;
    team_enter(grid ? grid->team : NULL);
}

static const struct team *team_of(const struct executor *executor)
{
    return executor->grid ? executor->grid->team : NULL;
}

static int team_size(const struct executor *executor)
{
    const struct team *team = team_of(executor);
    return team ? team->size : 1;
}

/* The one rank of the team that reads and writes the file, counts, and speaks. */
static bool is_speaker(const struct executor *executor)
{
    const struct team *team = team_of(executor);
    return team == NULL || team->rank == 0;
}

/* What the file says of a network; NaN, NaN where nothing yet, or where it is damaged (told to the speaker alone).
 * Collective within the team. */
static enum status read_spectrum(struct executor *executor, uint64_t weight, struct weight_spectrum *spectrum,
                                 bool *is_damaged)
{
    struct weight_facts facts = { .radius = NAN, .norm = NAN };
    *is_damaged = false;
    enum status status = STATUS_OK;
    if (is_speaker(executor))
        status = weight_traffic_read(&executor->traffic, weight, &facts, is_damaged);
    TRY(team_agree(team_of(executor), status));
    double stored[2] = { facts.radius, facts.norm };
    TRY(team_broadcast(team_of(executor), stored, sizeof stored));
    spectrum->radius = stored[0];
    spectrum->norm = stored[1];
    return STATUS_OK;
}

/* The W of a file is one for all its replicas. */
static enum status compute_spectrum(struct executor *executor, const struct network_key *key,
                                    struct weight_spectrum *spectrum)
{
    if (key->ensemble == executor->found_ensemble) {
        *spectrum = executor->found_spectrum;
        return STATUS_OK;
    }
    SCOPED(phase_visit) visit = visit_phase(executor, PHASE_SPECTRA);
    TRY(weights_spectrum_on_grid(executor->grid, key, executor->sweep->distribute_from, team_stop_requested,
                                 executor->context.phases, executor->kept, spectrum));
    if (key->ensemble->kind->is_file) {
        executor->found_ensemble = key->ensemble;
        executor->found_spectrum = *spectrum;
        memory_free(executor->found_eigenvalues);
        executor->found_eigenvalues = NULL;
    }
    return STATUS_OK;
}

/* *is_stored := the file's spectrum is there and intact; else it is computed, to the same bits wherever that is. */
static enum status find_spectrum(struct executor *executor, const struct unit *unit, bool *is_stored,
                                 struct weight_spectrum *spectrum)
{
    const struct network_key key = grid_network_key(executor->sweep, &unit->place);
    bool is_damaged = false;
    char text[GRID_TEXT];
    *is_stored = true;
    *spectrum = (struct weight_spectrum){ .radius = NAN, .norm = NAN, .log_norm_error = 0.0 };
    if (key.ensemble->kind->spectrum == SPECTRUM_NONE)
        return STATUS_OK;
    if (!executor->is_fresh || unit->kind != UNIT_WEIGHT) /* a new file knows nothing before its weight units */
        TRY(read_spectrum(executor, unit->weight, spectrum, &is_damaged));
    spectrum->log_norm_error = weights_log_norm_error(key.ensemble, key.hidden_size);
    if (!isnan(spectrum->norm))
        return STATUS_OK;
    *is_stored = false;
    if (is_damaged && unit->kind == UNIT_WEIGHT)
        log_warning("the stored spectrum of %s was damaged; it is written anew",
                    grid_describe_weight(executor->sweep, unit->weight, text));
    return compute_spectrum(executor, &key, spectrum);
}

static bool has_nan(long count, const double *values)
{
    for (long i = 0; i < count; i++)
        if (isnan(values[i]))
            return true;
    return false;
}

/* The radius that a network's W is divided by; 1 where it is not rescaled, or cannot be. */
static double divisor_of(const struct executor *executor, double radius)
{
    return executor->sweep->native || !(radius > 0.0) ? 1.0 : radius;
}

static enum status compute_eigenvalues(struct executor *executor, const struct network_key *key, double divisor,
                                       struct weight_facts *facts)
{
    const long d = key->hidden_size;
    const bool is_known = key->ensemble == executor->found_ensemble;
    double *kept = executor->found_eigenvalues;
    if (is_known && kept) {
        memcpy(facts->eigenvalue_re, kept, (size_t)d * sizeof *kept);
        memcpy(facts->eigenvalue_im, kept + d, (size_t)d * sizeof *kept);
        return STATUS_OK;
    }
    SCOPED(phase_visit) visit = visit_phase(executor, PHASE_SPECTRA);
    TRY(weights_eigenvalues(key, divisor, facts->eigenvalue_re, facts->eigenvalue_im));
    if (is_known) {
        TRY(memory_allocate(&executor->found_eigenvalues, 2 * d, "eigenvalues"));
        memcpy(executor->found_eigenvalues, facts->eigenvalue_re, (size_t)d * sizeof *kept);
        memcpy(executor->found_eigenvalues + d, facts->eigenvalue_im, (size_t)d * sizeof *kept);
    }
    return STATUS_OK;
}

/* The eigenvalues of W from the file, or computed; *is_stored := the file had them. facts: with room for both arrays.
 */
static enum status find_eigenvalues(struct executor *executor, const struct unit *unit, struct weight_facts *facts,
                                    bool *is_stored)
{
    const struct network_key key = grid_network_key(executor->sweep, &unit->place);
    const long d = key.hidden_size;
    const double divisor = divisor_of(executor, facts->radius);
    if (*is_stored) {
        TRY(store_read_weights(executor->store, unit->weight, 1, facts, NULL));
        *is_stored = !has_nan(d, facts->eigenvalue_re) && !has_nan(d, facts->eigenvalue_im);
    }
    return *is_stored ? STATUS_OK : compute_eigenvalues(executor, &key, divisor, facts);
}

static enum status write_facts(const struct executor *executor, const struct unit *unit,
                               const struct weight_facts *facts)
{
    enum status status = STATUS_OK;
    if (is_speaker(executor)) {
        SCOPED(phase_visit) visit = visit_phase(executor, PHASE_STORE);
        status = store_write_weights(executor->store, unit->weight, 1, facts);
    }
    return team_agree(team_of(executor), status);
}

/* Eigenvalues and all; where they cannot be found, the rest is kept. No team has eigenvalues. */
static enum status keep_with_eigenvalues(struct executor *executor, const struct unit *unit, bool is_stored,
                                         const struct weight_facts *known)
{
    struct weight_facts facts = *known;
    SCOPED_MEMORY double *values = NULL;
    TRY(memory_allocate(&values, 2 * facts.hidden_size, "eigenvalues"));
    facts.eigenvalue_re = values;
    facts.eigenvalue_im = values + facts.hidden_size;
    bool is_whole = is_stored;
    enum status found = find_eigenvalues(executor, unit, &facts, &is_whole), status = STATUS_OK;
    if (found == STATUS_OK && !is_whole)
        status = write_facts(executor, unit, &facts);
    else if (found == STATUS_NUMERICAL && !is_stored)
        status = write_facts(executor, unit, known);
    return status == STATUS_OK ? found : status;
}

/* Writes what the file lacks of a network, all of it at once: others may write the same meanwhile. */
static enum status keep_spectrum(struct executor *executor, const struct unit *unit, bool is_stored,
                                 const struct weight_spectrum *spectrum)
{
    const struct weight_facts facts = { .radius = spectrum->radius,
                                        .norm = spectrum->norm,
                                        .hidden_size = grid_hidden_size(executor->sweep, &unit->place) };
    if (weight_result_needs_eigenvalues(executor->sweep->measures) &&
        facts.hidden_size < executor->sweep->distribute_from)
        return keep_with_eigenvalues(executor, unit, is_stored, &facts);
    if (is_stored)
        return STATUS_OK;
    if (unit->kind != UNIT_WEIGHT)
        return write_facts(executor, unit, &facts);
    const enum status status =
        is_speaker(executor) ? weight_traffic_write(&executor->traffic, unit->weight, &facts) : STATUS_OK;
    return team_agree(team_of(executor), status);
}

/* Fills what the file has of a network and lacks. */
static enum status complete_weight(struct executor *executor, const struct unit *unit, struct executor_tally *tally)
{
    struct weight_spectrum spectrum;
    bool is_stored;
    TRY(find_spectrum(executor, unit, &is_stored, &spectrum));
    if (!is_stored)
        tally->flops += is_speaker(executor) ? unit->cost.flops : 0.0;
    return keep_spectrum(executor, unit, is_stored, &spectrum);
}

/* One replica after another. Those that share one W share what is found, and what cannot be. */
static enum status do_weight_unit(struct executor *executor, const struct unit *unit, struct executor_tally *tally)
{
    char text[GRID_TEXT];
    const bool is_shared = grid_ensemble(executor->sweep, &unit->place)->kind->is_file;
    bool is_lost = false;
    for (long i = 0; i < unit->weight_count && !is_lost; i++) {
        const struct unit one = unit_of_network(unit, i);
        enum status status = complete_weight(executor, &one, tally);
        /* What this network cannot give is the failure of its cells, when their turn comes. */
        if (status != STATUS_NUMERICAL && status != STATUS_MEMORY) {
            TRY(status);
            continue;
        }
        if (is_speaker(executor))
            log_warning("%s: %s", grid_describe_weight(executor->sweep, one.weight, text), status_message());
        tally->networks_lacking += status == STATUS_MEMORY && is_speaker(executor);
        is_lost = is_shared;
    }
    return team_agree(team_of(executor), weight_traffic_flush(&executor->traffic));
}

/* A shard computes its own weights: which of the others does is not known. Eigenvalues that cannot be found are what
 * the cells that need them will tell of. */
static enum status keep_in_shard(struct executor *executor, const struct unit *unit, bool is_stored)
{
    if (!executor->is_shard || grid_ensemble(executor->sweep, &unit->place)->kind->spectrum == SPECTRUM_NONE)
        return STATUS_OK;
    enum status status = keep_spectrum(executor, unit, is_stored, &executor->spectrum);
    return status == STATUS_NUMERICAL ? STATUS_OK : status;
}

static enum status require_radius(double radius)
{
    if (radius > 0.0)
        return STATUS_OK;
    return status_fail(STATUS_NUMERICAL,
                       "the spectral radius of W is %s, so that W cannot be rescaled; use spectral_radius: native, or "
                       "another ensemble",
                       radius == 0.0 ? "zero" : "not to be found");
}

/* W_unit of the network, which may be the one that is open already. */
static enum status open_weights(struct executor *executor, const struct network_key *key, double divisor)
{
    SCOPED(phase_visit) visit = visit_phase(executor, PHASE_DRAWING);
    if (executor->weights == NULL)
        return weights_open_on_grid(executor->grid, key, divisor, executor->kept, &executor->weights);
    const enum status status = weights_turn(executor->weights, key->replica);
    if (status != STATUS_OK)
        forget_weights(executor);
    return status;
}

/* Makes the unit's W_unit and spectrum the current ones. *failure says why its cells cannot be computed. */
static enum status take_weights(struct executor *executor, const struct unit *unit, enum failure_reason *failure)
{
    const struct network_key key = grid_network_key(executor->sweep, &unit->place);
    bool is_stored, is_unscaled = executor->sweep->native || key.ensemble->kind->spectrum == SPECTRUM_NONE;
    *failure = FAILURE_NONE;
    if (executor->weights && executor->weight == unit->weight)
        return STATUS_OK;
    if (executor->weights && !weights_are_shared(executor->weights, &key))
        forget_weights(executor);
    executor->weight = unit->weight;
    enum status status = find_spectrum(executor, unit, &is_stored, &executor->spectrum);
    double radius = executor->spectrum.radius;
    if (status == STATUS_OK && !is_unscaled)
        status = require_radius(radius);
    if (status == STATUS_OK)
        status = open_weights(executor, &key, is_unscaled ? 1.0 : radius);
    if (status == STATUS_OK)
        status = keep_in_shard(executor, unit, is_stored);
    if (status != STATUS_OK)
        forget_weights(executor);
    if (status == STATUS_NUMERICAL)
        *failure = radius == 0.0 ? FAILURE_ZERO_RADIUS : FAILURE_SPECTRUM;
    if (status == STATUS_MEMORY)
        *failure = FAILURE_MEMORY;
    return *failure == FAILURE_NONE ? status : STATUS_OK;
}

/* A unit of one network, whose part of the work it is. */
static enum status compute(struct executor *executor, const struct unit *unit, struct work *work,
                           const struct work_part *part, enum failure_reason *failure)
{
    TRY(take_weights(executor, unit, failure));
    if (*failure != FAILURE_NONE)
        return STATUS_OK;
    enum status status = work_compute(work, part, executor->sweep, executor->weights, executor->spectrum,
                                      grid_activation(executor->sweep, &unit->place), &executor->context);
    status = team_agree(team_of(executor), status);
    if (status == STATUS_NUMERICAL)
        *failure = FAILURE_NO_CONVERGENCE;
    if (status == STATUS_MEMORY)
        *failure = FAILURE_MEMORY;
    return *failure == FAILURE_NONE ? status : STATUS_OK;
}

/* Which measures failed in cells of a network, and how: one line a kind. */
static void warn_of_failures(const struct executor *executor, const struct unit *unit, const struct work *work,
                             const struct work_part *part)
{
    uint64_t counts[FAILURE_CODES] = { 0 };
    char place[GRID_TEXT], text[FAILURE_TEXT];
    for (uint64_t i = part->first; i < part->first + part->count; i++)
        counts[work->results.failure_reason[i]]++;
    for (int code = FAILURE_NONE + 1; code < FAILURE_CODES; code++)
        if (counts[code] > 0 && failure_text((uint8_t)code, text))
            log_warning("%s: %s in %llu of %llu cells", grid_describe_network(executor->sweep, &unit->place, place),
                        text, (unsigned long long)counts[code], (unsigned long long)part->count);
}

/* Likewise. */
static enum status do_network(struct executor *executor, const struct unit *unit, struct work *work,
                              const struct work_part *part, struct executor_tally *tally)
{
    char text[GRID_TEXT];
    double start = clock_seconds();
    enum failure_reason failure = FAILURE_NONE;
    executor->context.flops = 0.0;
    TRY(compute(executor, unit, work, part, &failure));
    if (!is_speaker(executor))
        return STATUS_OK;
    if (failure != FAILURE_NONE)
        log_warning("%s: %s", grid_describe_network(executor->sweep, &unit->place, text), status_message());
    const int ranks = team_size(executor);
    const double seconds = (clock_seconds() - start) / (double)part->count;
    uint64_t failed = work_mark(work, part, executor->sweep, failure, ranks, seconds,
                                cost_seconds(&unit->cost, ranks) / (double)unit->cell_count);
    if (failure == FAILURE_NONE && failed > 0)
        warn_of_failures(executor, unit, work, part);
    tally->cells_done += part->count - failed;
    tally->cells_failed += failed;
    tally->flops += executor->context.flops;
    return STATUS_OK;
}

static enum status do_work(struct executor *executor, const struct unit *unit, struct work *work,
                           struct executor_tally *tally)
{
    enum status status = STATUS_OK;
    for (long i = 0; i < work->part_count; i++) {
        const struct unit one = unit_of_network(unit, i);
        if (work->parts[i].count > 0)
            TRY(do_network(executor, &one, work, &work->parts[i], tally));
    }
    if (is_speaker(executor)) {
        SCOPED(phase_visit) visit = visit_phase(executor, PHASE_STORE);
        status = work_write(work, executor->sweep, executor->store);
    }
    return team_agree(team_of(executor), status);
}

/* needed[cell_count] := which cells of a unit are to be computed. Collective within the team. */
static enum status find_needed(const struct executor *executor, const struct unit *unit, uint8_t *needed)
{
    enum status status = STATUS_OK;
    memset(needed, 1, unit->cell_count);
    if (executor->is_fresh)
        return STATUS_OK;
    if (is_speaker(executor)) {
        SCOPED(phase_visit) visit = visit_phase(executor, PHASE_STORE);
        for (uint64_t row = 0, seen = 0; status == STATUS_OK && row < grid_plane_rows(executor->sweep); row++) {
            uint64_t first, count = unit_cells_in_row(executor->sweep, unit, row, &first);
            if (count > 0)
                status = store_cells_needed(executor->store, first, count, executor->retry_failed, needed + seen);
            seen += count;
        }
    }
    TRY(team_agree(team_of(executor), status));
    return team_broadcast(team_of(executor), needed, unit->cell_count);
}

/* Where not even the results of a unit find room: its cells fail, each written on its own. */
static enum status write_failed_cells(struct executor *executor, const struct unit *unit, const uint8_t *needed,
                                      struct executor_tally *tally)
{
    SCOPED(cell_results) one = { 0 };
    char text[GRID_TEXT];
    log_warning("%s: %s", grid_describe_network(executor->sweep, &unit->place, text), status_message());
    TRY(store_allocate_results(executor->sweep, 0, 1, &one));
    one.status[0] = STORE_FAILED;
    one.failure_reason[0] = FAILURE_MEMORY;
    one.team_size[0] = (uint16_t)team_size(executor);
    for (uint64_t row = 0, seen = 0; row < grid_plane_rows(executor->sweep); row++) {
        uint64_t first, count = unit_cells_in_row(executor->sweep, unit, row, &first);
        for (uint64_t i = 0; i < count; i++) {
            if (!needed[seen++])
                continue;
            one.first = first + i;
            TRY(store_write_cells(executor->store, &one));
            tally->cells_failed++;
        }
    }
    return STATUS_OK;
}

static enum status fail_cells(struct executor *executor, const struct unit *unit, const uint8_t *needed,
                              struct executor_tally *tally)
{
    enum status status = is_speaker(executor) ? write_failed_cells(executor, unit, needed, tally) : STATUS_OK;
    return team_agree(team_of(executor), status);
}

static enum status do_chain_unit(struct executor *executor, const struct unit *unit, struct executor_tally *tally)
{
    SCOPED_MEMORY uint8_t *needed = NULL;
    SCOPED(work) work = { 0 };
    TRY(team_agree(team_of(executor), memory_allocate(&needed, unit->cell_count, "needed cells of a unit")));
    TRY(find_needed(executor, unit, needed));
    enum status status = team_agree(team_of(executor), work_create(executor->sweep, unit, needed, &work));
    if (status == STATUS_MEMORY) {
        work_destroy(&work); /* another rank had no room: there is to be some for a single cell */
        return fail_cells(executor, unit, needed, tally);
    }
    TRY(status);
    struct executor_tally own = { 0 };
    if (work.count > 0)
        TRY(do_work(executor, unit, &work, &own));
    tally->cells_done += own.cells_done;
    tally->cells_failed += own.cells_failed;
    tally->flops += own.flops;
    return STATUS_OK;
}

enum status executor_do(struct executor *executor, const struct unit *unit, struct executor_tally *tally)
{
    weight_traffic_begin(&executor->traffic, unit);
    return unit->kind == UNIT_WEIGHT ? do_weight_unit(executor, unit, tally) : do_chain_unit(executor, unit, tally);
}
