#include "sweep_target.h"

#include "run/schedule.h"
#include "run/unit.h"
#include "store/store.h"
#include "sweep/text.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_OVERRIDES = 8, HIDDEN_SIZE = 4, STEPS = 200, RANKS = 6 };

static const char marker[] = "#--set ";

#define REQUIRE(condition, what)                                                                   \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            dprintf(STDOUT_FILENO, "%s:%d: %s: %s\n", __FILE__, __LINE__, what, status_message()); \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ---- the folder in which sweep files and the network file they may name lie ---- */

/* In memory where there is such a place: files are written a million times. */
static char folder[] = "/dev/shm/gradsweep-fuzz-XXXXXX", elsewhere[] = "/tmp/gradsweep-fuzz-XXXXXX";
static const char *made;
static char sweep_path[64], network_path[64];

static void remove_folder(void)
{
    unlink(sweep_path);
    unlink(network_path);
    rmdir(made);
}

static void write_array(hid_t file, const char *name, int rank, hsize_t rows, hsize_t columns)
{
    static double values[STEPS * HIDDEN_SIZE];
    const hsize_t sizes[] = { rows, columns };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        values[i] = 0.25 * (double)(i % 7) - 0.5;
    hid_t space = H5Screate_simple(rank, sizes, NULL);
    hid_t dataset = H5Dcreate2(file, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    REQUIRE(dataset >= 0 && H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0,
            "cannot write the network file");
    H5Dclose(dataset);
    H5Sclose(space);
}

static void make_folder(void)
{
    made = mkdtemp(folder);
    if (made == NULL)
        made = mkdtemp(elsewhere);
    REQUIRE(made != NULL, "no folder for the sweep files");
    snprintf(sweep_path, sizeof sweep_path, "%s/sweep.yaml", made);
    snprintf(network_path, sizeof network_path, "%s/net.h5", made);
    atexit(remove_folder);
    hid_t file = H5Fcreate(network_path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    REQUIRE(file >= 0, "cannot make the network file");
    write_array(file, "W", 2, HIDDEN_SIZE, HIDDEN_SIZE);
    write_array(file, "w_in", 2, HIDDEN_SIZE, 3);
    write_array(file, "b", 1, HIDDEN_SIZE, 1);
    write_array(file, "inputs", 2, STEPS, 3);
    H5Fclose(file);
}

static void write_sweep(const uint8_t *data, size_t size)
{
    FILE *file = fopen(sweep_path, "wb");
    REQUIRE(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0, "cannot write the sweep file");
}

/* The overrides in text, cut out of it at their line's end. */
static size_t find_overrides(char *text, const char *overrides[MAX_OVERRIDES])
{
    size_t count = 0;
    for (char *line = text; line != NULL && count < MAX_OVERRIDES; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, marker, sizeof marker - 1) == 0)
            overrides[count++] = line + sizeof marker - 1;
    }
    for (size_t i = 0; i < count; i++)
        ((char *)overrides[i])[strcspn(overrides[i], "\n")] = '\0';
    return count;
}

/* ---- what is said ---- */

/* Where the line behind `text` begins; what is printed ends each of its lines. */
static const char *next_line(const char *text)
{
    const char *end = strchr(text, '\n');
    REQUIRE(end != NULL, "a line without an end");
    return end + 1;
}

/* Whether ":line:column", both from 1, stand before `end`. */
static bool follows_place(const char *line, const char *end)
{
    for (int i = 0; i < 2; i++) {
        const char *digits = end;
        while (digits > line && digits[-1] >= '0' && digits[-1] <= '9')
            digits--;
        if (digits == end || digits == line || digits[-1] != ':' || *digits == '0')
            return false;
        end = digits - 1;
    }
    return true;
}

static void check_heading(const char *line)
{
    const char *end = strchr(line, '\n'), *error = line;
    do { /* the name of an override may hold the same words */
        error = strstr(error + 1, ": error: ");
        REQUIRE(error != NULL && error < end, "a mistake that does not begin with its place");
    } while (!follows_place(line, error));
    REQUIRE(strncmp(line, sweep_path, strlen(sweep_path)) == 0 || strncmp(line, "--set", 5) == 0,
            "a place in no file that was read");
}

/* Three lines a mistake: where and what, the line of the file, the caret. */
static void check_diagnostics(const char *printed, size_t length)
{
    size_t valid = 0, mistakes = 0;
    REQUIRE(text_is_utf8(printed, length, &valid), "what is printed is no UTF-8");
    for (size_t i = 0; i < length; i++)
        REQUIRE((unsigned char)printed[i] >= 0x20 || printed[i] == '\n' || printed[i] == '\t',
                "a control character is printed");
    for (const char *at = printed; *at != '\0' && strncmp(at, "... ", 4) != 0; mistakes++) {
        check_heading(at);
        at = next_line(next_line(at));
        REQUIRE(at[strspn(at, " \t")] == '^', "no caret below the line");
        at = next_line(at);
    }
    REQUIRE(mistakes > 0, "refused without a mistake told");
}

/* ---- what a good sweep leads to ---- */

static void check_grid(const struct sweep *sweep)
{
    const uint64_t cells = grid_cell_count(sweep), weights = grid_weight_count(sweep);
    REQUIRE(cells > 0 && weights > 0, "an empty grid");
    const uint64_t numbers[] = { 0, cells / 2, cells - 1 };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const struct cell cell = grid_cell_at(sweep, numbers[i]);
        REQUIRE(grid_cell_number(sweep, &cell) == numbers[i], "a cell has two numbers");
        REQUIRE(grid_weight_number(sweep, &cell) < weights, "a weight beyond the last");
    }
}

/* Every unit is queued once. */
static void check_schedule(const struct unit_list *list)
{
    struct schedule *schedule = NULL;
    REQUIRE(schedule_open(list, RANKS, &schedule) == STATUS_OK, "no schedule");
    uint64_t queued = 0;
    for (int level = 0; level < schedule_level_count(schedule); level++)
        queued += schedule_queue_length(schedule, level);
    REQUIRE(queued == unit_list_count(list), "a unit is not queued, or twice");
    schedule_close(schedule);
}

static void check_units(const struct sweep *sweep)
{
    struct unit_list *list = NULL;
    enum status status = unit_list_open(sweep, &list);
    REQUIRE(status == STATUS_OK, "no list of units");
    const uint64_t count = unit_list_count(list);
    REQUIRE(count > 0, "no unit of work");
    const uint64_t numbers[] = { 0, count / 2, count - 1 };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const struct unit unit = unit_list_at(list, numbers[i]);
        REQUIRE(unit.weight < grid_weight_count(sweep), "a unit of no weight");
        REQUIRE(unit.kind == UNIT_WEIGHT || (unit.chain_count > 0 && unit.cell_count >= unit.chain_count &&
                                             unit.first_chain < grid_chain_count(sweep) &&
                                             unit.chain_count <= grid_chain_count(sweep) - unit.first_chain),
                "a unit beyond the grid");
    }
    REQUIRE(unit_list_cost(list).seconds >= 0, "a cost that is no number");
    check_schedule(list);
    unit_list_close(list);
    REQUIRE(store_predicted_bytes(sweep) > grid_cell_count(sweep), "a results file smaller than its cells");
}

/* The effective text reads back to the same sweep. */
static void check_text(const struct sweep *sweep)
{
    struct sweep *again = NULL;
    REQUIRE(sweep_parse(sweep->text, &again) == STATUS_OK, "the effective text cannot be read");
    REQUIRE(strcmp(again->text, sweep->text) == 0 && strcmp(again->hash, sweep->hash) == 0,
            "the effective text reads back to another sweep");
    REQUIRE(sweep_require_same(sweep, again) == STATUS_OK, "a sweep differs from itself");
    sweep_close(again);
}

static void check_good(struct sweep *sweep)
{
    check_text(sweep);
    check_grid(sweep);
    check_units(sweep);
}

/* The way of texts out of results files. */
static void parse_alone(const char *text)
{
    struct sweep *sweep = NULL;
    enum status status = sweep_parse(text, &sweep);
    REQUIRE(status == STATUS_OK || status == STATUS_INPUT, "neither read nor refused");
    if (status == STATUS_OK)
        check_good(sweep);
    sweep_close(sweep);
}

int sweep_target(const uint8_t *data, size_t size)
{
    const char *overrides[MAX_OVERRIDES];
    struct sweep *sweep = NULL;
    char *printed = NULL, *text = strndup((const char *)data, size);
    size_t length = 0;
    if (sweep_path[0] == '\0')
        make_folder();
    write_sweep(data, size);
    if (size % 4 == 0)
        parse_alone(text);
    size_t override_count = find_overrides(text, overrides);

    FILE *terminal = stderr;
    stderr = open_memstream(&printed, &length);
    enum status status = sweep_open(sweep_path, override_count, overrides, true, &sweep);
    fclose(stderr);
    stderr = terminal;

    REQUIRE(status == STATUS_OK || status == STATUS_INPUT, "neither read nor refused");
    if (status == STATUS_OK) {
        REQUIRE(length == 0, "a good sweep with mistakes");
        check_good(sweep);
    } else {
        REQUIRE(sweep == NULL, "a refused sweep is handed out");
        check_diagnostics(printed, length);
    }
    sweep_close(sweep);
    free(printed);
    free(text);
    return status == STATUS_OK;
}
