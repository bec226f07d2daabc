/* json_reader.c: see json_reader.h. Nothing is looked up and nothing kept: what is read is taken
 * off the front. */
#include "json_reader.h"

#include <stdio.h>

static bool begins_with(struct slice json, const char *text)
{
    size_t size = strlen(text);
    return json.size >= size && memcmp(json.data, text, size) == 0;
}

void json_expect(struct slice *json, const char *text)
{
    require(begins_with(*json, text));
    *json = slice_after(*json, strlen(text));
}

bool json_has(struct slice *json, const char *name)
{
    char member[64];
    snprintf(member, sizeof member, ",\"%s\":", name);
    bool has = begins_with(*json, member);
    if (has)
        json_expect(json, member);
    return has;
}

uint64_t json_number(struct slice *json)
{
    uint64_t number = 0;
    require(json->size > 0 && json->data[0] >= '0' && json->data[0] <= '9');
    require(json->data[0] != '0' || json->size == 1 || json->data[1] < '0' || json->data[1] > '9');
    while (json->size > 0 && json->data[0] >= '0' && json->data[0] <= '9')
        number = number * 10 + (next_byte(json) - (uint64_t)'0');
    return number;
}

/* ---- strings ---- */

static uint32_t hex_digits(struct slice *json, int count)
{
    uint32_t value = 0;
    for (int i = 0; i < count; i++) {
        uint8_t digit = next_byte(json);
        bool decimal = digit >= '0' && digit <= '9';
        require(decimal || (digit >= 'a' && digit <= 'f'));
        value = value << 4 | (uint32_t)(decimal ? digit - '0' : digit - 'a' + 10);
    }
    return value;
}

static void append_byte(struct bytes *to, uint32_t byte)
{
    uint8_t one = (uint8_t)byte;
    require(bytes_append(to, slice_of(&one, 1)) == 0);
}

/* A character of the basic plane, which is no surrogate, as UTF-8. */
static void append_character(struct bytes *to, uint32_t code)
{
    require(code < 0xd800 || code > 0xdfff);
    if (code < 0x80) {
        append_byte(to, code);
        return;
    }
    append_byte(to, code < 0x800 ? 0xc0 | code >> 6 : 0xe0 | code >> 12);
    if (code >= 0x800)
        append_byte(to, 0x80 | (code >> 6 & 0x3f));
    append_byte(to, 0x80 | (code & 0x3f));
}

static void take_escape(struct slice *json, struct bytes *meaning)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    uint8_t letter = next_byte(json);
    if (letter == 'u') {
        append_character(meaning, hex_digits(json, 4));
        return;
    }
    const char *found = letter ? strchr(letters, letter) : NULL;
    require(found != NULL);
    append_byte(meaning, (uint8_t)meanings[found - letters]);
}

void json_string(struct slice *json, struct bytes *meaning)
{
    json_expect(json, "\"");
    for (;;) {
        require(json->size > 0);
        uint8_t byte = next_byte(json);
        if (byte == '"')
            return;
        require(byte >= 0x20);
        if (byte == '\\')
            take_escape(json, meaning);
        else
            append_byte(meaning, byte);
    }
}

/* ---- base64 ---- */

static uint32_t value_of(uint8_t letter)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = letter ? strchr(letters, letter) : NULL;
    require(found != NULL);
    return (uint32_t)(found - letters);
}

static void take_group(struct slice *text, struct bytes *meaning)
{
    struct slice group = next_bytes(text, 4);
    require(group.size == 4);
    size_t padding = (size_t)(group.data[3] == '=') + (size_t)(group.data[2] == '=');
    require(padding == 0 || text->size == 0);
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++)
        bits = bits << 6 | (i < 4 - padding ? value_of(group.data[i]) : 0);
    for (size_t i = 0; i < 3 - padding; i++)
        append_byte(meaning, bits >> (16 - 8 * i));
}

void json_base64(struct slice *json, struct bytes *meaning)
{
    struct bytes text = {0};
    json_string(json, &text);
    struct slice rest = bytes_slice(&text);
    while (rest.size > 0)
        take_group(&rest, meaning);
    bytes_free(&text);
}
