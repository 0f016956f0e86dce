#include "base/crc32c.h"

#include <pthread.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { SLICES = 8, BYTE_VALUES = 256 };

static const uint32_t reflected_polynomial = 0x82F63B78;

/* tables[k][b]: the remainder of byte b followed by k zero bytes, so that eight bytes take eight independent look-ups.
 */
static uint32_t tables[SLICES][BYTE_VALUES];
static pthread_once_t tables_made = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (uint32_t byte = 0; byte < BYTE_VALUES; byte++) {
        uint32_t remainder = byte;
        for (int bit = 0; bit < 8; bit++)
            remainder = (remainder >> 1) ^ (remainder & 1 ? reflected_polynomial : 0);
        tables[0][byte] = remainder;
    }
    for (int slice = 1; slice < SLICES; slice++)
        for (int byte = 0; byte < BYTE_VALUES; byte++) {
            uint32_t before = tables[slice - 1][byte];
            tables[slice][byte] = (before >> 8) ^ tables[0][before & 0xFF];
        }
}

static uint64_t load_little_endian(const unsigned char *bytes)
{
    uint64_t word = 0;
    for (int i = 0; i < 8; i++)
        word |= (uint64_t)bytes[i] << 8 * i;
    return word;
}

uint32_t crc32c_by_tables(uint32_t so_far, const void *bytes, size_t count)
{
    pthread_once(&tables_made, make_tables);
    const unsigned char *next = bytes;
    uint32_t remainder = ~so_far;
    for (; count >= SLICES; count -= SLICES, next += SLICES) {
        uint64_t word = load_little_endian(next) ^ remainder;
        remainder = 0;
        for (int i = 0; i < SLICES; i++)
            remainder ^= tables[SLICES - 1 - i][word >> 8 * i & 0xFF];
    }
    for (; count > 0; count--, next++)
        remainder = (remainder >> 8) ^ tables[0][(remainder ^ *next) & 0xFF];
    return ~remainder;
}

#if defined(__x86_64__)
/* The processor's own instruction, which is for this polynomial; six times as fast. */
__attribute__((target("sse4.2"))) static uint32_t crc32c_by_instruction(uint32_t so_far, const void *bytes,
                                                                        size_t count)
{
    const unsigned char *next = bytes;
    uint64_t remainder = (uint32_t)~so_far;
    for (; count >= sizeof remainder; count -= sizeof remainder, next += sizeof remainder) {
        uint64_t word;
        memcpy(&word, next, sizeof word);
        remainder = _mm_crc32_u64(remainder, word);
    }
    uint32_t last = (uint32_t)remainder;
    for (; count > 0; count--, next++)
        last = _mm_crc32_u8(last, *next);
    return ~last;
}
#endif

uint32_t crc32c(uint32_t so_far, const void *bytes, size_t count)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return crc32c_by_instruction(so_far, bytes, count);
#endif
    return crc32c_by_tables(so_far, bytes, count);
}
