/* codec_side.c: see codec_side.h. */
#include "codec_side.h"

#include "base/escape.h"
#include "goodtalk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

void owner_open(struct owner *owner, const char *framing, size_t max_message)
{
    struct error error = {0};
    *owner = (struct owner){0};
    if (framing_parse(&owner->framing, framing, max_message, &error) != GT_DONE)
        fail_msg("%s: %s", framing, error.text);
}

void owner_close(struct owner *owner)
{
    bytes_free(&owner->input);
    bytes_free(&owner->heard);
    bytes_free(&owner->raw);
}

void owner_give(struct owner *owner, struct slice bytes)
{
    assert_int_equal(bytes_append(&owner->input, bytes), 0);
}

static const char *result_word(enum frame_result result)
{
    switch (result) {
    case FRAME_TOO_LONG:
        return "TOO LONG";
    case FRAME_MALFORMED:
        return "MALFORMED";
    default:
        return "UNFINISHED";
    }
}

/* In these a line end may be dropped, or added. */
static bool echo_may_differ(const struct codec *codec)
{
    return codec == &codec_talk || codec == &codec_line;
}

/* The message, wrapped as a reply, is what the peer sent. */
static void check_echo(const struct framing *framing, const struct frame_mark *mark)
{
    struct frame_wrapping wrapping;
    assert_true(frame_wrap(framing, mark->body, FRAME_REPLY_PLAIN, &wrapping));
    struct slice head = slice_of(wrapping.head, wrapping.head_size);
    assert_int_equal(mark->raw.size, head.size + mark->body.size + wrapping.tail.size);
    assert_true(slice_equal(slice_of(mark->raw.data, head.size), head));
    assert_ptr_equal(mark->body.data, mark->raw.data + head.size);
    assert_true(slice_equal(slice_after(mark->raw, head.size + mark->body.size), wrapping.tail));
}

static void owner_hear(struct owner *owner, const struct frame_mark *mark)
{
    struct slice input = bytes_slice(&owner->input);
    assert_true(mark->raw.data + mark->raw.size == input.data + mark->consumed);
    assert_true(mark->body.data >= mark->raw.data);
    assert_true(mark->body.data + mark->body.size <= mark->raw.data + mark->raw.size);
    assert_true(mark->body.size <= owner->framing.max_message);
    if (!echo_may_differ(owner->framing.codec))
        check_echo(&owner->framing, mark);
    assert_int_equal(escape_text(&owner->heard, mark->body), 0);
    assert_int_equal(bytes_append(&owner->heard, slice_of_text("|")), 0);
    assert_int_equal(bytes_append(&owner->raw, mark->raw), 0);
}

void owner_ask(struct owner *owner, enum frame_event event)
{
    enum frame_result result = FRAME_MESSAGE;
    while (result == FRAME_MESSAGE && !owner->failed) {
        struct frame_mark mark;
        result =
            frame_scan(&owner->framing, &owner->frame, bytes_slice(&owner->input), event, &mark);
        if (result == FRAME_MESSAGE)
            owner_hear(owner, &mark);
        if (result == FRAME_MESSAGE || result == FRAME_MORE) {
            bytes_consume(&owner->input, mark.consumed);
            continue;
        }
        assert_true(result != FRAME_UNFINISHED || event == FRAME_END);
        owner->failed = true;
        bytes_append(&owner->heard, slice_of_text(result_word(result)));
    }
    if (event == FRAME_END && !owner->failed)
        assert_int_equal(owner->input.size, 0);
}

void owner_pause(struct owner *owner)
{
    if (frame_pauses(&owner->framing, &owner->frame, owner->input.size))
        owner_ask(owner, FRAME_PAUSE);
}

void owner_listen(struct owner *owner, struct slice stream, uint64_t cuts)
{
    for (size_t i = 0; i < stream.size; i++) {
        if (stream.data[i] == '~') {
            owner_ask(owner, FRAME_BYTES);
            owner_pause(owner);
            continue;
        }
        owner_give(owner, slice_of(stream.data + i, 1));
        if (cuts >> (i % 64) & 1)
            owner_ask(owner, FRAME_BYTES);
    }
    owner_ask(owner, FRAME_BYTES);
    owner_ask(owner, FRAME_END);
}

const char *owner_heard(struct owner *owner)
{
    assert_int_equal(bytes_append(&owner->heard, slice_of("", 1)), 0);
    owner->heard.size--;
    return (const char *)(owner->heard.data + owner->heard.start);
}

static void check_cut(const char *framing, size_t max_message, struct slice stream, uint64_t cuts,
                      const char *expected)
{
    char shown[256];
    struct owner owner;
    owner_open(&owner, framing, max_message);
    owner_listen(&owner, stream, cuts);
    if (strcmp(owner_heard(&owner), expected) != 0)
        fail_msg("%s, max %zu, \"%s\", cuts %llx: heard %s, not %s", framing, max_message,
                 escape_string(shown, sizeof(shown), stream), (unsigned long long)cuts,
                 owner_heard(&owner), expected);
    owner_close(&owner);
}

void check_heard(const char *framing, size_t max_message, struct slice stream, const char *expected)
{
    static const uint64_t ways[] = {0, UINT64_MAX, 0x5555555555555555u, 0x924924924924924u};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        check_cut(framing, max_message, stream, ways[i], expected);
}

void check_every_cut(const char *framing, size_t max_message, struct slice stream,
                     const char *expected)
{
    assert_true(stream.size <= 16);
    uint64_t ways = UINT64_C(1) << (stream.size > 0 ? stream.size - 1 : 0);
    for (uint64_t cuts = 0; cuts < ways; cuts++)
        check_cut(framing, max_message, stream, cuts, expected);
}

void write_stream(struct slice alphabet, unsigned number, unsigned length, char *stream)
{
    for (unsigned i = 0; i < length; i++) {
        stream[i] = (char)alphabet.data[number % alphabet.size];
        number /= (unsigned)alphabet.size;
    }
    stream[length] = '\0';
}

unsigned count_streams(struct slice alphabet, unsigned length)
{
    unsigned count = 1;
    while (length-- > 0)
        count *= (unsigned)alphabet.size;
    return count;
}

void check_wrapped(const char *framing, struct slice reply, enum frame_reply kind,
                   struct slice head, struct slice tail)
{
    struct owner owner;
    struct frame_wrapping wrapping;
    owner_open(&owner, framing, 1000);
    assert_true(frame_wrap(&owner.framing, reply, kind, &wrapping));
    assert_true(slice_equal(slice_of(wrapping.head, wrapping.head_size), head));
    assert_true(slice_equal(wrapping.tail, tail));
    owner_close(&owner);
}
