/* A check beside a process that finishes cells one by one, as a run does: results, checksums, then status. Whatever the
 * moment, nothing finished looks damaged. */
#include "check/check.h"
#include "store/store_session.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>

static const char many_cells[] = "weights: {ensemble: [ginibre, orthogonal], replicas: 2}\n"
                                 "grid: {hidden_size: [4, 6], spectral_radius: [0.5, 1.0, 1.5],\n"
                                 "       gamma: {start: 0.01, stop: 1, num: 80}, lag: [1, 2, 4]}\n"
                                 "measure: [jacobian_norm, frobenius_norm]\n";

/* Where the cells of a dataset lie in the file. */
struct column {
    uint64_t place;
    size_t bytes; /* a cell */
    bool is_status;
};
enum { MOST_COLUMNS = 32 };

static size_t find_columns(struct column columns[MOST_COLUMNS])
{
    struct results_file file;
    size_t count = 0;
    assert_ok(results_file_open(path, sweep, NULL, &file));
    for (size_t i = 0; i < file.layout.count; i++) {
        const struct layout_dataset *dataset = &file.layout.datasets[i];
        struct column *column = &columns[count];
        if (!layout_is_of_cells(dataset))
            continue;
        assert_ok(h5_dataset_find(file.datasets[i], &column->place));
        column->bytes = layout_elements_per_cell(&file.layout, dataset) * h5_element_size(dataset->element);
        column->is_status = i == HEAD_STATUS;
        count++;
        assert_true(count < MOST_COLUMNS);
    }
    assert_ok(results_file_close(&file));
    return count;
}

static char *read_file(size_t *size)
{
    struct stat state;
    int descriptor = open(path, O_RDONLY);
    assert_int_equal(fstat(descriptor, &state), 0);
    *size = (size_t)state.st_size;
    char *bytes = malloc(*size);
    assert_int_equal(pread(descriptor, bytes, *size, 0), *size);
    close(descriptor);
    return bytes;
}

static bool write_slice(int descriptor, const struct column *column, const char *bytes, uint64_t cell)
{
    const uint64_t place = column->place + cell * column->bytes;
    return pwrite(descriptor, bytes + place, column->bytes, (off_t)place) == (ssize_t)column->bytes;
}

/* Makes every cell pending, and what else it holds garbage. */
static void empty_cells(int descriptor, const struct column *columns, size_t count, size_t size)
{
    char *garbage = malloc(size);
    memset(garbage, 0x5A, size);
    for (size_t i = 0; i < count; i++) {
        const size_t bytes = columns[i].bytes * grid_cell_count(sweep);
        if (columns[i].is_status)
            memset(garbage + columns[i].place, STORE_PENDING, bytes);
        assert_int_equal(pwrite(descriptor, garbage + columns[i].place, bytes, (off_t)columns[i].place), bytes);
    }
    free(garbage);
}

/* In a process of its own; the status of a cell is its last column to be written. */
static void finish_cells(int descriptor, const struct column *columns, size_t count, const char *bytes)
{
    bool is_right = true;
    for (uint64_t cell = 0; cell < grid_cell_count(sweep); cell++) {
        for (int is_last = 0; is_last <= 1; is_last++)
            for (size_t i = 0; i < count; i++)
                if (columns[i].is_status == is_last)
                    is_right = write_slice(descriptor, &columns[i], bytes, cell) && is_right;
        if (cell % 32 == 0)
            sched_yield(); /* on one core, to a check: between any two cells it would take as long as they are many */
    }
    _exit(is_right ? 0 : 1);
}

static void nothing_finished_looks_damaged(void **state)
{
    (void)state;
    struct column columns[MOST_COLUMNS];
    size_t size;
    sweep_close(sweep);
    assert_ok(sweep_parse(many_cells, &sweep));
    make_whole_file(grid_cell_count(sweep));
    const size_t count = find_columns(columns);
    char *bytes = read_file(&size);
    const uint64_t cells = grid_cell_count(sweep);
    int halfway = 0;
    for (int round = 0; round < 8; round++) {
        int descriptor = open(path, O_WRONLY), how = 0;
        empty_cells(descriptor, columns, count, size);
        const pid_t writer = fork();
        if (writer == 0)
            finish_cells(descriptor, columns, count, bytes);
        for (uint64_t finished = 0; finished < cells;) {
            struct check_summary summary;
            struct results_file file;
            assert_ok(results_file_open(path, sweep, NULL, &file));
            assert_ok(check_results_file(&file, &summary));
            assert_int_equal(summary.rules[CHECK_CHECKSUM].wrong, 0);
            assert_int_equal(summary.rules[CHECK_RUNTIME_CHECKSUM].wrong, 0);
            finished = summary.tally.done + summary.tally.failed;
            halfway += finished > 0 && finished < cells;
            check_summary_free(&summary);
            assert_ok(results_file_close(&file));
        }
        assert_int_equal(waitpid(writer, &how, 0), writer);
        assert_int_equal(how, 0);
        close(descriptor);
    }
    assert_true(halfway > 0);
    free(bytes);
}

int main(int argc, char **argv)
{
    if (session_open(&argc, &argv) != 0)
        return 1;
    const struct CMUnitTest tests[] = { file_test(nothing_finished_looks_damaged) };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    session_close();
    return failures;
}
