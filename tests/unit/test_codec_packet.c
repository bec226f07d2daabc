/* Packets: each is a message, the empty one too, also when several wait. */
#include "codec_side.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct owner packets(size_t max_message)
{
    return (struct owner){.framing = {.codec = &codec_packet, .max_message = max_message}};
}

static void keep(struct owner *owner, struct slice packet)
{
    assert_int_equal(packet_keep(&owner->input, packet), 0);
}

static void check(size_t max_message, const struct slice *sent, size_t count, const char *expected)
{
    struct owner owner = packets(max_message);
    for (size_t i = 0; i < count; i++)
        keep(&owner, sent[i]);
    owner_ask(&owner, FRAME_BYTES);
    owner_ask(&owner, FRAME_END);
    assert_string_equal(owner_heard(&owner), expected);
    owner_close(&owner);
    owner = packets(max_message);
    for (size_t i = 0; i < count; i++) {
        keep(&owner, sent[i]);
        owner_ask(&owner, FRAME_BYTES);
    }
    owner_ask(&owner, FRAME_END);
    assert_string_equal(owner_heard(&owner), expected);
    owner_close(&owner);
}

static void each_packet_is_a_message(void **state)
{
    (void)state;
    const struct slice sent[] = {BYTES("one\r\n"), BYTES(""), BYTES("\0\0\0"), BYTES("")};
    check(5, NULL, 0, "");
    check(5, sent, 4, "one\\r\\n||\\x00\\x00\\x00||");
    check(5, sent + 1, 1, "|");
}

static void a_packet_over_the_limit_is_too_long(void **state)
{
    (void)state;
    const struct slice sent[] = {BYTES("abc"), BYTES("abcd"), BYTES("abc")};
    check(4, sent, 3, "abc|abcd|abc|");
    check(3, sent, 3, "abc|TOO LONG");
}

static void packets_wait_for_their_turn(void **state)
{
    (void)state;
    struct owner owner = packets(10);
    struct frame_mark mark;
    keep(&owner, BYTES("first"));
    keep(&owner, BYTES("second"));
    struct slice input = bytes_slice(&owner.input);
    assert_int_equal(frame_scan(&owner.framing, &owner.frame, input, FRAME_BYTES, &mark),
                     FRAME_MESSAGE);
    assert_true(slice_equal(mark.body, BYTES("first")));
    bytes_consume(&owner.input, mark.consumed);
    keep(&owner, BYTES("third"));
    owner_ask(&owner, FRAME_END);
    assert_string_equal(owner_heard(&owner), "second|third|");
    owner_close(&owner);
}

static void replies_are_as_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        enum frame_reply kind;
        const char *tail;
    } rows[] = {
        {"Good talking to you", FRAME_REPLY_DEFAULT, "\n"},
        {"ended\n", FRAME_REPLY_DEFAULT, ""},
        {"an echo", FRAME_REPLY_PLAIN, ""},
        {"", FRAME_REPLY_PLAIN, ""},
        {"a file", FRAME_REPLY_EXACT, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct owner owner = packets(10);
        struct frame_wrapping wrapping;
        struct slice reply = slice_of_text(rows[i].reply);
        assert_true(frame_wrap(&owner.framing, reply, rows[i].kind, &wrapping));
        assert_int_equal(wrapping.head_size, 0);
        assert_true(slice_equal(wrapping.tail, slice_of_text(rows[i].tail)));
    }
}

/* --frame cannot say it. */
static void packets_are_no_framing_of_a_stream(void **state)
{
    (void)state;
    struct framing framing;
    assert_int_not_equal(framing_parse(&framing, "packet", 10, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_packet_is_a_message),
        cmocka_unit_test(a_packet_over_the_limit_is_too_long),
        cmocka_unit_test(packets_wait_for_their_turn),
        cmocka_unit_test(replies_are_as_they_are),
        cmocka_unit_test(packets_are_no_framing_of_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
