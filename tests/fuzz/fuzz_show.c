/* Any message in every format: what is shown is what came, read back; one record is one line, fit
 * for a terminal (but for raw); a time and a place that make no sense do no harm.
 *
 * The input: [0] the kind of peer, 24 bytes of it, 8 of the time, then the message; its raw bytes
 * have up to two more than its body. */
#include "base/peer.h"
#include "json_reader.h"
#include "record/record.h"

#include <stdio.h>

static struct slice shown(struct bytes *to, enum show_format format, const struct message *message)
{
    bytes_clear(to);
    require(show_message(to, format, message) == 0);
    return bytes_slice(to);
}

/* One line that ends with the newline, and nothing else that moves a cursor. */
static struct slice the_line(struct slice text)
{
    require(text.size > 0 && slice_ends_with(text, '\n'));
    text.size--;
    require(fit_for_terminal(text));
    return text;
}

static void check_talk(struct bytes *to, const struct message *message)
{
    static const char head[] = "The message was: ";
    struct bytes back = {0};
    size_t wrong = 0;
    struct slice line = the_line(shown(to, SHOW_TALK, message));
    json_expect(&line, head);
    char *text = text_of(line);
    require(unescape(&back, text, &wrong) == 0);
    require(slice_equal(bytes_slice(&back), message->body));
    free(text);
    bytes_free(&back);
}

static void check_json(struct bytes *to, const struct message *message)
{
    struct bytes body = {0}, skipped = {0};
    struct slice line = the_line(shown(to, SHOW_JSON, message));
    json_expect(&line, "{\"id\":");
    json_string(&line, &skipped);
    require(json_has(&line, "time"));
    json_string(&line, &skipped);
    require(json_has(&line, "listener"));
    bytes_clear(&skipped);
    json_string(&line, &skipped);
    require(slice_equal(bytes_slice(&skipped), slice_of_text(message->listener)));
    require(json_has(&line, "peer"));
    json_string(&line, &skipped);
    require(json_has(&line, "size") && json_number(&line) == message->body.size);
    if (json_has(&line, "text"))
        json_string(&line, &body);
    else if (json_has(&line, "base64"))
        json_base64(&line, &body);
    require(slice_equal(bytes_slice(&body), message->body));
    json_expect(&line, "}");
    require(line.size == 0);
    bytes_free(&body);
    bytes_free(&skipped);
}

/* ---- hex ---- */

static size_t hex_number(struct slice text)
{
    size_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        const char *digits = "0123456789abcdef";
        const char *found = text.data[i] ? strchr(digits, text.data[i]) : NULL;
        require(found != NULL);
        value = value << 4 | (size_t)(found - digits);
    }
    return value;
}

/* "00000010  68 69 ... |hi...|": its bytes. */
static void take_hex_line(struct slice line, struct bytes *back)
{
    require(line.size >= 62 && line.data[60] == '|' && slice_ends_with(line, '|'));
    size_t count = line.size - 62;
    require(count >= 1 && count <= 16);
    for (size_t i = 0; i < count; i++) {
        uint8_t byte = (uint8_t)hex_number(slice_of(line.data + 10 + i * 3 + i / 8, 2));
        uint8_t plain = byte >= 0x20 && byte < 0x7f ? byte : '.';
        require(line.data[61 + i] == plain);
        require(bytes_append(back, slice_of(&byte, 1)) == 0);
    }
}

/* A star: the line before it, again and again up to this offset. */
static void repeat_line(struct bytes *back, size_t offset)
{
    while (back->size < offset) {
        uint8_t line[16];
        require(back->size >= 16);
        memcpy(line, bytes_slice(back).data + back->size - 16, 16);
        require(bytes_append(back, slice_of(line, 16)) == 0);
    }
}

static void check_hex(struct bytes *to, const struct message *message)
{
    struct bytes back = {0};
    struct slice text = shown(to, SHOW_HEX, message);
    bool ended = false, star = false;
    while (text.size > 0) {
        struct slice line = next_word(&text, '\n');
        require(fit_for_terminal(line) && !ended);
        bool stars = line.size == 1 && line.data[0] == '*';
        if (!stars) {
            require(line.size >= 8);
            size_t offset = hex_number(slice_of(line.data, 8));
            if (star)
                repeat_line(&back, offset);
            require(offset == back.size);
            ended = line.size == 8;
            if (!ended)
                take_hex_line(line, &back);
        }
        star = stars;
    }
    require(ended && slice_equal(bytes_slice(&back), message->raw));
    bytes_free(&back);
}

/* ---- all of them ---- */

static void check(const struct message *message)
{
    struct bytes to = {0};
    check_talk(&to, message);
    check_json(&to, message);
    check_hex(&to, message);
    require(slice_equal(shown(&to, SHOW_RAW, message), message->raw));
    require(shown(&to, SHOW_NONE, message).size == 0);
    bytes_free(&to);
}

static void fill(void *to, size_t size, struct slice *input)
{
    struct slice bytes = next_bytes(input, size);
    memset(to, 0, size);
    if (bytes.size > 0)
        memcpy(to, bytes.data, bytes.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct peer peer;
    int64_t time_us;
    size_t around = next_byte(&input) % 3u;
    fill(&peer, sizeof peer, &input);
    fill(&time_us, sizeof time_us, &input);
    struct slice body = input;
    body.size -= around < body.size ? around : body.size;
    struct message message = {.body = body,
                              .raw = input,
                              .peer = &peer,
                              .listener = "tcp:[::]:9999 \"\\",
                              .time_us = time_us,
                              .sequence = (uint64_t)time_us};
    check(&message);
    return 0;
}
