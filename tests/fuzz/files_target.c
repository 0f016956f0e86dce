#include "files_target.h"

#include "base_files.h"

#include "check/check.h"
#include "h5/error.h"
#include "run/unit.h"
#include "store/inspect.h"
#include "store/results_file.h"
#include "store/resume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *volatile files_target_stage = "start";

#define REQUIRE(condition, what)                                                                                    \
    do {                                                                                                            \
        if (!(condition)) {                                                                                         \
            fprintf(stderr, "%s:%d: %s: %s: %s\n", __FILE__, __LINE__, files_target_stage, what, status_message()); \
            abort();                                                                                                \
        }                                                                                                           \
    } while (0)

static FILE *nowhere;

/* Datatypes, spaces and property lists that the program holds open; HDF5's own predefined ones are constant. */
static hsize_t open_handles(void)
{
    static const H5I_type_t types[] = { H5I_FILE, H5I_GROUP, H5I_DATATYPE, H5I_DATASPACE, H5I_DATASET, H5I_ATTR };
    hsize_t all = 0, count = 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (H5Inmembers(types[i], &count) >= 0)
            all += count;
    return all;
}

static bool judge(enum status status, const char *path)
{
    if (status == STATUS_OK)
        return true;
    REQUIRE(status != STATUS_INTERNAL, "a defect");
    REQUIRE(strstr(status_message(), path) != NULL, "a message without the file's name");
    return false;
}

static enum status read_cells(const struct results_file *file, const struct sweep *sweep)
{
    const uint64_t cells = grid_cell_count(sweep);
    struct store_tally tally;
    uint8_t needed[64];
    uint64_t damaged = 0;
    TRY(resume_count(file, &tally));
    REQUIRE(tally.done + tally.failed + tally.pending == cells, "cells that are in no state");
    TRY(resume_count_damaged(file, 0, cells, &damaged));
    REQUIRE(damaged <= cells, "more damaged cells than there are");
    for (uint64_t first = 0; first < cells; first += sizeof needed) {
        uint64_t count = cells - first < sizeof needed ? cells - first : sizeof needed;
        TRY(resume_cells_needed(file, first, count, true, needed));
    }
    return STATUS_OK;
}

static enum status resume(const char *path, const struct sweep *asked)
{
    struct sweep *sweep = NULL;
    struct results_file file;
    TRY(results_file_read_sweep(path, &sweep));
    enum status status = sweep_require_same(asked, sweep);
    sweep_close(sweep);
    if (status != STATUS_OK)
        return status_prefix(status, "%s", path);
    status = results_file_open(path, asked, NULL, &file);
    if (status == STATUS_OK)
        status = read_cells(&file, asked);
    enum status closed = results_file_close(&file);
    return status == STATUS_OK ? closed : status;
}

bool files_target_results(const char *path)
{
    struct sweep *asked = NULL;
    if (nowhere == NULL)
        nowhere = fopen("/dev/null", "w");
    REQUIRE(sweep_parse(base_sweep_text, &asked) == STATUS_OK, "the sweep of the base file is good");
    hsize_t before = open_handles();
    files_target_stage = "info";
    bool is_good = judge(store_info(path, nowhere), path);
    files_target_stage = "check";
    enum status checked = check_file(path, nowhere);
    is_good = judge(checked, path) && is_good;
    files_target_stage = "resume";
    is_good = judge(resume(path, asked), path) && is_good;
    files_target_stage = "end";
    REQUIRE(open_handles() == before, "handles stay open");
    sweep_close(asked);
    return is_good || checked == STATUS_CHECK_FOUND;
}

/* All that a sweep reads of a file whose fingerprints it knows. */
static bool load(struct sweep *sweep, const char *path)
{
    const struct matrix_part part = { .rows = 2, .first_column = 1, .columns = BASE_HIDDEN_SIZE - 1 };
    const struct network_source *source = &sweep->ensembles[0].source;
    double weights[BASE_HIDDEN_SIZE * BASE_HIDDEN_SIZE];
    struct network_arrays arrays;
    files_target_stage = "load";
    bool is_good = judge(sweep_load(sweep), path);
    is_good = judge(network_weights_verify(source, BASE_HIDDEN_SIZE), path) && is_good;
    is_good = judge(network_weights_read_part(source, BASE_HIDDEN_SIZE, &part, weights), path) && is_good;
    is_good = judge(network_arrays_read(source, ALL_SEQUENCES, &arrays), path) && is_good;
    network_arrays_free(&arrays);
    return is_good;
}

bool files_target_network(const char *path)
{
    char sweep_path[256];
    struct sweep *sweep = NULL;
    snprintf(sweep_path, sizeof sweep_path, "%s.yaml", path);
    FILE *file = fopen(sweep_path, "w");
    REQUIRE(file != NULL, "no sweep file");
    fprintf(file,
            "weights: {ensemble: {kind: file, path: \"%s\"}}\nmodel: {input: {kind: file, path: \"%s\"}, warmup: 3}\n"
            "grid: {hidden_size: %d, spectral_radius: native, gamma: 1, lag: [1, 2]}\n",
            path, path, BASE_HIDDEN_SIZE);
    fclose(file);
    hsize_t before = open_handles();
    files_target_stage = "open";
    enum status status = sweep_open(sweep_path, 0, NULL, false, &sweep);
    bool is_good = judge(status, path) && load(sweep, path);
    sweep_close(sweep);
    unlink(sweep_path);
    files_target_stage = "end";
    REQUIRE(open_handles() == before, "handles stay open");
    return is_good;
}
