#include "base_files.h"

#include "h5/attribute.h"
#include "h5/error.h"
#include "store/create.h"
#include "store/provenance_rows.h"
#include "store/results_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char base_sweep_text[] =
    "name: damaged\nweights: {replicas: 2}\nmodel: {activation: [identity, tanh], warmup: 3}\n"
    "grid: {hidden_size: [2, 3], spectral_radius: [0.5, 1], gamma: [0.5, 1], lag: [1, 2]}\n"
    "measure: [jacobian_norm, frobenius_norm, step_bound, gradient, expansion, "
    "singular_values, {contribution_map: {steps: 2}}]\n";

/* ---- results ---- */

static enum status write_values(const struct results_file *file, size_t number)
{
    const struct layout_dataset *rule = &file->layout.datasets[number];
    const uint64_t elements = h5_shape_elements(&rule->shape);
    void *values = calloc(elements, sizeof(double));
    if (values == NULL)
        return status_fail(STATUS_MEMORY, "no memory for a base file");
    for (uint64_t i = 0; i < elements && rule->element == ELEMENT_FLOAT64; i++)
        ((double *)values)[i] = -0.5;
    enum status status = h5_dataset_write(file->datasets[number], rule->element, 0, elements, values);
    free(values);
    return status;
}

static enum status write_cells(const struct results_file *file, const struct sweep *sweep)
{
    const uint64_t cells = grid_cell_count(sweep);
    struct cell_results results;
    struct cell_checksums checksums;
    TRY(store_allocate_results(sweep, 0, cells, &results));
    TRY(cell_checksums_allocate(cells, &checksums));
    const struct dataset_rule *rule;
    for (size_t i = 0; (rule = measure_dataset_at(sweep->measures, i)) != NULL; i++)
        for (uint64_t k = 0; k < cells * store_values_per_cell(sweep, rule); k++)
            if (rule->type == TYPE_FLOAT64)
                ((double *)results.values[i])[k] = -0.5;
            else if (rule->type == TYPE_INT32)
                ((int32_t *)results.values[i])[k] = 1;
            else
                ((uint8_t *)results.values[i])[k] = 1;
    for (uint64_t i = 0; i < cells; i++) {
        results.status[i] = i % 5 == 4 ? STORE_FAILED : STORE_DONE;
        results.failure_reason[i] = i % 5 == 4 ? FAILURE_NOT_FINITE : FAILURE_NONE;
        results.method[i] = 1;
        results_file_seal_cell(file, &results, i, &checksums);
    }
    enum status status = results_file_write_cells(file, &results, 0, cells, &checksums);
    cell_checksums_free(&checksums);
    store_free_results(&results);
    return status;
}

/* As a run leaves it, but without MPI. */
static enum status fill_results(struct results_file *file, const struct sweep *sweep, const char *path)
{
    const char run[] = "{\"host\": \"somewhere\", \"ranks\": 1}";
    TRY(results_file_open(path, sweep, NULL, file)); /* for layout and checksums; what is written goes to another */
    H5Fclose(file->file);
    file->file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    for (size_t i = 0; i < file->layout.count; i++) {
        const struct layout_dataset *rule = &file->layout.datasets[i];
        TRY(h5_dataset_open(file->file, rule->name, rule->element, &rule->shape, &file->datasets[i]));
        TRY(write_values(file, i));
        H5Dclose(file->datasets[i]);
        TRY(h5_dataset_open(file->file, rule->name, rule->element, &rule->shape, &file->datasets[i]));
    }
    TRY(write_cells(file, sweep));
    return provenance_rows_write(file, 0, run);
}

static void close_datasets(struct results_file *file)
{
    for (size_t i = 0; i < file->layout.count; i++)
        H5Dclose(file->datasets[i]);
}

static enum status make_results(struct base_file *base)
{
    struct sweep *sweep = NULL;
    struct results_file file;
    struct layout layout;
    TRY(sweep_parse(base_sweep_text, &sweep));
    TRY(layout_create(sweep, FORMAT_VERSION, &layout));
    TRY(create_structure(&layout, &(struct shard){ 0 }, base->path));
    TRY(fill_results(&file, sweep, base->path));
    for (size_t i = 0; i < layout.count && i + 1 < sizeof base->datasets / sizeof *base->datasets; i++)
        base->datasets[i] = layout.datasets[i].name; /* string literals: they outlive the layout */
    close_datasets(&file);
    TRY(results_file_close(&file));
    layout_destroy(&layout);
    sweep_close(sweep);
    return STATUS_OK;
}

/* ---- networks ---- */

static enum status write_array(hid_t file, const char *name, int rank, hsize_t rows, hsize_t columns, bool is_chunked)
{
    static double values[BASE_STEPS * BASE_INPUTS];
    const hsize_t sizes[] = { rows, columns }, chunk[] = { 2, columns > 1 ? 2 : 1 };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        values[i] = 0.25 * (double)(i % 7) - 0.5;
    hid_t space = H5Screate_simple(rank, sizes, NULL), properties = H5Pcreate(H5P_DATASET_CREATE);
    if (is_chunked && (H5Pset_chunk(properties, rank, chunk) < 0 || H5Pset_deflate(properties, 6) < 0))
        return h5_fail(STATUS_IO, "no compressed base file");
    hid_t dataset = H5Dcreate2(file, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    enum status status = STATUS_OK;
    if (dataset < 0 || H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        status = h5_fail(STATUS_IO, "cannot write a base file");
    H5Dclose(dataset);
    H5Pclose(properties);
    H5Sclose(space);
    return status;
}

static enum status write_network(hid_t file, bool is_latest)
{
    TRY(write_array(file, "W", 2, BASE_HIDDEN_SIZE, BASE_HIDDEN_SIZE, is_latest));
    TRY(write_array(file, "w_in", 2, BASE_HIDDEN_SIZE, BASE_INPUTS, false));
    TRY(write_array(file, "b", 1, BASE_HIDDEN_SIZE, 1, is_latest));
    TRY(write_array(file, "x0", 1, BASE_HIDDEN_SIZE, 1, false));
    TRY(write_array(file, "inputs", 2, BASE_STEPS, BASE_INPUTS, is_latest));
    TRY(write_array(file, "error", 1, BASE_HIDDEN_SIZE, 1, false));
    TRY(h5_attribute_write_text(file, "note", "a network"));
    return STATUS_OK;
}

static enum status make_network(struct base_file *base, bool is_latest)
{
    static const char *const names[] = { "W", "w_in", "b", "x0", "inputs", "error" };
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (is_latest)
        H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    hid_t file = H5Fcreate(base->path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    enum status status = file < 0 ? h5_fail(STATUS_IO, "%s: no base file", base->path) : write_network(file, is_latest);
    H5Fclose(file);
    H5Pclose(access);
    memcpy(base->datasets, names, sizeof names);
    return status;
}

enum status base_files_make(const char *folder, struct base_file bases[BASE_COUNT])
{
    static const char *const names[] = {
        [BASE_RESULTS] = "results", [BASE_NETWORK] = "network", [BASE_LATEST] = "latest"
    };
    static const char *const attributes[] = { "sweep", "sweep_hash", "format_version", "title", "git_revision" };
    h5_silence();
    for (int i = 0; i < BASE_COUNT; i++) {
        struct base_file *base = &bases[i];
        *base = (struct base_file){ .name = names[i] };
        snprintf(base->path, sizeof base->path, "%s/%s.h5", folder, names[i]);
        memcpy(base->attributes, attributes, sizeof attributes);
        TRY(i == BASE_RESULTS ? make_results(base) : make_network(base, i == BASE_LATEST));
        if (!recipe_survey(base))
            return status_fail(STATUS_IO, "%s cannot be read", base->path);
    }
    return STATUS_OK;
}
