/* speech.c: heads, ends and replies of each framing, as a client knows them. */
#include "speech.h"

#include <stdio.h>
#include <stdlib.h>

void speech_append(struct bytes *to, struct slice slice)
{
    if (bytes_append(to, slice) < 0)
        abort();
}

static void append_byte(struct bytes *to, uint8_t byte)
{
    speech_append(to, slice_of(&byte, 1));
}

static const char *length_setting(const struct speech *speech, char *text, size_t size)
{
    int used = snprintf(text, size, "length:%u%s", speech->number_size, speech->little ? "le" : "");
    if (speech->header)
        used += snprintf(text + used, size - (size_t)used, "@%u", speech->offset);
    if (speech->surplus != 0)
        snprintf(text + used, size - (size_t)used, "%+d", speech->surplus);
    return text;
}

const char *speech_setting(const struct speech *speech)
{
    static const char *const names[] = {"talk", "line",   "crlf",      "nul",   NULL,
                                        NULL,   "varint", "netstring", "octet", NULL,
                                        "eof",  "chunk",  NULL};
    static char text[80];
    if (speech->kind == SPEECH_LENGTH)
        return length_setting(speech, text, sizeof text);
    if (speech->kind == SPEECH_DELIM)
        snprintf(text, sizeof text, "delim:%s", speech->delimiter);
    else if (speech->kind == SPEECH_FIXED)
        snprintf(text, sizeof text, "fixed:%zu", speech->fixed);
    else
        return names[speech->kind];
    return text;
}

bool speech_is_strict(const struct speech *speech)
{
    return speech->kind == SPEECH_CRLF || speech->kind == SPEECH_NUL ||
           speech->kind == SPEECH_DELIM;
}

bool speech_is_counted(const struct speech *speech)
{
    return speech->kind >= SPEECH_LENGTH && speech->kind <= SPEECH_FIXED;
}

size_t speech_header_size(const struct speech *speech)
{
    bool header = speech->kind == SPEECH_LENGTH && speech->header;
    return header ? speech->offset + speech->number_size : 0;
}

size_t speech_text_most(const struct speech *speech, size_t max_message)
{
    size_t most = max_message - speech_header_size(speech);
    if (speech->kind == SPEECH_FIXED)
        return speech->fixed;
    if (speech->kind != SPEECH_LENGTH || speech->number_size > 2)
        return most;
    size_t countable = speech->number_size == 1 ? 255 : 65535;
    countable -= speech->surplus > 0 ? (size_t)speech->surplus : 0;
    return most < countable ? most : countable;
}

/* ---- heads and ends ---- */

static void append_number(const struct speech *speech, uint64_t number, struct bytes *to)
{
    for (unsigned i = 0; i < speech->number_size; i++) {
        unsigned place = speech->little ? i : speech->number_size - 1 - i;
        append_byte(to, (uint8_t)(number >> (8 * place)));
    }
}

/* The bytes of a header before its number are anything: not what names begin with. */
static void append_length(const struct speech *speech, size_t size, struct bytes *to)
{
    for (unsigned i = 0; speech->header && i < speech->offset; i++)
        append_byte(to, (uint8_t)("h\xff\0-"[i % 4]));
    append_number(speech, (uint64_t)((int64_t)size + speech->surplus), to);
}

static void append_varint(size_t size, struct bytes *to)
{
    while (size > 127) {
        append_byte(to, (uint8_t)(128 + size % 128));
        size /= 128;
    }
    append_byte(to, (uint8_t)size);
}

void speech_begin(const struct speech *speech, size_t size, struct bytes *to)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%zu%c", size, speech->kind == SPEECH_OCTET ? ' ' : ':');
    if (speech->kind == SPEECH_LENGTH)
        append_length(speech, size, to);
    else if (speech->kind == SPEECH_VARINT)
        append_varint(size, to);
    else if (speech->kind == SPEECH_OCTET || speech->kind == SPEECH_NETSTRING)
        speech_append(to, slice_of_text(digits));
}

void speech_end(const struct speech *speech, struct bytes *to)
{
    if (speech->kind == SPEECH_TALK || speech->kind == SPEECH_LINE)
        append_byte(to, '\n');
    else if (speech->kind == SPEECH_CRLF)
        speech_append(to, slice_of_text("\r\n"));
    else if (speech->kind == SPEECH_NUL)
        append_byte(to, 0);
    else if (speech->kind == SPEECH_DELIM)
        speech_append(to, slice_of_text(speech->delimiter));
    else if (speech->kind == SPEECH_NETSTRING)
        append_byte(to, ',');
}

/* ---- replies ---- */

/* Replies here never hold a delimiter. A header is the application's own matter. */
void speech_reply(const struct speech *speech, enum speech_reply kind, struct slice reply,
                  struct bytes *to)
{
    bool counted = speech_is_counted(speech) && speech->kind != SPEECH_FIXED &&
                   !(speech->kind == SPEECH_LENGTH && speech->header);
    bool bare = speech->kind >= SPEECH_EOF;
    if (counted)
        speech_begin(speech, reply.size, to);
    speech_append(to, reply);
    if (bare && kind == SPEECH_DEFAULT)
        append_byte(to, '\n');
    else if (speech->kind == SPEECH_NETSTRING || kind != SPEECH_EXACT)
        speech_end(speech, to);
}

/* ---- nonsense ---- */

bool speech_nonsense(const struct speech *speech, unsigned which, struct bytes *to)
{
    static const char *const netstrings[] = {"01:x,", ":x,",  "+1:x,",  "-1:x,", " 1:x,",
                                             "1 :x,", "1;x,", "3:abc;", "x",     "00:,"};
    static const char *const octets[] = {"0 ", "01 x", "+1 x", "-1 x", " 1 x", "1:x", "x", "1\tx"};
    static const char *const varints[] = {"\x80", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
                                          "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"};
    if (speech->kind == SPEECH_NETSTRING) {
        speech_append(to, slice_of_text(netstrings[which % 10]));
    } else if (speech->kind == SPEECH_OCTET) {
        speech_append(to, slice_of_text(octets[which % 8]));
    } else if (speech->kind == SPEECH_VARINT) {
        speech_append(to, slice_of_text(varints[which % 3]));
        if (which % 3 == 0)
            append_byte(to, 0); /* longer than it need be */
    } else if (speech->kind == SPEECH_LENGTH && speech->surplus > 0) {
        append_length(speech, (size_t)-1 - which % (unsigned)speech->surplus, to);
    } else {
        return false;
    }
    return true;
}
