/* CRC-32C: the examples of RFC 3720, appendix B.4; and both ways to compute it against each other.
 */
#include "base/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef uint32_t crc_fn(uint32_t crc, const void *bytes, size_t size);

static crc_fn *const ways[] = {crc32c, crc32c_by_table};

#define WAYS (sizeof ways / sizeof *ways)

static void assert_crc(const void *bytes, size_t size, uint32_t expected)
{
    for (size_t i = 0; i < WAYS; i++)
        assert_int_equal(ways[i](0, bytes, size), expected);
}

static void test_rfc_3720(void **state)
{
    static const uint8_t command[48] = {0x01, 0xc0, 0, 0,    0,    0, 0, 0,    0,    0, 0,    0,
                                        0,    0,    0, 0,    0x14, 0, 0, 0,    0,    0, 0x04, 0,
                                        0,    0,    0, 0x14, 0,    0, 0, 0x18, 0x28, 0, 0,    0,
                                        0,    0,    0, 0,    0x02, 0, 0, 0,    0,    0, 0,    0};
    uint8_t bytes[32];
    (void)state;
    assert_crc(memset(bytes, 0, 32), 32, 0x8a9136aa);
    assert_crc(memset(bytes, 0xff, 32), 32, 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_crc(bytes, 32, 0x46dd794e);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_crc(bytes, 32, 0x113fdb5c);
    assert_crc(command, 48, 0xd9963a56);
    assert_crc("123456789", 9, 0xe3069283);
}

static void test_nothing(void **state)
{
    (void)state;
    assert_crc(NULL, 0, 0);
    assert_int_equal(crc32c(0x12345678, NULL, 0), 0x12345678);
}

/* In pieces or at once, from any address, by an instruction or not: the same. */
static void test_any_cut(void **state)
{
    uint8_t bytes[200];
    (void)state;
    srandom(3720);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)random();
    for (size_t start = 0; start < 9; start++) {
        size_t size = sizeof bytes - start;
        uint32_t whole = crc32c_by_table(0, bytes + start, size);
        for (size_t cut = 0; cut <= size; cut++)
            for (size_t i = 0; i < WAYS; i++) {
                uint32_t head = ways[i](0, bytes + start, cut);
                assert_int_equal(ways[i](head, bytes + start + cut, size - cut), whole);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_3720),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_any_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
