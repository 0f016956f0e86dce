#include "base/memory.h"
#include "h5/attribute.h"
#include "store/first_look.h"
#include "store/inspect.h"
#include "store/lock.h"
#include "store/provenance_rows.h"
#include "store/resume.h"
#include "store/seal.h"
#include "sweep/grid.h"

#include <inttypes.h>
#include <string.h>

enum { RUNS_SHOWN = 5, VALUES_SHOWN = 12, REASON_BLOCK = 1 << 20 };

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

/* The measures as the sweep file names them, with what it says about them. */
static void print_measures(const struct sweep *sweep, FILE *out)
{
    fprintf(out, "measures\n ");
    for (int number = 0; number < MEASURES; number++) {
        const struct measure *measure = measure_at(number);
        if (!(sweep->measures & 1u << number))
            continue;
        fprintf(out, " %s", measure->name);
        for (size_t i = 0; i < measure->parameter_count; i++)
            fprintf(out, "%s%s: %.0f%s", i ? ", " : " {", measure->parameters[i].name,
                    sweep->options.parameters[number][i], i + 1 == measure->parameter_count ? "}" : "");
    }
    fprintf(out, "\n  steps %ld, tolerance %g, certify %s, distribute_from %ld\n", sweep->model.steps, sweep->tolerance,
            sweep->options.certify ? "true" : "false", sweep->distribute_from);
}

/* Counts the reasons of failed cells, streaming both datasets. */
static enum status count_reasons(const struct results_file *file, uint64_t reasons[FAILURE_CODES])
{
    const uint64_t cells = grid_cell_count(file->layout.sweep);
    SCOPED_MEMORY uint8_t *statuses = NULL, *codes = NULL;
    TRY(memory_allocate(&statuses, REASON_BLOCK, "statuses"));
    TRY(memory_allocate(&codes, REASON_BLOCK, "failure reasons"));
    for (uint64_t first = 0, count; first < cells; first += count) {
        count = cells - first < REASON_BLOCK ? cells - first : REASON_BLOCK;
        TRY(results_file_read(file, HEAD_STATUS, first, count, statuses));
        TRY(results_file_read(file, HEAD_FAILURE_REASON, first, count, codes));
        for (uint64_t i = 0; i < count; i++)
            reasons[codes[i]] += statuses[i] == STORE_FAILED;
    }
    return STATUS_OK;
}

static enum status print_progress(const struct results_file *file, FILE *out)
{
    struct store_tally tally;
    uint64_t reasons[FAILURE_CODES] = { 0 };
    char text[FAILURE_TEXT];
    TRY(resume_count(file, &tally));
    const double cells = (double)file->own_cells;
    fprintf(out, "progress\n  %" PRIu64 " cells done (%.1f%%), %" PRIu64 " failed, %" PRIu64 " pending\n", tally.done,
            cells > 0 ? 100.0 * (double)tally.done / cells : 100.0, tally.failed, tally.pending);
    if (tally.failed > 0)
        TRY(count_reasons(file, reasons));
    for (int code = 0; code < FAILURE_CODES; code++)
        if (reasons[code] > 0 && failure_text((uint8_t)code, text))
            fprintf(out, "  failed: %s %" PRIu64 "\n", text, reasons[code]);
    return STATUS_OK;
}

/* Texts of the file, on one line and without what a terminal would take for commands. */
static void print_plainly(const char *text, FILE *out)
{
    for (; *text != '\0'; text++)
        fputc((unsigned char)*text < 0x20 || *text == 0x7F ? '?' : *text, out);
    fputc('\n', out);
}

/* Damaged rows are counted with the others, so that nothing is missed. */
static enum status count_runs(const struct results_file *file, uint64_t *runs)
{
    char row[PROVENANCE_CHARACTERS + 1];
    enum row_state state = ROW_FREE;
    for (*runs = PROVENANCE_RUNS; *runs > 0; (*runs)--) {
        TRY(provenance_rows_read(file, *runs - 1, row, &state));
        if (state != ROW_FREE)
            break;
    }
    return STATUS_OK;
}

static enum status print_runs(const struct results_file *file, FILE *out)
{
    uint64_t runs = 0;
    char row[PROVENANCE_CHARACTERS + 1] = "";
    enum row_state state = ROW_FREE;
    TRY(count_runs(file, &runs));
    fprintf(out, "runs: %" PRIu64 "%s\n", runs, runs > RUNS_SHOWN ? ", the last of them:" : "");
    for (uint64_t run = runs > RUNS_SHOWN ? runs - RUNS_SHOWN : 0; run < runs; run++) {
        TRY(provenance_rows_read(file, run, row, &state));
        fputs(state == ROW_DAMAGED ? "  (damaged) " : "  ", out);
        print_plainly(row, out);
    }
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
    TRY(print_progress(file, out));
    TRY(print_runs(file, out));
    TRY(seal_verify(file, &faults));
    for (size_t i = 0; i < faults.shown; i++)
        fprintf(out, "damaged: %s\n", faults.examples[i]);
    return seal_judge(file->path, &faults, STATUS_FOREIGN_FILE);
}

enum status store_info(const char *path, FILE *out)
{
    SCOPED(sweep) *sweep = NULL;
    SCOPED(results_file) file = RESULTS_FILE_NONE;
    TRY(first_look(path));
    TRY(results_file_read_sweep(path, &sweep));
    TRY(results_file_open(path, sweep, NULL, &file));
    TRY(print_all(&file, out));
    return results_file_close(&file);
}
