/* show.c: a message as standard output shows it.
 *
 * One function per format appends to the buffer; where memory runs out halfway the buffer is cut
 * back to where it was, so that a message is shown whole or not at all. talk, json and hex are fit
 * for a terminal; raw is not, and is not meant to be. */
#include "record/json_line.h"

#include "base/escape.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define HEX_LINE 16 /* bytes a line of hex shows */

const char *const show_format_names[] = {"talk", "raw", "json", "hex", "none", NULL};

int show_format_parse(const char *text)
{
    for (int format = 0; show_format_names[format]; format++)
        if (strcmp(text, show_format_names[format]) == 0)
            return format;
    return -1;
}

static int show_talk(struct bytes *to, const struct message *message)
{
    static const char head[] = "The message was: ";
    /* Room for all of it at once: most messages need no escape. sizeof counts the newline. */
    if (bytes_reserve(to, sizeof head + message->body.size) < 0 ||
        bytes_append(to, slice_of(head, sizeof head - 1)) < 0 || escape_text(to, message->body) < 0)
        return -ENOMEM;
    return bytes_append(to, slice_of("\n", 1));
}

static int show_raw(struct bytes *to, const struct message *message)
{
    return bytes_append(to, message->raw);
}

static int show_json(struct bytes *to, const struct message *message)
{
    struct envelope envelope = {0};
    int result = json_line(to, &envelope, message);
    envelope_free(&envelope);
    return result;
}

/* One line: offset, bytes in two groups of eight, and what of them is printable. */
static int hex_line(struct bytes *to, size_t offset, struct slice line)
{
    static const char digits[] = "0123456789abcdef";
    char hex[HEX_LINE * 3 + 1], plain[HEX_LINE + 1] = "";
    memset(hex, ' ', sizeof hex);
    for (size_t i = 0; i < line.size; i++) {
        char *place = hex + i * 3 + (i >= HEX_LINE / 2);
        place[0] = digits[line.data[i] >> 4];
        place[1] = digits[line.data[i] & 15];
        plain[i] = line.data[i] >= 0x20 && line.data[i] < 0x7f ? (char)line.data[i] : '.';
    }
    return bytes_format(to, "%08zx  %.*s |%s|\n", offset, (int)sizeof hex, hex, plain);
}

/* Whether the whole line at offset repeats the one before it. */
static bool hex_repeats(struct slice raw, size_t offset)
{
    return offset >= HEX_LINE && raw.size - offset >= HEX_LINE &&
           memcmp(raw.data + offset, raw.data + offset - HEX_LINE, HEX_LINE) == 0;
}

static int show_hex(struct bytes *to, const struct message *message)
{
    struct slice raw = message->raw;
    bool repeating = false;
    for (size_t offset = 0; offset < raw.size; offset += HEX_LINE) {
        size_t rest = raw.size - offset;
        struct slice line = slice_of(raw.data + offset, rest < HEX_LINE ? rest : HEX_LINE);
        bool again = hex_repeats(raw, offset);
        int result = 0;
        if (!again)
            result = hex_line(to, offset, line);
        else if (!repeating)
            result = bytes_append(to, slice_of("*\n", 2));
        if (result < 0)
            return result;
        repeating = again;
    }
    /* hexdump says nothing at all of no bytes; but every message must be seen. */
    return bytes_format(to, "%08zx\n", raw.size);
}

static int show_none(struct bytes *to, const struct message *message)
{
    (void)to;
    (void)message;
    return 0;
}

int show_message(struct bytes *to, enum show_format format, const struct message *message)
{
    static int (*const shows[])(struct bytes *, const struct message *) = {
        [SHOW_TALK] = show_talk, [SHOW_RAW] = show_raw,   [SHOW_JSON] = show_json,
        [SHOW_HEX] = show_hex,   [SHOW_NONE] = show_none,
    };
    size_t size_before = to->size;
    int result = shows[format](to, message);
    if (result < 0)
        to->size = size_before;
    return result;
}
