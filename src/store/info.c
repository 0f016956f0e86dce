#include "base/json.h"
#include "base/memory.h"
#include "base/phases.h"
#include "h5/attribute.h"
#include "store/first_look.h"
#include "store/info_facts.h"
#include "store/info_json.h"
#include "store/inspect.h"
#include "store/lock.h"
#include "store/seal.h"
#include "sweep/grid.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { RUNS_SHOWN = 5, VALUES_SHOWN = 12 };

/* The length of an axis, and its values with the middle of a long one left out. */
static void print_axis(const struct sweep *sweep, enum sweep_axis axis, FILE *out)
{
    char number[AXIS_NUMBER_TEXT];
    const long length = axes_length(sweep, axis);
    fprintf(out, "  %-16s %6ld  ", axes_rule(axis)->name, length);
    for (long i = 0; i < length; i++) {
        if (length > VALUES_SHOWN && i == VALUES_SHOWN - 1) {
            fputs(", ...", out);
            i = length - 1;
        }
        fprintf(out, "%s%s", i ? ", " : "", axes_text(sweep, axis, i, number));
    }
    fputc('\n', out);
}

static void print_axes(const struct sweep *sweep, FILE *out)
{
    fprintf(out, "axes\n");
    for (enum sweep_axis axis = 0; axis < SWEEP_AXES; axis++)
        if (axes_has(sweep, axis))
            print_axis(sweep, axis, out);
    fprintf(out, "  %-16s %6ld  of %ld products of spectral_radius and gamma; cells that agree in it are one chain\n",
            "coupling", sweep->couplings.count, sweep->spectral_radius_count * sweep->gamma_count);
}

enum { PARAMETER_TEXT = 32 };

/* Into text[PARAMETER_TEXT], which is returned. */
static const char *describe_parameter(const struct measure_parameter *parameter, double value, char *text)
{
    if (isinf(value))
        return "all";
    if (parameter->is_flag)
        return value != 0 ? "true" : "false";
    snprintf(text, PARAMETER_TEXT, "%.0f", value);
    return text;
}

/* The measures as the sweep file names them, with what it says about them. */
static void print_measures(const struct sweep *sweep, FILE *out)
{
    char text[PARAMETER_TEXT];
    fprintf(out, "measures\n ");
    for (int number = 0; number < MEASURES; number++) {
        const struct measure *measure = measure_at(number);
        if (!(sweep->measures & 1u << number))
            continue;
        fprintf(out, " %s", measure->name);
        for (size_t i = 0; i < measure->parameter_count; i++)
            fprintf(out, "%s%s: %s%s", i ? ", " : " {", measure->parameters[i].name,
                    describe_parameter(&measure->parameters[i], sweep->options.parameters[number][i], text),
                    i + 1 == measure->parameter_count ? "}" : "");
    }
    fprintf(out, "\n  steps %ld, tolerance %g, certify %s, distribute_from %ld\n", sweep->model.steps, sweep->tolerance,
            sweep->options.certify ? "true" : "false", sweep->distribute_from);
}

/* "1:02:03" or "2:03". */
static void print_duration(double seconds, FILE *out)
{
    const long whole = lround(seconds);
    if (whole >= 3600)
        fprintf(out, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        fprintf(out, "%ld:%02ld", whole / 60, whole % 60);
}

static void print_progress(const struct results_file *file, const struct info_facts *facts, FILE *out)
{
    const struct store_tally *tally = &facts->tally;
    char text[FAILURE_TEXT];
    const double cells = (double)file->own_cells;
    fprintf(out, "progress%s\n  %" PRIu64 " cells done (%.1f%%), %" PRIu64 " failed, %" PRIu64 " pending\n",
            facts->is_running ? ": running" : "", tally->done, cells > 0 ? 100.0 * (double)tally->done / cells : 100.0,
            tally->failed, tally->pending);
    if (isfinite(facts->cells_per_second) && facts->cells_per_second > 0.0)
        fprintf(out, "  %.3g cells/s in the last run\n", facts->cells_per_second);
    if (tally->pending > 0 && isfinite(facts->seconds_to_go)) {
        fputs("  about ", out);
        print_duration(facts->seconds_to_go, out);
        fputs(facts->is_running ? " to go\n" : " to go, with as many ranks as the last run\n", out);
    }
    if (facts->way_on != NULL)
        fprintf(out, "  nobody computes it now: %s\n", facts->way_on);
    for (int code = 0; code < FAILURE_CODES; code++)
        if (facts->reasons[code] > 0 && failure_text((uint8_t)code, text))
            fprintf(out, "  failed: %s %" PRIu64 "\n", text, facts->reasons[code]);
}

/* Texts of the file, on one line and without what a terminal would take for commands. */
static void print_plainly(const char *text, FILE *out)
{
    for (; *text != '\0'; text++)
        fputc((unsigned char)*text < 0x20 || *text == 0x7F ? '?' : *text, out);
    fputc('\n', out);
}

/* What a run says of itself, key by key; of a text that is none of ours, all of it. */
static void print_run(const char *row, FILE *out)
{
    static const char *const keys[] = { "host",     "slurm_job", "version", "git_revision", "cpu",
                                        "compiler", "kernel",    "hdf5",    "blas",         "mpi" };
    char value[256];
    json_find_text(row, "start", value, sizeof value);
    if (value[0] == '\0') {
        print_plainly(row, out);
        return;
    }
    fprintf(out, "%s", value);
    const double exit_code = json_find_number(row, "exit_code"), ranks = json_find_number(row, "ranks");
    if (isfinite(exit_code)) {
        fputs(", ", out);
        print_duration(info_facts_elapsed(row, false), out);
        fprintf(out, ", exit code %.0f", exit_code);
    } else
        fputs(", has not ended by itself", out);
    if (isfinite(ranks))
        fprintf(out, ", %.0f rank%s", ranks, ranks == 1.0 ? "" : "s");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_find_text(row, keys[i], value, sizeof value);
        if (value[0] != '\0')
            fprintf(out, "%s%s %s", i % 3 == 2 ? "\n    " : ", ", keys[i], value);
    }
    fputc('\n', out);
}

/* Where the time of a run went; nothing of one that has not ended, or that was made before it was told. */
static void print_phases(const char *row, FILE *out)
{
    double all = 0.0, seconds[PHASES];
    const double wall = json_find_number(row, "wall_seconds"), share = json_find_number(row, "dgemm_share");
    const double operations = json_find_number(row, "operations");
    if (!isfinite(wall) || !isfinite(operations) || !isfinite(share))
        return;
    for (enum phase phase = 0; phase < PHASES; phase++) {
        seconds[phase] = json_find_number(row, phase_name(phase));
        all += fmax(seconds[phase], 0.0);
    }
    fprintf(out, "where the time of the last run went: %.3g s of all its ranks\n", all);
    for (enum phase phase = 0; phase < PHASES; phase++) {
        fprintf(out, "  %-16s %5.1f%%  %-45s", phase_name(phase), all > 0.0 ? 100.0 * seconds[phase] / all : 0.0,
                phase_meaning(phase));
        fprintf(out, " %.3g s\n", seconds[phase]);
    }
    fprintf(out, "  %.3g operations, %.3g GF/s: %.0f%% of what dgemm does on as many ranks\n", operations,
            wall > 0.0 ? 1e-9 * operations / wall : 0.0, 100.0 * share);
}

static enum status print_runs(const struct results_file *file, const struct info_facts *facts, FILE *out)
{
    char row[PROVENANCE_CHARACTERS + 1] = "";
    enum row_state state = ROW_FREE;
    const uint64_t runs = facts->runs;
    fprintf(out, "runs: %" PRIu64 "%s\n", runs, runs > RUNS_SHOWN ? ", the last of them:" : "");
    for (uint64_t run = runs > RUNS_SHOWN ? runs - RUNS_SHOWN : 0; run < runs; run++) {
        TRY(provenance_rows_read(file, run, row, &state));
        fputs(state == ROW_DAMAGED ? "  (damaged) " : "  ", out);
        print_run(row, out);
    }
    if (state == ROW_INTACT)
        print_phases(row, out);
    return STATUS_OK;
}

static enum status print_attribute(const struct results_file *file, const char *name, const char *label, FILE *out)
{
    SCOPED_MEMORY char *text = NULL;
    TRY(status_prefix(h5_attribute_read_text(file->file, name, &text), "%s", file->path));
    fprintf(out, "  %-16s ", label);
    print_plainly(text, out);
    return STATUS_OK;
}

static enum status print_all(const struct results_file *file, FILE *out)
{
    char owner[256];
    struct seal_faults faults;
    struct info_facts facts;
    TRY(info_facts_collect(file, &facts));
    fprintf(out, "%s: %s\n", file->path, file->layout.sweep->name);
    TRY(print_attribute(file, "sweep_hash", "sweep hash", out));
    TRY(print_attribute(file, "git_revision", "made by revision", out));
    if (!shard_is_whole(&file->shard)) {
        char text[SHARD_TEXT];
        shard_describe(&file->shard, text);
        fprintf(out, "  %-16s %s: %" PRIu64 " of %" PRIu64 " cells\n", "part", text, file->own_cells,
                grid_cell_count(file->layout.sweep));
    }
    lock_describe(file->path, owner, sizeof owner);
    if (owner[0])
        fprintf(out, "  %-16s %s\n", "locked by", owner);
    print_axes(file->layout.sweep, out);
    print_measures(file->layout.sweep, out);
    print_progress(file, &facts, out);
    TRY(print_runs(file, &facts, out));
    TRY(seal_verify(file, &faults));
    for (size_t i = 0; i < faults.shown; i++)
        fprintf(out, "damaged: %s\n", faults.examples[i]);
    return seal_judge(file->path, &faults, STATUS_FOREIGN_FILE);
}

static enum status tell(const char *path, enum status (*print)(const struct results_file *file, FILE *out), FILE *out)
{
    SCOPED(sweep) *sweep = NULL;
    SCOPED(results_file) file = RESULTS_FILE_NONE;
    TRY(first_look(path));
    TRY(results_file_read_sweep(path, &sweep));
    TRY(results_file_open(path, sweep, NULL, &file));
    TRY(print(&file, out));
    return results_file_close(&file);
}

enum status store_info(const char *path, FILE *out)
{
    return tell(path, print_all, out);
}

enum status store_info_json(const char *path, FILE *out)
{
    return tell(path, info_json_write, out);
}
