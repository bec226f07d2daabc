/* escape.c: runs of printable ASCII pass in one piece, as most messages are nothing else; every
 * other character is looked at by itself: decoded, judged, and passed on or written as \xHH.
 *
 * Failing: without memory the buffer is as it was before. */
#include "base/escape.h"

#include <assert.h>
#include <errno.h>

static const char digits[] = "0123456789abcdef";

/* Whether the bytes after a lead byte are continuation bytes; their bits into code. */
static bool continues(struct slice slice, size_t length, uint32_t *code)
{
    if (slice.size < length)
        return false;
    for (size_t i = 1; i < length; i++) {
        if ((slice.data[i] & 0xc0) != 0x80)
            return false;
        *code = *code << 6 | (slice.data[i] & 0x3f);
    }
    return true;
}

size_t utf8_decode(struct slice slice, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t lead = slice.data[0];
    *code = lead;
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    *code = lead & (0x7fu >> length);
    if (!continues(slice, length, code) || *code < least[length])
        return 0;
    bool surrogate = *code >= 0xd800 && *code <= 0xdfff;
    return surrogate || *code > 0x10ffff ? 0 : length;
}

bool escape_needed(uint32_t code)
{
    if (code < 0x20 || (code >= 0x7f && code < 0xa0))
        return true;
    if (code == 0x61c || code == 0x200e || code == 0x200f)
        return true;
    return (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

bool utf8_valid(struct slice slice)
{
    uint32_t code;
    for (size_t at = 0; at < slice.size;) {
        size_t length = utf8_decode(slice_after(slice, at), &code);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

/* ---- escaping ---- */

/* The longest character, a three-byte one escaped: \xe2\x80\xae. */
#define UNIT_SIZE 12

/* Bytes at the start of slice that pass as they are, whatever follows. */
static size_t plain_run(struct slice slice)
{
    size_t count = 0;
    while (count < slice.size && slice.data[count] >= 0x20 && slice.data[count] < 0x7f &&
           slice.data[count] != '\\')
        count++;
    return count;
}

/* The letter after the backslash of a byte that has one, or 0. */
static char short_escape(uint8_t byte)
{
    switch (byte) {
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '\\':
        return '\\';
    default:
        return 0;
    }
}

static size_t hex_escape(char *unit, struct slice slice)
{
    size_t size = 0;
    for (size_t i = 0; i < slice.size; i++) {
        unit[size++] = '\\';
        unit[size++] = 'x';
        unit[size++] = digits[slice.data[i] >> 4];
        unit[size++] = digits[slice.data[i] & 15];
    }
    return size;
}

/* Write the first character of slice, which is not empty, to unit as it should be shown: the size
 * of that; *taken is how many bytes of slice it stands for. */
static size_t escape_unit(struct slice slice, char unit[UNIT_SIZE], size_t *taken)
{
    uint32_t code;
    size_t length = utf8_decode(slice, &code);
    char letter = short_escape(slice.data[0]);
    *taken = length > 0 ? length : 1;
    if (letter) {
        unit[0] = '\\';
        unit[1] = letter;
        return 2;
    }
    if (length == 0 || escape_needed(code))
        return hex_escape(unit, slice_of(slice.data, *taken));
    memcpy(unit, slice.data, length);
    return length;
}

static int append_escaped(struct bytes *to, struct slice slice)
{
    char unit[UNIT_SIZE];
    while (slice.size > 0) {
        size_t taken = plain_run(slice);
        if (taken > 0) {
            if (bytes_append(to, slice_of(slice.data, taken)) != 0)
                return -ENOMEM;
        } else {
            size_t size = escape_unit(slice, unit, &taken);
            if (bytes_append(to, slice_of(unit, size)) != 0)
                return -ENOMEM;
        }
        slice = slice_after(slice, taken);
    }
    return 0;
}

int escape_text(struct bytes *to, struct slice slice)
{
    size_t before = to->size;
    if (append_escaped(to, slice) == 0)
        return 0;
    to->size = before;
    return -ENOMEM;
}

char *escape_string(char *to, size_t size, struct slice slice)
{
    static const char cut[] = "...";
    char unit[UNIT_SIZE];
    size_t end = 0;
    size_t whole = 0; /* where the cut may be: the dots still fit behind it */
    assert(size > 0);
    while (slice.size > 0) {
        size_t taken;
        size_t length = escape_unit(slice, unit, &taken);
        if (end + length > size - 1) {
            if (size >= sizeof(cut)) {
                memcpy(to + whole, cut, sizeof(cut) - 1);
                end = whole + sizeof(cut) - 1;
            }
            break;
        }
        memcpy(to + end, unit, length);
        end += length;
        if (end + sizeof(cut) <= size)
            whole = end;
        slice = slice_after(slice, taken);
    }
    to[end] = '\0';
    return to;
}

char *escape_as_typed(char *to, size_t size, struct slice slice)
{
    char *end = escape_string(to, size, slice);
    for (const char *from = to; *from; from++) {
        if (from[0] == '\\' && from[1] == '\\')
            from++;
        *end++ = *from;
    }
    *end = '\0';
    return to;
}

/* ---- reading back ---- */

static int hex_digit(char letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    if (letter >= 'a' && letter <= 'f')
        return letter - 'a' + 10;
    if (letter >= 'A' && letter <= 'F')
        return letter - 'A' + 10;
    return -1;
}

/* Read what stands at a backslash: how many letters it takes, 0 when it means nothing. */
static size_t read_escape(const char *text, uint8_t *byte)
{
    static const char letters[] = "nrt0\\";
    static const char meanings[] = "\n\r\t\0\\";
    if (text[1] == 'x') {
        int high = hex_digit(text[2]);
        int low = high < 0 ? -1 : hex_digit(text[3]);
        *byte = (uint8_t)(high * 16 + low);
        return low < 0 ? 0 : 4;
    }
    const char *letter = text[1] ? strchr(letters, text[1]) : NULL;
    if (!letter)
        return 0;
    *byte = (uint8_t)meanings[letter - letters];
    return 2;
}

static int append_unescaped(struct bytes *to, const char *text, size_t *wrong)
{
    size_t at = 0;
    while (text[at]) {
        uint8_t byte = 0;
        size_t run = strcspn(text + at, "\\");
        if (bytes_append(to, slice_of(text + at, run)) != 0)
            return -ENOMEM;
        at += run;
        if (!text[at])
            break;
        size_t length = read_escape(text + at, &byte);
        if (length == 0) {
            *wrong = at;
            return -EINVAL;
        }
        if (bytes_append(to, slice_of(&byte, 1)) != 0)
            return -ENOMEM;
        at += length;
    }
    return 0;
}

int unescape(struct bytes *to, const char *text, size_t *wrong)
{
    size_t before = to->size;
    int failed = append_unescaped(to, text, wrong);
    if (failed)
        to->size = before;
    return failed;
}
