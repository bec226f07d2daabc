/* Any cut of a stream into pieces gives the same messages: the framing delim, with any delimiter.
 *
 * The input is the delimiter as --frame has it, a NUL, and what fuzz_codec.h says. */
#include "fuzz_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char framing[300] = "delim:";
    size_t length = strnlen((const char *)data, size);
    if (length == size || length > 256)
        return 0;
    memcpy(framing + strlen(framing), data, length);
    return fuzz_parameter(framing, data + length + 1, size - length - 1);
}
