/* Chunks are what there is when asked: together they are the stream, and there is no error. */
#include "fuzz_codec.h"

static void check(const uint8_t *data, struct slice stream, bool whole)
{
    struct hearing hearing = hear_stream("chunk", data, stream, whole);
    require(!hearing.over && slice_equal(bytes_slice(&hearing.echo), stream));
    forget(&hearing);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= CHOICES)
        return 0;
    check(data, slice_of(data + CHOICES, size - CHOICES), true);
    check(data, slice_of(data + CHOICES, size - CHOICES), false);
    return 0;
}
