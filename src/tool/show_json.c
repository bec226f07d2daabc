/* show_json.c: a reader that goes once through the text. What is nested deeper than a few dozen
 * levels is refused, so that nobody's brackets are the end of our stack. */
#include "tool/show_json.h"

#include "base/escape.h"
#include "base/units.h"

#include <stdio.h>

#define DEEPEST 32

static bool is_space(uint8_t letter)
{
    return letter == ' ' || letter == '\t' || letter == '\r' || letter == '\n';
}

static void skip_space(struct show_json *json)
{
    while (json->rest.size > 0 && is_space(json->rest.data[0]))
        json->rest = slice_after(json->rest, 1);
}

bool show_json_peek(struct show_json *json, char sign)
{
    skip_space(json);
    return json->rest.size > 0 && json->rest.data[0] == (uint8_t)sign;
}

bool show_json_sign(struct show_json *json, char sign)
{
    if (!show_json_peek(json, sign))
        return false;
    json->rest = slice_after(json->rest, 1);
    return true;
}

/* ---- strings ---- */

static bool append(struct show_json *json, struct bytes *to, struct slice bytes)
{
    if (bytes_append(to, bytes) == 0)
        return true;
    json->no_memory = true;
    return false;
}

static int hex_digit(uint8_t letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    letter |= 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* Four hexadecimal digits at the beginning of the rest. */
static bool take_unit(struct show_json *json, uint32_t *unit)
{
    *unit = 0;
    if (json->rest.size < 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(json->rest.data[i]);
        if (digit < 0)
            return false;
        *unit = *unit << 4 | (uint32_t)digit;
    }
    json->rest = slice_after(json->rest, 4);
    return true;
}

/* What follows "\u": a character, perhaps of two units. */
static bool take_code(struct show_json *json, uint32_t *code)
{
    uint32_t low;
    if (!take_unit(json, code) || (*code >= 0xdc00 && *code <= 0xdfff))
        return false;
    if (*code < 0xd800 || *code > 0xdbff)
        return true;
    if (json->rest.size < 2 || memcmp(json->rest.data, "\\u", 2) != 0)
        return false;
    json->rest = slice_after(json->rest, 2);
    if (!take_unit(json, &low) || low < 0xdc00 || low > 0xdfff)
        return false;
    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

static bool append_code(struct show_json *json, struct bytes *to, uint32_t code)
{
    uint8_t bytes[4];
    size_t count = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = count; i-- > 1; code >>= 6)
        bytes[i] = (uint8_t)(0x80 | (code & 0x3f));
    bytes[0] = (uint8_t)(leads[count] | code);
    return append(json, to, slice_of(bytes, count));
}

/* What follows a backslash. */
static bool take_escape(struct show_json *json, struct bytes *to)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    uint32_t code;
    if (json->rest.size == 0)
        return false;
    uint8_t letter = json->rest.data[0];
    json->rest = slice_after(json->rest, 1);
    if (letter == 'u')
        return take_code(json, &code) && append_code(json, to, code);
    const char *found = memchr(letters, letter, sizeof letters - 1);
    return found && append(json, to, slice_of(meanings + (found - letters), 1));
}

/* Bytes that mean themselves. */
static size_t plain_run(struct slice text)
{
    size_t count = 0;
    while (count < text.size && text.data[count] >= 0x20 && text.data[count] != '"' &&
           text.data[count] != '\\')
        count++;
    return count;
}

bool show_json_string(struct show_json *json, struct bytes *to)
{
    bytes_clear(to);
    if (!show_json_sign(json, '"'))
        return false;
    for (;;) {
        size_t run = plain_run(json->rest);
        struct slice plain = slice_of(json->rest.data, run);
        if (!utf8_valid(plain) || !append(json, to, plain))
            return false;
        json->rest = slice_after(json->rest, run);
        if (json->rest.size == 0)
            return false;
        uint8_t sign = json->rest.data[0];
        json->rest = slice_after(json->rest, 1);
        if (sign == '"')
            return true;
        if (sign != '\\' || !take_escape(json, to))
            return false;
    }
}

/* ---- other values ---- */

bool show_json_count(struct show_json *json, int64_t *count)
{
    char digits[24];
    size_t length = 0;
    skip_space(json);
    while (length < json->rest.size && length < sizeof digits - 1 &&
           json->rest.data[length] >= '0' && json->rest.data[length] <= '9') {
        digits[length] = (char)json->rest.data[length];
        length++;
    }
    digits[length] = '\0';
    json->rest = slice_after(json->rest, length);
    return units_count(digits, INT64_MAX, count);
}

/* A number, true, false, null: letters that stand together. */
static bool skip_word(struct show_json *json)
{
    size_t length = 0;
    while (length < json->rest.size && json->rest.data[length] > 0x20 &&
           json->rest.data[length] < 0x7f && !strchr(",]}\"", json->rest.data[length]))
        length++;
    json->rest = slice_after(json->rest, length);
    return length > 0;
}

static bool skip_value(struct show_json *json, struct bytes *scratch, unsigned depth);

static bool skip_members(struct show_json *json, struct bytes *scratch, unsigned depth, char end)
{
    if (show_json_sign(json, end))
        return true;
    do {
        if (end == '}' && (!show_json_string(json, scratch) || !show_json_sign(json, ':')))
            return false;
        if (!skip_value(json, scratch, depth + 1))
            return false;
    } while (show_json_sign(json, ','));
    return show_json_sign(json, end);
}

static bool skip_value(struct show_json *json, struct bytes *scratch, unsigned depth)
{
    if (depth > DEEPEST)
        return false;
    if (show_json_peek(json, '"'))
        return show_json_string(json, scratch);
    if (show_json_sign(json, '{'))
        return skip_members(json, scratch, depth, '}');
    if (show_json_sign(json, '['))
        return skip_members(json, scratch, depth, ']');
    return skip_word(json);
}

bool show_json_skip(struct show_json *json)
{
    struct bytes scratch = {0};
    bool skipped = skip_value(json, &scratch, 0);
    bytes_free(&scratch);
    return skipped;
}

/* ---- base64 ---- */

static int base64_digit(uint8_t letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A';
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9')
        return letter - '0' + 52;
    return letter == '+' ? 62 : letter == '/' ? 63 : -1;
}

/* Four letters, of which the last two may be "=": how many bytes they are, 0: it is none. */
static size_t decode_group(const uint8_t *letters, uint8_t bytes[3])
{
    size_t count = letters[3] != '=' ? 3 : letters[2] != '=' ? 2 : 1;
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = i <= count ? base64_digit(letters[i]) : 0;
        if (digit < 0)
            return 0;
        bits = bits << 6 | (uint32_t)digit;
    }
    bytes[0] = (uint8_t)(bits >> 16);
    bytes[1] = (uint8_t)(bits >> 8);
    bytes[2] = (uint8_t)bits;
    return count;
}

bool show_base64_read(struct bytes *to, struct slice text, bool *no_memory)
{
    uint8_t bytes[3];
    if (text.size % 4 != 0)
        return false;
    *no_memory = bytes_reserve(to, text.size / 4 * 3) < 0;
    for (size_t at = 0; !*no_memory && at < text.size; at += 4) {
        size_t count = decode_group(text.data + at, bytes);
        if (count == 0 || (count < 3 && at + 4 < text.size))
            return false;
        *no_memory = bytes_append(to, slice_of(bytes, count)) < 0;
    }
    return !*no_memory;
}
