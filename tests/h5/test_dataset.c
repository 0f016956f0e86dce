/* Datasets whose values do not lie in the file, or were never written, are refused before anything is read. */
#include "h5/dataset.h"
#include "h5/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIZE = 6, CHUNK = 4 };

static char path[] = "/tmp/gradsweep-dataset-XXXXXX";

static int make_path(void **state)
{
    (void)state;
    int descriptor = mkstemp(path);
    return descriptor < 0 ? -1 : close(descriptor);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

/* A file of HDF5's newest format with one dataset "values" of SIZE numbers; `written` of them are written. */
static void make_file(void (*set)(hid_t properties, hid_t space), hsize_t written)
{
    static const double values[SIZE] = { 1, 2, 3, 4, 5, 6 };
    const hsize_t size = SIZE, start = 0;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), properties = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(1, &size, NULL), memory = H5Screate_simple(1, &size, NULL);
    H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    assert_true(file >= 0);
    if (set != NULL)
        set(properties, space);
    hid_t dataset = H5Dcreate2(file, "values", H5T_IEEE_F64LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    assert_true(dataset >= 0);
    if (written > 0) {
        H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, NULL, &written, NULL);
        H5Sselect_hyperslab(memory, H5S_SELECT_SET, &start, NULL, &written, NULL);
        assert_true(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, values) >= 0);
    }
    assert_true(H5Lcreate_external("/nowhere/pipe.h5", "values", file, "outside", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    assert_true(H5Lcreate_soft("outside", file, "soft_outside", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    assert_true(H5Lcreate_soft("values", file, "soft", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    assert_true(H5Lcreate_soft("endless", file, "endless", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Dclose(dataset);
    H5Sclose(memory);
    H5Sclose(space);
    H5Pclose(properties);
    H5Pclose(access);
    H5Fclose(file);
}

static void require_refused(hid_t file, const char *name, const char *message)
{
    hid_t dataset = 0;
    assert_int_equal(h5_dataset_open_own(file, name, &dataset), STATUS_FOREIGN_FILE);
    if (strncmp(status_message(), message, strlen(message)) != 0)
        print_error("expected %s\nfound    %s\n", message, status_message());
    assert_memory_equal(status_message(), message, strlen(message));
    assert_int_equal(dataset, H5I_INVALID_HID);
}

static void refuse_values(void (*set)(hid_t properties, hid_t space), hsize_t written, const char *message)
{
    hid_t file;
    make_file(set, written);
    assert_int_equal(h5_file_open(path, &file), STATUS_OK);
    require_refused(file, "values", message);
    assert_int_equal(h5_file_close(file, path), STATUS_OK);
}

static void accept_values(void (*set)(hid_t properties, hid_t space))
{
    hid_t file, dataset;
    double values[SIZE];
    make_file(set, SIZE);
    assert_int_equal(h5_file_open(path, &file), STATUS_OK);
    assert_int_equal(h5_dataset_open_own(file, "soft", &dataset), STATUS_OK);
    assert_int_equal(h5_dataset_read(dataset, ELEMENT_FLOAT64, 0, SIZE, values), STATUS_OK);
    for (int i = 0; i < SIZE; i++)
        assert_true(values[i] == i + 1);
    H5Dclose(dataset);
    assert_int_equal(h5_file_close(file, path), STATUS_OK);
}

static void set_chunks(hid_t properties, hid_t space)
{
    const hsize_t chunk = CHUNK;
    (void)space;
    H5Pset_chunk(properties, 1, &chunk);
}

static void set_compressed(hid_t properties, hid_t space)
{
    set_chunks(properties, space);
    H5Pset_deflate(properties, 9);
}

static void set_compact(hid_t properties, hid_t space)
{
    (void)space;
    H5Pset_layout(properties, H5D_COMPACT);
}

static void set_external(hid_t properties, hid_t space)
{
    (void)space;
    H5Pset_external(properties, "/nowhere/pipe", 0, SIZE * sizeof(double));
}

static void set_virtual(hid_t properties, hid_t space)
{
    H5Pset_virtual(properties, space, "/nowhere/pipe.h5", "values", space);
}

static void every_layout_and_format_is_read(void **state)
{
    (void)state;
    accept_values(NULL);
    accept_values(set_chunks);
    accept_values(set_compressed);
    accept_values(set_compact);
}

static void values_elsewhere_are_refused(void **state)
{
    (void)state;
    refuse_values(set_external, 0, "values has its values in other files");
    refuse_values(set_virtual, 0, "values has its values in other files");
}

static void values_never_written_are_refused(void **state)
{
    (void)state;
    refuse_values(NULL, 0, "values has values that were never written");
    refuse_values(set_chunks, 0, "values has values that were never written");
    refuse_values(set_compressed, CHUNK, "values has values that were never written");
}

static void links_out_of_the_file_are_refused(void **state)
{
    (void)state;
    hid_t file;
    make_file(NULL, SIZE);
    assert_int_equal(h5_file_open(path, &file), STATUS_OK);
    require_refused(file, "outside", "outside is a link into another file");
    require_refused(file, "soft_outside", "soft_outside is a link into another file");
    require_refused(file, "endless", "endless, a link to endless, cannot be opened: too many links");
    require_refused(file, "/", "/ is a group, not a dataset");
    require_refused(file, "missing", "missing cannot be opened");
    assert_int_equal(h5_file_close(file, path), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_and_format_is_read),
        cmocka_unit_test(values_elsewhere_are_refused),
        cmocka_unit_test(values_never_written_are_refused),
        cmocka_unit_test(links_out_of_the_file_are_refused),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
