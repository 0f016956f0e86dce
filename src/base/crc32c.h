/* CRC-32C (Castagnoli): polynomial 0x1EDC6F41, reflected, as in iSCSI (RFC 3720, B.4). Not collective. */
#ifndef GRADSWEEP_BASE_CRC32C_H
#define GRADSWEEP_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of everything so far followed by bytes[count]; `so_far` is 0 at the beginning, so that
 * crc32c(crc32c(0, a), b) is that of a followed by b. */
uint32_t crc32c(uint32_t so_far, const void *bytes, size_t count);

/* The same on a processor without an instruction for it. */
uint32_t crc32c_by_tables(uint32_t so_far, const void *bytes, size_t count);

#endif
