/* Any cut of a stream into pieces gives the same messages: the framing varint. */
#include "fuzz_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_framing("varint", data, size);
}
