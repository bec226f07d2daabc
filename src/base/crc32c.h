/* crc32c.h: the CRC-32C of bytes (Castagnoli; RFC 3720, appendix B.4), as iSCSI, ext4 and others
 * have it. Finds damage, not malice. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of what crc already covers (0: nothing) followed by these bytes. Done by an instruction
 * where the processor has one. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t size);

/* The same without that instruction, for a processor that has none; and for tests. */
uint32_t crc32c_by_table(uint32_t crc, const void *bytes, size_t size);

#endif
