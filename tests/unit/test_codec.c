/* Framings: which messages are in a stream, however it is cut.
 *
 * Streams are written as text in which '~' is a pause; every stream ends with the peer's
 * end-of-stream. What was heard is written as the messages, escaped, each followed by '|'; an error
 * ends it. */
#include "codec/frame.h"

#include "base/bytes.h"
#include "base/escape.h"
#include "goodtalk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define STREAM_SIZE 64

/* An owner as serve is one: it keeps what is not consumed, and the raw bytes of what was. */
struct owner {
    struct framing framing;
    struct frame frame;
    struct bytes input;
    struct bytes heard;
    struct bytes raw;
    bool failed;
};

static void owner_open(struct owner *owner, const char *name, size_t max_message)
{
    *owner = (struct owner){0};
    assert_int_equal(framing_parse(&owner->framing, name, max_message, NULL), GT_DONE);
}

static void owner_close(struct owner *owner)
{
    bytes_free(&owner->input);
    bytes_free(&owner->heard);
    bytes_free(&owner->raw);
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

/* Note one message; its body lies within raw, and raw within what is consumed. */
static void owner_hear(struct owner *owner, const struct frame_mark *mark)
{
    struct slice input = bytes_slice(&owner->input);
    assert_true(mark->raw.data + mark->raw.size == input.data + mark->consumed);
    assert_true(mark->body.data == mark->raw.data && mark->body.size <= mark->raw.size);
    assert_true(mark->body.size <= owner->framing.max_message);
    assert_int_equal(escape_text(&owner->heard, mark->body), 0);
    assert_int_equal(bytes_append(&owner->heard, slice_of_text("|")), 0);
    assert_int_equal(bytes_append(&owner->raw, mark->raw), 0);
}

static void owner_ask(struct owner *owner, enum frame_event event)
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
        owner->failed = true;
        bytes_append(&owner->heard, slice_of_text(result_word(result)));
    }
    if (event == FRAME_END && !owner->failed)
        assert_int_equal(owner->input.size, 0);
}

/* A pause is told only where serve would tell it. */
static void owner_pause(struct owner *owner)
{
    if (frame_pauses(&owner->framing, &owner->frame, owner->input.size))
        owner_ask(owner, FRAME_PAUSE);
}

/* Give the stream cut after each byte whose bit is set in cuts (and around pauses), then end it. */
static void owner_listen(struct owner *owner, const char *stream, uint64_t cuts)
{
    for (size_t i = 0; stream[i]; i++) {
        if (stream[i] == '~') {
            owner_ask(owner, FRAME_BYTES);
            owner_pause(owner);
            continue;
        }
        assert_int_equal(bytes_append(&owner->input, slice_of(stream + i, 1)), 0);
        if (i < 64 && cuts >> i & 1)
            owner_ask(owner, FRAME_BYTES);
    }
    owner_ask(owner, FRAME_BYTES);
    owner_ask(owner, FRAME_END);
}

/* What is heard in stream, cut like this, as text; for the caller to free. */
static char *heard(const char *name, size_t max_message, const char *stream, uint64_t cuts)
{
    struct owner owner;
    owner_open(&owner, name, max_message);
    owner_listen(&owner, stream, cuts);
    bytes_append(&owner.heard, slice_of("", 1));
    char *text = strdup((const char *)bytes_slice(&owner.heard).data);
    assert_non_null(text);
    owner_close(&owner);
    return text;
}

static void assert_heard(const char *name, size_t max_message, const char *stream,
                         const char *expected)
{
    static const uint64_t ways[] = {0, UINT64_MAX, 0x5555555555555555u, 0x924924924924924u};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        char *text = heard(name, max_message, stream, ways[i]);
        if (strcmp(text, expected) != 0)
            fail_msg("%s, cut %zu: heard %s, not %s", name, i, text, expected);
        free(text);
    }
}

/* ---- line ---- */

static void a_line_ends_with_lf(void **state)
{
    (void)state;
    assert_heard("line", 100, "", "");
    assert_heard("line", 100, "Who is there?\n", "Who is there?|");
    assert_heard("line", 100, "one\ntwo\n", "one|two|");
    assert_heard("line", 100, "\n\n", "||");
    assert_heard("line", 100, "no end", "no end|");
    assert_heard("line", 100, "one\nno end", "one|no end|");
    assert_heard("line", 100, "a~b\n~", "ab|");
}

static void only_a_cr_directly_before_lf_is_dropped(void **state)
{
    (void)state;
    assert_heard("line", 100, "one\r\ntwo\r\n", "one|two|");
    assert_heard("line", 100, "\r\n", "|");
    assert_heard("line", 100, "one\r\r\n", "one\\r|");
    assert_heard("line", 100, "o\rne\n\rtwo\n", "o\\rne|\\rtwo|");
    assert_heard("line", 100, "one\r", "one\\r|");
}

static void a_line_over_the_limit_is_too_long(void **state)
{
    (void)state;
    assert_heard("line", 3, "abc\nabc\r\nabc", "abc|abc|abc|");
    assert_heard("line", 3, "ab\nabcd\nab\n", "ab|TOO LONG");
    assert_heard("line", 3, "ab\nabcd", "ab|TOO LONG");
    assert_heard("line", 3, "abc\rd\n", "TOO LONG");
    assert_heard("line", 3, "abc\r", "TOO LONG");
    assert_heard("line", 3, "abc\r\r\n", "TOO LONG");
    assert_heard("line", 1, "\r\r\n\r\n", "\\r||");
}

/* Said as soon as no continuation could make it fit: an endless line is not waited for. */
static void too_long_is_said_early(void **state)
{
    (void)state;
    static const char *const names[] = {"line", "talk", "eof"};
    for (size_t i = 0; i < 3; i++) {
        struct framing framing;
        struct frame frame = {0};
        struct frame_mark mark;
        assert_int_equal(framing_parse(&framing, names[i], 3, NULL), GT_DONE);
        assert_int_equal(frame_scan(&framing, &frame, slice_of("abc", 3), FRAME_BYTES, &mark),
                         FRAME_MORE);
        assert_int_equal(frame_scan(&framing, &frame, slice_of("abcd", 4), FRAME_BYTES, &mark),
                         FRAME_TOO_LONG);
    }
}

/* ---- talk ---- */

static void talk_hears_lines(void **state)
{
    (void)state;
    assert_heard("talk", 100, "", "");
    assert_heard("talk", 100, "~", "");
    assert_heard("talk", 100, "one\r\ntwo\n\n", "one|two||");
    assert_heard("talk", 100, "no end", "no end|");
}

static void a_pause_ends_a_message(void **state)
{
    (void)state;
    assert_heard("talk", 100, "hello~", "hello|");
    assert_heard("talk", 100, "hello~hello~", "hello|hello|");
    assert_heard("talk", 100, "he~llo\n", "he|llo|");
    assert_heard("talk", 3, "abcd~", "TOO LONG");
    assert_heard("talk", 3, "abc\r~", "TOO LONG");
}

static void no_pause_ends_a_message_after_a_line(void **state)
{
    (void)state;
    assert_heard("talk", 100, "one\ntw~o\n", "one|two|");
    assert_heard("talk", 100, "he~\nwo~rld\n", "he|world|");
}

static void a_line_end_after_a_pause_is_dropped(void **state)
{
    (void)state;
    assert_heard("talk", 100, "hello~\n", "hello|");
    assert_heard("talk", 100, "hello~\r\n", "hello|");
    assert_heard("talk", 100, "hello~\r\nnext\n", "hello|next|");
    assert_heard("talk", 100, "hello~\n\n", "hello||");
    assert_heard("talk", 100, "hello~\r\r\n", "hello|\\r|");
    assert_heard("talk", 100, "hello~\rnext\n", "hello|\\rnext|");
    assert_heard("talk", 100, "hello~\r~", "hello|\\r|");
    assert_heard("talk", 100, "hello~\r~\n", "hello|\\r|");
    assert_heard("talk", 100, "hello~\r", "hello|\\r|");
    assert_heard("talk", 100, "hello~a\n", "hello|a|");
}

static void talk_is_asked_about_pauses_while_they_count(void **state)
{
    (void)state;
    struct owner owner;
    owner_open(&owner, "talk", 100);
    assert_false(frame_pauses(&owner.framing, &owner.frame, 0));
    assert_true(frame_pauses(&owner.framing, &owner.frame, 5));
    bytes_append(&owner.input, slice_of_text("one\ntw"));
    owner_ask(&owner, FRAME_BYTES);
    assert_false(frame_pauses(&owner.framing, &owner.frame, owner.input.size));
    owner_close(&owner);
    owner_open(&owner, "line", 100);
    assert_false(frame_pauses(&owner.framing, &owner.frame, 5));
}

/* ---- eof ---- */

static void eof_hears_everything_as_one(void **state)
{
    (void)state;
    assert_heard("eof", 100, "", "");
    assert_heard("eof", 100, "one\r\n~two", "one\\r\\ntwo|");
    assert_heard("eof", 3, "abc", "abc|");
    assert_heard("eof", 3, "abcd", "TOO LONG");
}

/* ---- any stream, any cut ---- */

/* The messages of a talk (or line) stream by another way: byte by byte, without a scan. */
struct model {
    char current[STREAM_SIZE];
    size_t size;
    size_t max_message;
    bool pauses;
    bool after_pause;
    char heard[8 * STREAM_SIZE];
    bool failed;
};

static void model_emit(struct model *model, size_t size)
{
    struct bytes text = {0};
    if (model->failed)
        return;
    model->failed = size > model->max_message;
    if (model->failed) {
        strcat(model->heard, "TOO LONG");
        return;
    }
    escape_text(&text, slice_of(model->current, size));
    strncat(model->heard, text.size ? (const char *)text.data : "", text.size);
    strcat(model->heard, "|");
    bytes_free(&text);
    model->size = 0;
}

static void model_line_end(struct model *model)
{
    size_t size = model->size;
    bool carriage_return = size > 0 && model->current[size - 1] == '\r';
    if (model->after_pause && size == (carriage_return ? 1 : 0))
        model->size = 0;
    else
        model_emit(model, size - (carriage_return ? 1 : 0));
    model->after_pause = false;
    model->pauses = false;
}

static void model_listen(struct model *model, const char *stream)
{
    for (; *stream; stream++) {
        if (*stream == '\n') {
            model_line_end(model);
        } else if (*stream != '~') {
            model->current[model->size++] = *stream;
        } else if (model->pauses && model->size > 0) {
            model_emit(model, model->size);
            model->after_pause = true;
        }
    }
    if (model->size > 0)
        model_emit(model, model->size);
}

/* The stream of a number: its digits as letters. */
static void write_stream(unsigned number, unsigned length, char *stream)
{
    for (unsigned i = 0; i < length; i++) {
        stream[i] = "a\r\n~"[number % 4];
        number /= 4;
    }
    stream[length] = '\0';
}

static void check_every_cut(const char *name, size_t max_message, const char *stream,
                            const char *expected)
{
    size_t length = strlen(stream);
    for (uint64_t cuts = 0; cuts < UINT64_C(1) << (length > 0 ? length - 1 : 0); cuts++) {
        char *text = heard(name, max_message, stream, cuts);
        if (strcmp(text, expected) != 0)
            fail_msg("%s: cuts %llx: heard %s, not %s", name, (unsigned long long)cuts, text,
                     expected);
        free(text);
    }
}

static void every_short_stream_is_heard_the_same_in_every_cut(void **state)
{
    (void)state;
    for (unsigned length = 0; length <= 6; length++) {
        for (unsigned number = 0; number < 1u << (2 * length); number++) {
            char stream[STREAM_SIZE];
            struct model talk = {.max_message = 2, .pauses = true};
            struct model line = {.max_message = 2};
            write_stream(number, length, stream);
            model_listen(&talk, stream);
            model_listen(&line, stream);
            check_every_cut("talk", 2, stream, talk.heard);
            check_every_cut("line", 2, stream, line.heard);
        }
    }
}

static void raw_bytes_are_the_stream(void **state)
{
    (void)state;
    static const char stream[] = "one\r\n\ntwo\r\r\nthree";
    struct owner owner;
    owner_open(&owner, "talk", 100);
    owner_listen(&owner, stream, 0x2492);
    assert_true(slice_equal(bytes_slice(&owner.raw), slice_of_text(stream)));
    owner_close(&owner);
}

static void any_byte_may_be_in_a_message(void **state)
{
    (void)state;
    uint8_t all[256];
    struct owner owner;
    for (unsigned i = 0; i < 256; i++)
        all[i] = (uint8_t)(i ^ '\n'); /* the LF comes first */
    owner_open(&owner, "line", 1000);
    bytes_append(&owner.input, slice_of(all, 256));
    owner_ask(&owner, FRAME_BYTES);
    assert_true(slice_equal(bytes_slice(&owner.raw), slice_of(all, 1)));
    owner_ask(&owner, FRAME_END);
    assert_true(slice_equal(bytes_slice(&owner.raw), slice_of(all, 256)));
    owner_close(&owner);
}

/* Bytes that were searched are not looked at again: a line end put there afterwards is not seen. */
static void no_byte_is_searched_twice(void **state)
{
    (void)state;
    struct framing framing;
    struct frame frame = {0};
    struct frame_mark mark;
    char input[] = "aaaaaaaa\n";
    assert_int_equal(framing_parse(&framing, "talk", 100, NULL), GT_DONE);
    assert_int_equal(frame_scan(&framing, &frame, slice_of(input, 8), FRAME_BYTES, &mark),
                     FRAME_MORE);
    assert_int_equal(frame.scanned, 8);
    input[3] = '\n';
    assert_int_equal(frame_scan(&framing, &frame, slice_of(input, 9), FRAME_BYTES, &mark),
                     FRAME_MESSAGE);
    assert_int_equal(mark.consumed, 9);
    assert_int_equal(frame.scanned, 0);
}

static void another_framing_can_be_spoken_from_here_on(void **state)
{
    (void)state;
    struct owner owner;
    owner_open(&owner, "talk", 100);
    bytes_append(&owner.input, slice_of_text("one\ntwo"));
    owner_ask(&owner, FRAME_BYTES);
    assert_int_equal(framing_parse(&owner.framing, "eof", 100, NULL), GT_DONE);
    frame_change(&owner.frame);
    bytes_append(&owner.input, slice_of_text("\nthree"));
    owner_ask(&owner, FRAME_BYTES);
    owner_ask(&owner, FRAME_END);
    assert_true(slice_equal(bytes_slice(&owner.heard), slice_of_text("one|two\\nthree|")));
    owner_close(&owner);
}

/* ---- replies ---- */

static void assert_wrapped(const char *name, const char *reply, bool fixed, const char *tail)
{
    struct framing framing;
    struct frame_wrapping wrapping;
    assert_int_equal(framing_parse(&framing, name, 100, NULL), GT_DONE);
    frame_wrap(&framing, slice_of_text(reply), fixed ? FRAME_REPLY_DEFAULT : FRAME_REPLY_PLAIN,
               &wrapping);
    assert_int_equal(wrapping.head_size, 0);
    assert_true(slice_equal(wrapping.tail, slice_of_text(tail)));
}

static void replies_are_ended_as_the_framing_says(void **state)
{
    (void)state;
    static const char *const names[] = {"talk", "line"};
    for (size_t i = 0; i < 2; i++) {
        assert_wrapped(names[i], "Good talking to you", true, "\n");
        assert_wrapped(names[i], "an echo", false, "\n");
        assert_wrapped(names[i], "ended\n", false, "");
        assert_wrapped(names[i], "", false, "\n");
    }
    assert_wrapped("eof", "Good talking to you", true, "\n");
    assert_wrapped("eof", "ended\n", true, "");
    assert_wrapped("eof", "an echo", false, "");
    assert_wrapped("eof", "", false, "");
}

/* ---- --frame ---- */

static void assert_parse_error(const char *text, const char *expected)
{
    struct framing framing;
    struct error error = {0};
    assert_int_equal(framing_parse(&framing, text, 100, &error), GT_WRONG);
    assert_int_equal(error.status, GT_WRONG);
    assert_string_equal(error.text, expected);
}

static void framings_are_known_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; codec_table[i]; i++) {
        struct framing framing;
        assert_int_equal(framing_parse(&framing, codec_table[i]->name, 77, NULL), GT_DONE);
        assert_ptr_equal(framing.codec, codec_table[i]);
        assert_int_equal(framing.max_message, 77);
    }
}

static void what_is_no_framing_is_explained(void **state)
{
    (void)state;
    assert_parse_error("lien", "not a framing; did you mean line? one of talk, line, eof");
    assert_parse_error("EOF", "not a framing; one of talk, line, eof");
    assert_parse_error("", "not a framing; one of talk, line, eof");
    assert_parse_error("json\n", "not a framing; one of talk, line, eof");
    assert_parse_error("talk:x", "talk takes no parameter");
    assert_parse_error("line:", "line takes no parameter");
}

static void framings_that_come_later_are_named(void **state)
{
    (void)state;
    assert_parse_error("crlf", "not built yet in this version; one of talk, line, eof");
    assert_parse_error("delim:;", "not built yet in this version; one of talk, line, eof");
    for (size_t i = 0; codec_later[i]; i++) {
        struct framing framing;
        struct error error = {0};
        assert_int_equal(framing_parse(&framing, codec_later[i], 100, &error), GT_WRONG);
        assert_non_null(strstr(error.text, "not built yet"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_ends_with_lf),
        cmocka_unit_test(only_a_cr_directly_before_lf_is_dropped),
        cmocka_unit_test(a_line_over_the_limit_is_too_long),
        cmocka_unit_test(too_long_is_said_early),
        cmocka_unit_test(talk_hears_lines),
        cmocka_unit_test(a_pause_ends_a_message),
        cmocka_unit_test(no_pause_ends_a_message_after_a_line),
        cmocka_unit_test(a_line_end_after_a_pause_is_dropped),
        cmocka_unit_test(talk_is_asked_about_pauses_while_they_count),
        cmocka_unit_test(eof_hears_everything_as_one),
        cmocka_unit_test(every_short_stream_is_heard_the_same_in_every_cut),
        cmocka_unit_test(raw_bytes_are_the_stream),
        cmocka_unit_test(any_byte_may_be_in_a_message),
        cmocka_unit_test(no_byte_is_searched_twice),
        cmocka_unit_test(another_framing_can_be_spoken_from_here_on),
        cmocka_unit_test(replies_are_ended_as_the_framing_says),
        cmocka_unit_test(framings_are_known_by_name),
        cmocka_unit_test(what_is_no_framing_is_explained),
        cmocka_unit_test(framings_that_come_later_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
