/* Packets come out as they were kept, whether they waited or not, up to the first that is too long.
 *
 * The first byte of the input is max-message; then packets, each behind a byte that says its size.
 */
#include "fuzz_codec.h"

static struct slice next_packet(struct slice *input)
{
    size_t size = input->data[0];
    *input = slice_after(*input, 1);
    struct slice packet = slice_of(input->data, size < input->size ? size : input->size);
    *input = slice_after(*input, packet.size);
    return packet;
}

static struct hearing hear_packets(size_t max_message, struct slice input, bool waiting)
{
    struct hearing hearing = {.framing = {.codec = &codec_packet, .max_message = max_message}};
    while (input.size > 0) {
        require(packet_keep(&hearing.input, next_packet(&input)) == 0);
        if (!waiting)
            hear(&hearing, FRAME_BYTES);
    }
    hear(&hearing, FRAME_BYTES);
    hear(&hearing, FRAME_END);
    require(hearing.over || hearing.input.size == 0);
    return hearing;
}

/* What comes out is what went in. */
static void check(const struct hearing *hearing, struct slice input)
{
    struct slice echo = bytes_slice(&hearing->echo);
    while (input.size > 0) {
        struct slice packet = next_packet(&input);
        if (packet.size > hearing->framing.max_message) {
            require(hearing->over && echo.size == 0);
            return;
        }
        if (packet.size == 0)
            continue;
        require(echo.size >= packet.size && slice_equal(slice_of(echo.data, packet.size), packet));
        echo = slice_after(echo, packet.size);
    }
    require(!hearing->over && echo.size == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice input = slice_of(data + 1, size - 1);
    struct hearing waited = hear_packets((size_t)data[0] + 1, input, true);
    struct hearing came = hear_packets((size_t)data[0] + 1, input, false);
    require(slice_equal(bytes_slice(&waited.heard), bytes_slice(&came.heard)));
    check(&waited, input);
    check(&came, input);
    forget(&waited);
    forget(&came);
    return 0;
}
