/* Any cut of a stream into pieces gives the same messages: the framing fixed, of any size.
 *
 * The first byte of the input is the size. The rest is as fuzz_codec.h says. */
#include "fuzz_codec.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char framing[16];
    if (size == 0)
        return 0;
    snprintf(framing, sizeof(framing), "fixed:%u", data[0]);
    return fuzz_parameter(framing, data + 1, size - 1);
}
