/* crc32c.c: by an instruction (SSE 4.2, ARMv8) where there is one, eight bytes at a time: which
 * processor it is shows when the program runs. Else by tables, made at the first use, also eight
 * bytes at a time. */
#include "base/crc32c.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* the bits of a byte count from the lowest up */

/* ---- by tables ---- */

/* tables[n][byte]: what the byte does to the CRC when n more bytes follow it. */
static uint32_t tables[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static uint32_t table_entry(uint32_t byte)
{
    for (int bit = 0; bit < 8; bit++)
        byte = byte >> 1 ^ (byte & 1 ? POLYNOMIAL : 0);
    return byte;
}

static void make_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++)
        tables[0][byte] = table_entry(byte);
    for (int n = 1; n < 8; n++)
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t before = tables[n - 1][byte];
            tables[n][byte] = before >> 8 ^ tables[0][before & 255];
        }
}

/* Eight bytes, in their order whatever the processor's is. */
static uint32_t eight_by_table(uint32_t crc, const uint8_t *bytes)
{
    uint32_t result = 0;
    for (int i = 0; i < 8; i++) {
        uint8_t byte = i < 4 ? bytes[i] ^ (uint8_t)(crc >> 8 * i) : bytes[i];
        result ^= tables[7 - i][byte];
    }
    return result;
}

uint32_t crc32c_by_table(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *byte = bytes;
    pthread_once(&tables_once, make_tables);
    crc = ~crc;
    for (; size >= 8; size -= 8, byte += 8)
        crc = eight_by_table(crc, byte);
    for (; size > 0; size--, byte++)
        crc = crc >> 8 ^ tables[0][(crc ^ *byte) & 255];
    return ~crc;
}

/* ---- by an instruction ---- */

#if defined(__x86_64__)

#include <nmmintrin.h>

#define WITH_INSTRUCTION __attribute__((target("sse4.2")))

static bool has_instruction(void)
{
    return __builtin_cpu_supports("sse4.2");
}

WITH_INSTRUCTION static inline uint32_t crc_eight(uint32_t crc, uint64_t eight)
{
    return (uint32_t)_mm_crc32_u64(crc, eight);
}

WITH_INSTRUCTION static inline uint32_t crc_one(uint32_t crc, uint8_t one)
{
    return _mm_crc32_u8(crc, one);
}

#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

#include <sys/auxv.h>

#define WITH_INSTRUCTION
#define HAS_CRC32 (1u << 7) /* HWCAP_CRC32 */

static bool has_instruction(void)
{
    return getauxval(AT_HWCAP) & HAS_CRC32;
}

/* Compilers do not agree on the name of an intrinsic; the assembler's is the processor's. */
static inline uint32_t crc_eight(uint32_t crc, uint64_t eight)
{
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(eight));
    return crc;
}

static inline uint32_t crc_one(uint32_t crc, uint8_t one)
{
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(one));
    return crc;
}

#endif

#ifdef WITH_INSTRUCTION

WITH_INSTRUCTION static uint32_t by_instruction(uint32_t crc, const uint8_t *bytes, size_t size)
{
    crc = ~crc;
    for (; size >= 8; size -= 8, bytes += 8) {
        uint64_t eight;
        memcpy(&eight, bytes, 8);
        crc = crc_eight(crc, eight);
    }
    for (; size > 0; size--, bytes++)
        crc = crc_one(crc, *bytes);
    return ~crc;
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t size)
{
    return has_instruction() ? by_instruction(crc, bytes, size) : crc32c_by_table(crc, bytes, size);
}

#else

uint32_t crc32c(uint32_t crc, const void *bytes, size_t size)
{
    return crc32c_by_table(crc, bytes, size);
}

#endif
