/* What is too large, too deep or too long is refused at once, in plain words, and nothing overflows on the way. Without
 * the limits these files take minutes to years: the test would not end. */
#include "sweep_testing.h"

static char printed[4 << 20];

static void refuse(const char *text, size_t length, const char *message)
{
    struct sweep *sweep = NULL;
    enum status status = open_text(text, length, 0, NULL, true, printed, &sweep);
    if (status == STATUS_OK || strstr(printed, message) == NULL)
        print_error("expected %s\nprinted %.2000s", message, printed);
    assert_int_equal(status, STATUS_INPUT);
    assert_non_null(strstr(printed, message));
}

struct row {
    const char *text, *message;
};

static void refuse_all(const struct row *table, size_t rows)
{
    for (size_t row = 0; row < rows; row++)
        refuse(table[row].text, strlen(table[row].text), table[row].message);
}

#define REST "spectral_radius: 1, gamma: 1, lag: 1"

static void absurd_counts_are_refused(void **state)
{
    (void)state;
    static const struct row table[] = {
        { "grid: {hidden_size: 4, spectral_radius: 1, gamma: {start: 0.5, stop: 1, num: 1000000000000}, lag: 1}\n",
          "1:78: error: grid.gamma.num: expected an integer from 1 to 100000, found 1000000000000" },
        { "grid: {hidden_size: 4, spectral_radius: 1, gamma: 1, lag: {start: 1, stop: 1000000000000, step: 1}}\n",
          "grid.lag: an axis holds at most 100000 values" },
        { "weights: {replicas: 1e18}\n" SMALLEST_GRID, "weights.replicas: expected an integer from 1 to 100000" },
        { "grid: {hidden_size: 46341, " REST "}\n",
          "from 1 to 46340 (d^2 must fit the 32-bit indices of LAPACK and ScaLAPACK), found 46341" },
        { "grid: {hidden_size: 4294967297, " REST "}\n", "from 1 to 46340 (" },
        { "grid: {hidden_size: 18446744073709551617, " REST "}\n", "from 1 to 46340 (" },
    };
    refuse_all(table, sizeof table / sizeof *table);
}

#define LONG_AXES                                                                                                   \
    "spectral_radius: {start: 0.1, stop: 1, num: 100000}, gamma: {start: 0.1, stop: 1, num: 100000}, lag: {start: " \
    "1, stop: 100000, step: 1}"

static void products_beyond_what_can_be_numbered_are_refused(void **state)
{
    (void)state;
    static const struct row table[] = {
        /* 1e25 cells, whose number would not fit 64 bits. */
        { "weights: {replicas: 100000}\ngrid: {hidden_size: {start: 1, stop: 40000, step: 4}, " LONG_AXES "}\n",
          "2:1: error: the grid has 1e+19 cells with 3e+05 results each; at most 2^53 results can be numbered" },
        /* 1e14 cells, but 4e9 singular values each: the bytes of their dataset would not fit. */
        { "weights: {replicas: 10000}\nmeasure: singular_values\nnumerics: {distribute_from: 100000}\n"
          "grid: {hidden_size: 40000, spectral_radius: {start: 0.1, stop: 1, num: 100000}, gamma: {start: 0.1, stop: "
          "1, num: 100000}, lag: {start: 1, stop: 100000, step: 1}}\n",
          "at most 2^53 results can be numbered" },
        /* Few cells, but a cost to be found for each of 1e5 sizes at 1e5 lags. */
        { "grid: {hidden_size: {start: 1, stop: 40000, step: 1}, spectral_radius: 1, gamma: 1, lag: {start: 1, stop: "
          "100000, step: 1}}\n",
          "1:1: error: the grid has 4e+09 combinations of activation, ensemble, hidden_size and lag; at most 1e+08 can "
          "be planned" },
    };
    refuse_all(table, sizeof table / sizeof *table);
}

/* `start`, then `piece` until the file is as large as a sweep file may be, then `end`. */
static void refuse_repeated(const char *start, const char *piece, const char *end, size_t size, const char *message)
{
    char *text = malloc(size + 1);
    size_t length = strlen(start), step = strlen(piece), last = strlen(end);
    assert_non_null(text);
    memcpy(text, start, length);
    for (; length + step + last <= size; length += step)
        memcpy(text + length, piece, step);
    memcpy(text + length, end, last);
    refuse(text, length + last, message);
    free(text);
}

enum { LARGE = 1 << 20, LARGEST = 16 << 20 };

static void endless_files_are_refused(void **state)
{
    (void)state;
    refuse_repeated("", "# comment\n", "", LARGEST + 100, "");
    refuse_repeated("", "[", "", LARGE, "nested more than 32 levels deep");
    refuse_repeated("", "{a: ", "", LARGE, "nested more than 32 levels deep");
    refuse_repeated("", "- ", "", LARGE, "");
    refuse_repeated("a: [", "&x 1, ", "]\n", LARGE, "repeated anchor \"&x\"; it stands on line 1 already");
    refuse_repeated("a: [&x 1, ", "*x, ", "]\n", LARGE, "unknown key \"a\"");
    refuse_repeated("", "kye: 1\n", "", LARGE, "the rest is not read\n");
    refuse_repeated("kye: 1\n", "grid: 1\n", "", LARGE, "repeated key \"grid\"; it stands on line 2 already");
    refuse_repeated("grid: {gamma: [", "x, ", "]}\n", LARGE, "grid.gamma: an axis holds at most 100000 values");
    refuse_repeated("grid: {gamma: [", "1, ", "]}\n", LARGE / 8, "grid.gamma: 1 is repeated");
    char measures[32];
    snprintf(measures, sizeof measures, "there are %d measures", MEASURES);
    refuse_repeated("measure: [", "gradient, ", "]\n" SMALLEST_GRID, LARGE, measures);
    refuse_repeated("model: {activation: [", "tanhh, ", "]}\n" SMALLEST_GRID, LARGE, "unknown activation \"tanhh\"");
    refuse_repeated("weights: {ensemble: [", "{kind: ginibre, label: x}, ", "]}\n" SMALLEST_GRID, LARGE,
                    "the axis holds at most 1000 ensembles");
    refuse_repeated("name: \"", "\\n", "\"\nname: 1\n", LARGE, "repeated key \"name\"");
    refuse_repeated("", "\"", "", LARGE, "not YAML");
    refuse_repeated("? ", "x", "\n", LARGE, "unknown key");
}

/* The first beyond the limit is refused; a file of them is not read on. */
static void only_so_many_anchors_are_kept(void **state)
{
    (void)state;
    static char text[LARGE];
    int length = snprintf(text, sizeof text, "a: [\n");
    for (int number = 0; length < LARGE - 32; number++)
        length += snprintf(text + length, sizeof text - (size_t)length, "&a%d 1,\n", number);
    refuse(text, (size_t)length, "sweep.yaml:1002:8: error: more than 1000 anchors");
}

/* 2,000 mappings that each bring together 100 others of 100 keys: 2e9 comparisons, were they made. */
static void only_so_much_is_merged(void **state)
{
    (void)state;
    static char text[LARGE];
    int length = snprintf(text, sizeof text, "a:\n- &a {");
    for (int key = 0; key < 100; key++)
        length += snprintf(text + length, sizeof text - (size_t)length, "k%d: 1, ", key);
    length += snprintf(text + length, sizeof text - (size_t)length, "}\n");
    for (int row = 0; row < 2000; row++) {
        length += snprintf(text + length, sizeof text - (size_t)length, "- {<<: [");
        for (int base = 0; base < 100; base++)
            length += snprintf(text + length, sizeof text - (size_t)length, "*a, ");
        length += snprintf(text + length, sizeof text - (size_t)length, "]}\n");
    }
    assert_in_range(length, LARGE / 2, LARGE - 1);
    refuse(text, (size_t)length, "\"<<\" merges too many entries");
}

/* Each level names the one below ten times: 10^30 values, were they copied. */
static void aliases_of_aliases_stay_small(void **state)
{
    (void)state;
    char text[8192];
    int length = snprintf(text, sizeof text, "a0: &a0 [1]\n");
    for (int level = 1; level <= 30; level++) {
        length += snprintf(text + length, sizeof text - (size_t)length, "a%d: &a%d [", level, level);
        for (int i = 0; i < 10; i++)
            length += snprintf(text + length, sizeof text - (size_t)length, "%s*a%d", i > 0 ? ", " : "", level - 1);
        length += snprintf(text + length, sizeof text - (size_t)length, "]\n");
    }
    length += snprintf(text + length, sizeof text - (size_t)length, "grid: {gamma: *a30}\n");
    refuse(text, (size_t)length, "grid.gamma: expected a number > 0, found a list");
}

static void only_so_many_mistakes_are_told(void **state)
{
    (void)state;
    refuse_repeated("", "kye: 1\n", SMALLEST_GRID, 200 * 7 + sizeof SMALLEST_GRID - 1, "100:1: error");
    assert_null(strstr(printed, "101:1: error"));
    assert_non_null(strstr(printed, "\n... after so many mistakes the rest is not read\n"));
    assert_string_equal(status_message(), "sweep.yaml: 100 mistakes or more");
}

/* Control characters and what is no character would reach the terminal. */
static void messages_are_plain_text(void **state)
{
    (void)state;
    static const char text[] = SMALLEST_GRID "\"\\e[31m\\nred\\x7f\": 1\n";
    refuse(text, sizeof text - 1, "unknown key \"?[31m?red?\"");
    /* Texts are cut between characters: 60 bytes are 29 and a half of these. */
    refuse(SMALLEST_GRID
           "seed: x\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
           "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
           "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\n",
           sizeof SMALLEST_GRID - 1 + 7 + 64 + 1, "\xC3\xA9\xC3\xA9\n");
    assert_null(strstr(printed, "\xC3\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absurd_counts_are_refused),
        cmocka_unit_test(products_beyond_what_can_be_numbered_are_refused),
        cmocka_unit_test(endless_files_are_refused),
        cmocka_unit_test(only_so_many_anchors_are_kept),
        cmocka_unit_test(only_so_much_is_merged),
        cmocka_unit_test(aliases_of_aliases_stay_small),
        cmocka_unit_test(only_so_many_mistakes_are_told),
        cmocka_unit_test(messages_are_plain_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
