/* Memory: zeroed and aligned, also where it is a block that was given back. */
#include "base/memory.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool keeps_freed;

static unsigned char *allocate(size_t count)
{
    unsigned char *bytes = NULL;
    assert_int_equal(memory_allocate(&bytes, count, "bytes"), STATUS_OK);
    assert_int_equal((uintptr_t)bytes % MEMORY_ALIGNMENT, 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(bytes[i], 0);
    return bytes;
}

/* Of the same sizes, whatever stands in it. */
static unsigned char *allocate_unset(size_t count)
{
    unsigned char *bytes = NULL;
    assert_int_equal(memory_allocate_unset(&bytes, count, "bytes"), STATUS_OK);
    assert_int_equal((uintptr_t)bytes % MEMORY_ALIGNMENT, 0);
    return bytes;
}

static void *allocate_in_thread(void *unused)
{
    (void)unused;
    unsigned char *bytes = allocate(1000);
    memset(bytes, 1, 1000);
    return bytes;
}

/* Blocks of all sizes, written over their whole length while others are there, and given back in another order. */
static void blocks_do_not_overlap(void **state)
{
    (void)state;
    enum { BLOCKS = 200, ROUNDS = 20 };
    unsigned char *blocks[BLOCKS];
    size_t counts[BLOCKS];
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            counts[i] = (size_t)((i * 2654435761u + (unsigned)round * 40503u) % (1u << (i % 20)));
            blocks[i] = i % 3 == 0 ? allocate_unset(counts[i]) : allocate(counts[i]);
            memset(blocks[i], i, counts[i]);
        }
        for (int k = 0; k < BLOCKS; k++) {
            const int i = (k * 37 + round) % BLOCKS;
            for (size_t n = 0; n < counts[i]; n++)
                assert_int_equal(blocks[i][n], i);
            memory_free(blocks[i]);
        }
    }
}

static void a_freed_block_serves_again(void **state)
{
    (void)state;
    unsigned char *first = allocate(5000), *second = allocate(5000);
    const uintptr_t places[] = { (uintptr_t)first, (uintptr_t)second };
    memset(first, 1, 5000);
    memset(second, 1, 5000);
    memory_free(first);
    memory_free(second);
    unsigned char *again = allocate(4999), *other = allocate(5001);
    if (keeps_freed)
        assert_true((uintptr_t)again == places[1] && (uintptr_t)other == places[0]);
    memory_free(again);
    memory_free(other);
}

/* Not made by memory_allocate, of another thread, none at all. */
static void other_blocks_are_freed_too(void **state)
{
    (void)state;
    pthread_t thread;
    void *bytes;
    memory_free(strdup("a text that somebody else has made"));
    memory_free(NULL);
    assert_int_equal(pthread_create(&thread, NULL, allocate_in_thread, NULL), 0);
    assert_int_equal(pthread_join(thread, &bytes), 0);
    memory_free(bytes);
    memory_free(allocate(1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_freed_block_serves_again), /* while there is room for it */
        cmocka_unit_test(blocks_do_not_overlap),
        cmocka_unit_test(other_blocks_are_freed_too),
    };
    keeps_freed = memory_keep_freed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
