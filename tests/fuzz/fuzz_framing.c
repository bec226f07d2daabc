/* Any text as --frame: read, its parameters within their bounds, or refused with a sentence that is
 * fit for a terminal. The first byte of the input chooses max-message. */
#include "codec/frame.h"
#include "fuzz.h"

#include <goodtalk.h>

/* What a parameter comes to is within its bounds. */
static void check_framing(const struct framing *framing)
{
    if (framing->codec == &codec_delim)
        require(framing->delimiter.size >= 1 && framing->delimiter.size <= FRAME_DELIMITER_MAX);
    if (framing->codec == &codec_fixed)
        require(framing->fixed >= 1 && framing->fixed <= framing->max_message);
    if (framing->codec == &codec_length) {
        size_t number_end = (size_t)framing->length.offset + framing->length.size;
        require(framing->length.size >= 1 && framing->length.size <= 8);
        require(framing->length.header || framing->length.offset == 0);
        require(!framing->length.header || number_end <= framing->max_message);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct framing framing;
    struct error error = {0};
    if (size == 0)
        return 0;
    char *text = text_of(slice_of(data + 1, size - 1));
    size_t max_message = data[0] == 255 ? SIZE_MAX : (size_t)data[0] + 1;
    if (framing_parse(&framing, text, max_message, &error) == GT_DONE)
        check_framing(&framing);
    else
        require_sentence(&error);
    free(text);
    return 0;
}
