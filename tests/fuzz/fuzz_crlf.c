/* Any cut of a stream into pieces gives the same messages: the framing crlf. */
#include "fuzz_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_framing("crlf", data, size);
}
