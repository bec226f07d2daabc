/* Any cut of a stream into pieces gives the same messages: the framing length, in all its forms.
 *
 * The first bytes of the input choose the form: [0] its parts, [1] the bytes of the number, [2]
 * OFFSET, [3] K. The rest is as fuzz_codec.h says. */
#include "fuzz_codec.h"

#include <stdio.h>

#define FORM 4

enum { LITTLE = 1, BIG = 2, HEADER = 4, PLUS = 8, MINUS = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char framing[64];
    if (size <= FORM)
        return 0;
    int length = snprintf(framing, sizeof(framing), "length:%u", data[1] % 10u);
    if (data[0] & (LITTLE | BIG))
        length += snprintf(framing + length, 3, "%s", data[0] & LITTLE ? "le" : "be");
    if (data[0] & HEADER)
        length += snprintf(framing + length, 8, "@%u", data[2]);
    if (data[0] & (PLUS | MINUS))
        snprintf(framing + length, 8, "%c%u", data[0] & PLUS ? '+' : '-', data[3]);
    return fuzz_parameter(framing, data + FORM, size - FORM);
}
