/* Owners release what they hold once, at every exit, in reverse order; what they have handed out is not released. */
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* What was released, a letter each. */
static char released[16];

struct piece {
    char letter;
};

static void piece_destroy(struct piece *piece)
{
    const size_t length = strlen(released);
    released[length] = piece->letter; /* or the end again */
    released[length + (piece->letter != '\0')] = '\0';
}
SCOPED_VALUE(piece, piece_destroy)

struct handle {
    struct piece piece;
};

static void handle_destroy(struct handle *handle)
{
    if (handle != NULL)
        piece_destroy(&handle->piece);
}
SCOPED_HANDLE(handle, handle_destroy)

static enum status fail_after(int steps, struct piece *kept)
{
    struct handle target = { { 'h' } };
    SCOPED(piece) first = { 'a' }, second = { 'b' };
    SCOPED(handle) *handle = NULL;
    (void)second;
    if (steps == 0)
        return STATUS_IO;
    handle = &target;
    TRY(steps == 1 ? STATUS_IO : STATUS_OK);
    for (int i = 0; i < 2; i++) {
        SCOPED(piece) inner = { (char)('0' + i) };
        (void)inner;
        TRY(i == 1 && steps == 2 ? STATUS_IO : STATUS_OK);
    }
    *kept = scope_keep(&first);
    assert_int_equal(first.letter, '\0');
    return STATUS_OK;
}

static void releases_at_every_exit(void **state)
{
    static const char *const expected[] = { "ba", "hba", "01hba", "01hb" };
    (void)state;
    for (int steps = 0; steps < 4; steps++) {
        struct piece kept = { '\0' };
        released[0] = '\0';
        assert_int_equal(fail_after(steps, &kept), steps < 3 ? STATUS_IO : STATUS_OK);
        assert_string_equal(released, expected[steps]);
        assert_int_equal(kept.letter, steps < 3 ? '\0' : 'a');
    }
}

/* That memory is released is for the leak detector to see; here, that it is not released where it was kept. */
static enum status make_numbers(int64_t **numbers)
{
    SCOPED_MEMORY int64_t *made = NULL;
    SCOPED_MEMORY char *text = NULL;
    TRY(memory_allocate(&text, 100, "a text"));
    TRY(memory_allocate(&made, 2, "numbers"));
    made[1] = 7;
    *numbers = scope_keep(&made);
    assert_null(made);
    return STATUS_OK;
}

static void memory_is_kept(void **state)
{
    int64_t *numbers = NULL;
    (void)state;
    assert_int_equal(make_numbers(&numbers), STATUS_OK);
    assert_int_equal(numbers[1], 7);
    memory_free(numbers);
}

static void prefixes_stand_before_failures_alone(void **state)
{
    (void)state;
    assert_int_equal(status_prefix(status_fail(STATUS_IO, "reason"), "%s", "file"), STATUS_IO);
    assert_string_equal(status_message(), "file: reason");
    assert_int_equal(status_prefix(STATUS_OK, "%s", "other"), STATUS_OK);
    assert_string_equal(status_message(), "file: reason");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(releases_at_every_exit),
        cmocka_unit_test(memory_is_kept),
        cmocka_unit_test(prefixes_stand_before_failures_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
