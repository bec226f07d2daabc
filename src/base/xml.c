/* xml.c: text that XML 1.0 can hold, in an element or in a quoted attribute.
 *
 * XML forbids most controls and U+FFFE and U+FFFF, even as references: they become \xHH, byte by
 * byte, as in a terminal; bytes that are no UTF-8 too. Tabs and line ends are references in
 * attributes, where a parser would make spaces of them; a carriage return is one everywhere. */
#include "base/escape.h"

#include <errno.h>

/* The reference of an ASCII character that has one; NULL: it passes. */
static const char *reference(uint8_t byte, bool attribute)
{
    switch (byte) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '\r':
        return "&#13;";
    case '"':
        return attribute ? "&quot;" : NULL;
    case '\n':
        return attribute ? "&#10;" : NULL;
    case '\t':
        return attribute ? "&#9;" : NULL;
    default:
        return NULL;
    }
}

static bool forbidden(uint32_t code)
{
    if (code < 0x20)
        return code != '\t' && code != '\n' && code != '\r';
    return code == 0xfffe || code == 0xffff;
}

static int append_bytes_shown(struct bytes *to, struct slice slice)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < slice.size; i++)
        result = bytes_format(to, "\\x%02x", slice.data[i]);
    return result;
}

/* Append the first character of slice, which takes length bytes; 0: it is no character. */
static int append_character(struct bytes *to, struct slice slice, size_t length, uint32_t code,
                            bool attribute)
{
    const char *name = length == 1 ? reference(slice.data[0], attribute) : NULL;
    if (name)
        return bytes_append(to, slice_of_text(name));
    if (length == 0 || forbidden(code))
        return append_bytes_shown(to, slice_of(slice.data, length ? length : 1));
    return bytes_append(to, slice_of(slice.data, length));
}

int escape_xml(struct bytes *to, struct slice slice, bool attribute)
{
    size_t before = to->size;
    while (slice.size > 0) {
        uint32_t code;
        size_t length = utf8_decode(slice, &code);
        if (append_character(to, slice, length, code, attribute) != 0) {
            to->size = before;
            return -ENOMEM;
        }
        slice = slice_after(slice, length ? length : 1);
    }
    return 0;
}
