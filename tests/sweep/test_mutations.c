/* Damaged sweep files: whatever stands in one, reading it ends with a sweep or with mistakes. */
#include "sweep_testing.h"

#include "base/random.h"

enum { MUTATIONS = 3000, LONGEST = 4096 };

static const char valid[] = "name: quickstart # comment\n"
                            "seed: 2013\n"
                            "weights:\n"
                            "  ensemble:\n"
                            "    - &g ginibre\n"
                            "    - {kind: sparse, density: 0.1, label: 'sparse10'}\n"
                            "  replicas: 4\n"
                            "model:\n"
                            "  activation: [identity, tanh]\n"
                            "  input: {kind: sine, size: 2, scale: 1.5, period: 10}\n"
                            "  loss: squared\n"
                            "  steps: auto\n"
                            "grid:\n"
                            "  hidden_size: {start: 16, stop: 64, step: 16}\n"
                            "  spectral_radius: {start: 0.5, stop: 1.5, num: 11, scale: log}\n"
                            "  gamma: [0.25, 0.5, 0.75, 1.0]\n"
                            "  lag: {log2: 256}\n"
                            "measure: [jacobian_norm]\n"
                            "numerics:\n"
                            "  tolerance: 1.0e-10\n"
                            "  certify: false\n";

static uint64_t draw(const struct random_stream *stream, uint64_t *drawn, uint64_t below)
{
    double value = 0;
    random_uniform(stream, 0, (*drawn)++, 1, &value);
    return (uint64_t)(value * (double)below);
}

/* One change of text[*length]: a character replaced, inserted or deleted, or a stretch cut out or doubled. */
static void mutate(const struct random_stream *stream, uint64_t *drawn, char *text, size_t *length)
{
    static const char telling[] = "[]{}:,-#&*!|>'\"%@`? \n\t~0123456789.eE+xn\\\r\x01\xc3\xff";
    size_t at = draw(stream, drawn, *length), span = 1 + draw(stream, drawn, 12);
    char character = telling[draw(stream, drawn, sizeof telling)]; /* the NUL at its end included */
    if (span > *length - at)
        span = *length - at;
    switch (draw(stream, drawn, 4)) {
    case 0:
        text[at] = character;
        break;
    case 1:
        memmove(text + at + 1, text + at, *length - at);
        text[at] = character;
        *length += 1;
        break;
    case 2:
        memmove(text + at, text + at + span, *length - at - span);
        *length -= span;
        break;
    default:
        memmove(text + at + span, text + at, *length - at);
        *length += span;
    }
}

static void damaged_files_are_read_or_refused(void **state)
{
    (void)state;
    static char printed[PRINTED_SIZE], text[LONGEST];
    struct random_stream stream = random_stream_open(7, "mutations");
    uint64_t drawn = 0;
    int good = 0;
    for (int round = 0; round < MUTATIONS; round++) {
        size_t length = sizeof valid - 1;
        memcpy(text, valid, length);
        for (uint64_t changes = 1 + draw(&stream, &drawn, 2); changes > 0; changes--)
            mutate(&stream, &drawn, text, &length);
        struct sweep *sweep = NULL, *again = NULL;
        enum status status = open_text(text, length, 0, NULL, true, printed, &sweep);
        if (status == STATUS_OK) {
            good++;
            assert_string_equal(printed, "");
            assert_int_equal(sweep_parse(sweep->text, &again), STATUS_OK);
            assert_string_equal(again->text, sweep->text);
            sweep_close(again);
        } else {
            assert_int_equal(status, STATUS_INPUT);
            assert_memory_equal(printed, "sweep.yaml:", 11);
            assert_null(sweep);
        }
        sweep_close(sweep);
    }
    /* Both kinds must occur, or the test tests nothing: here some 5% are good. */
    assert_in_range(good, MUTATIONS / 50, MUTATIONS / 2);
}

/* Every beginning of a good file: what a full disk or a broken copy leaves. */
static void cut_files_are_read_or_refused(void **state)
{
    (void)state;
    static char printed[PRINTED_SIZE];
    for (size_t length = 0; length < sizeof valid; length++) {
        struct sweep *sweep = NULL;
        enum status status = open_text(valid, length, 0, NULL, false, printed, &sweep);
        assert_true(status == STATUS_OK || status == STATUS_INPUT);
        sweep_close(sweep);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_files_are_read_or_refused),
        cmocka_unit_test(cut_files_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
