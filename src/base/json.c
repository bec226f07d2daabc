/* json.c: bytes as a JSON string, or as base64 where they are not text. Runs of what needs no
 * escape pass in one piece.
 *
 * Failing: without memory the buffer is as it was before. What is not UTF-8 (the caller's mistake:
 * base64 is for that) becomes U+FFFD, so that the line stays JSON whatever happens. */
#include "base/escape.h"

#include <errno.h>

/* Bytes at the start of slice that are plain ASCII and pass as they are. */
static size_t plain_run(struct slice slice)
{
    size_t count = 0;
    while (count < slice.size && slice.data[count] >= 0x20 && slice.data[count] < 0x7f &&
           slice.data[count] != '"' && slice.data[count] != '\\')
        count++;
    return count;
}

/* Eight bytes at a time: a bit is set where one of them is below 0x20, or above 0x7e, or a quote or
 * a backslash. (A borrow can only come from a byte that is found itself.) */
static bool plain_word(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t tops = ones << 7;
    uint64_t low = word - 0x20 * ones;
    uint64_t quote = (word ^ ('"' * ones)) - ones;
    uint64_t backslash = (word ^ ('\\' * ones)) - ones;
    uint64_t high = word + ones; /* 0x7f becomes 0x80 */
    return ((word | low | quote | backslash | high) & tops) == 0;
}

bool escape_json_plain(struct slice slice)
{
    uint64_t word;
    while (slice.size >= sizeof word) {
        memcpy(&word, slice.data, sizeof word);
        if (!plain_word(word))
            return false;
        slice = slice_after(slice, sizeof word);
    }
    return plain_run(slice) == slice.size;
}

/* Append the first character of slice, which is not in a plain run: how many bytes it took, or 0
 * when memory is out. */
static size_t append_character(struct bytes *to, struct slice slice)
{
    uint32_t code;
    int failed;
    size_t length = utf8_decode(slice, &code);
    if (length == 0)
        failed = bytes_append(to, slice_of_text("\\ufffd"));
    else if (code == '"' || code == '\\')
        failed = bytes_append(to, slice_of_text(code == '"' ? "\\\"" : "\\\\"));
    else if (escape_needed(code))
        failed = bytes_format(to, "\\u%04x", (unsigned)code);
    else
        failed = bytes_append(to, slice_of(slice.data, length));
    if (failed)
        return 0;
    return length > 0 ? length : 1;
}

static int append_string(struct bytes *to, struct slice slice)
{
    static const struct slice quote = {(const uint8_t *)"\"", 1};
    if (bytes_append(to, quote) != 0)
        return -ENOMEM;
    while (slice.size > 0) {
        size_t taken = plain_run(slice);
        if (bytes_append(to, slice_of(slice.data, taken)) != 0)
            return -ENOMEM;
        if (taken == 0)
            taken = append_character(to, slice);
        if (taken == 0)
            return -ENOMEM;
        slice = slice_after(slice, taken);
    }
    return bytes_append(to, quote);
}

int escape_json(struct bytes *to, struct slice slice)
{
    size_t before = to->size;
    if (append_string(to, slice) == 0)
        return 0;
    to->size = before;
    return -ENOMEM;
}

/* Up to three bytes as four letters. */
static void encode_group(uint8_t *to, const uint8_t *from, size_t count)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = (uint32_t)from[0] << 16;
    if (count > 1)
        bits |= (uint32_t)from[1] << 8;
    if (count > 2)
        bits |= from[2];
    to[0] = (uint8_t)letters[bits >> 18];
    to[1] = (uint8_t)letters[bits >> 12 & 63];
    to[2] = count > 1 ? (uint8_t)letters[bits >> 6 & 63] : '=';
    to[3] = count > 2 ? (uint8_t)letters[bits & 63] : '=';
}

int escape_base64(struct bytes *to, struct slice slice)
{
    if (slice.size > SIZE_MAX / 2)
        return -ENOMEM;
    if (bytes_reserve(to, (slice.size + 2) / 3 * 4) != 0)
        return -ENOMEM;
    while (slice.size > 0) {
        size_t count = slice.size < 3 ? slice.size : 3;
        encode_group(bytes_end(to), slice.data, count);
        to->size += 4;
        slice = slice_after(slice, count);
    }
    return 0;
}
