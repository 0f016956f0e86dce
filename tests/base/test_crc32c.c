/* CRC-32C against its published check value and its defining properties. */
#include "base/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* One bit at a time, straight from the polynomial. */
static uint32_t crc32c_bitwise(const unsigned char *bytes, size_t count)
{
    uint32_t remainder = 0xFFFFFFFF;
    for (size_t i = 0; i < count; i++) {
        remainder ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            remainder = remainder & 1 ? (remainder >> 1) ^ 0x82F63B78 : remainder >> 1;
    }
    return ~remainder;
}

static void check_value(void **state)
{
    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283);
    assert_int_equal(crc32c(0, "", 0), 0);
    /* RFC 3720, B.4: 32 bytes of zeros. */
    assert_int_equal(crc32c(0, (unsigned char[32]){ 0 }, 32), 0x8A9136AA);
}

static void every_length_and_every_cut_agree_with_the_bitwise_form(void **state)
{
    (void)state;
    unsigned char bytes[67];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 151 + 43);
    for (size_t count = 0; count <= sizeof bytes; count++) {
        uint32_t expected = crc32c_bitwise(bytes, count);
        for (size_t cut = 0; cut <= count; cut++)
            assert_int_equal(crc32c(crc32c(0, bytes, cut), bytes + cut, count - cut), expected);
        assert_int_equal(crc32c_by_tables(0, bytes, count), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_value),
        cmocka_unit_test(every_length_and_every_cut_agree_with_the_bitwise_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
