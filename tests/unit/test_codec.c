/* The framings that end with a line or with the stream: which messages are in a stream, however it
 * is cut. See codec_side.h for how streams are written. */
#include "codec_side.h"

#include "base/escape.h"
#include "goodtalk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define STREAM_SIZE 64

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
    owner_give(&owner, slice_of_text("one\ntw"));
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

/* ---- chunk ---- */

static void a_chunk_is_what_there_is_when_asked(void **state)
{
    (void)state;
    struct owner owner;
    owner_open(&owner, "chunk", 100);
    owner_listen(&owner, BYTES("one\r\n~two~~three"), 0);
    assert_string_equal(owner_heard(&owner), "one\\r\\n|two|three|");
    owner_close(&owner);
    owner_open(&owner, "chunk", 100);
    owner_listen(&owner, BYTES("one"), UINT64_MAX);
    assert_string_equal(owner_heard(&owner), "o|n|e|");
    owner_close(&owner);
    assert_heard("chunk", 100, "", "");
}

static void what_is_over_the_limit_is_the_next_chunk(void **state)
{
    (void)state;
    struct owner owner;
    owner_open(&owner, "chunk", 3);
    owner_listen(&owner, BYTES("abcdefgh"), 0);
    assert_string_equal(owner_heard(&owner), "abc|def|gh|");
    owner_close(&owner);
}

/* What waited for the end of the stream, because there was no room, comes with it. */
static void chunks_come_with_the_end_of_the_stream(void **state)
{
    (void)state;
    struct owner owner;
    owner_open(&owner, "chunk", 3);
    owner_give(&owner, BYTES("abcd"));
    owner_ask(&owner, FRAME_END);
    assert_string_equal(owner_heard(&owner), "abc|d|");
    owner_close(&owner);
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

static void every_short_stream_is_heard_the_same_in_every_cut(void **state)
{
    (void)state;
    struct slice alphabet = BYTES("a\r\n~");
    for (unsigned length = 0; length <= 6; length++) {
        for (unsigned number = 0; number < count_streams(alphabet, length); number++) {
            char stream[STREAM_SIZE];
            struct model talk = {.max_message = 2, .pauses = true};
            struct model line = {.max_message = 2};
            write_stream(alphabet, number, length, stream);
            model_listen(&talk, stream);
            model_listen(&line, stream);
            check_every_cut("talk", 2, slice_of(stream, length), talk.heard);
            check_every_cut("line", 2, slice_of(stream, length), line.heard);
        }
    }
}

static void raw_bytes_are_the_stream(void **state)
{
    (void)state;
    struct slice stream = BYTES("one\r\n\ntwo\r\r\nthree");
    struct owner owner;
    owner_open(&owner, "talk", 100);
    owner_listen(&owner, stream, 0x2492);
    assert_true(slice_equal(bytes_slice(&owner.raw), stream));
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
    owner_give(&owner, slice_of(all, 256));
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
    owner_give(&owner, slice_of_text("one\ntwo"));
    owner_ask(&owner, FRAME_BYTES);
    assert_int_equal(framing_parse(&owner.framing, "eof", 100, NULL), GT_DONE);
    frame_change(&owner.frame);
    owner_give(&owner, slice_of_text("\nthree"));
    owner_ask(&owner, FRAME_BYTES);
    owner_ask(&owner, FRAME_END);
    assert_true(slice_equal(bytes_slice(&owner.heard), slice_of_text("one|two\\nthree|")));
    owner_close(&owner);
}

/* ---- replies ---- */

static void lines_end_with_lf(void **state)
{
    (void)state;
    static const char *const names[] = {"talk", "line"};
    for (size_t i = 0; i < 2; i++) {
        assert_wrapped(names[i], "Good talking to you", FRAME_REPLY_DEFAULT, "", "\n");
        assert_wrapped(names[i], "an echo", FRAME_REPLY_PLAIN, "", "\n");
        assert_wrapped(names[i], "ended\n", FRAME_REPLY_PLAIN, "", "");
        assert_wrapped(names[i], "", FRAME_REPLY_PLAIN, "", "\n");
        assert_wrapped(names[i], "a file", FRAME_REPLY_EXACT, "", "");
    }
}

static void the_default_reply_ends_with_lf_where_nothing_else_does(void **state)
{
    (void)state;
    static const char *const names[] = {"eof", "chunk"};
    for (size_t i = 0; i < 2; i++) {
        assert_wrapped(names[i], "Good talking to you", FRAME_REPLY_DEFAULT, "", "\n");
        assert_wrapped(names[i], "ended\n", FRAME_REPLY_DEFAULT, "", "");
        assert_wrapped(names[i], "an echo", FRAME_REPLY_PLAIN, "", "");
        assert_wrapped(names[i], "", FRAME_REPLY_PLAIN, "", "");
        assert_wrapped(names[i], "a file", FRAME_REPLY_EXACT, "", "");
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
        cmocka_unit_test(a_chunk_is_what_there_is_when_asked),
        cmocka_unit_test(what_is_over_the_limit_is_the_next_chunk),
        cmocka_unit_test(chunks_come_with_the_end_of_the_stream),
        cmocka_unit_test(every_short_stream_is_heard_the_same_in_every_cut),
        cmocka_unit_test(raw_bytes_are_the_stream),
        cmocka_unit_test(any_byte_may_be_in_a_message),
        cmocka_unit_test(no_byte_is_searched_twice),
        cmocka_unit_test(another_framing_can_be_spoken_from_here_on),
        cmocka_unit_test(lines_end_with_lf),
        cmocka_unit_test(the_default_reply_ends_with_lf_where_nothing_else_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
