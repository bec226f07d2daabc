/* codec_side.h: who owns a stream in the tests of framings, as serve does in the program.
 *
 * In a stream '~' is a pause. What was heard is written as the messages, escaped, each followed by
 * '|'; an error ends it: "TOO LONG", "MALFORMED", "UNFINISHED". */
#ifndef CODEC_SIDE_H
#define CODEC_SIDE_H

#include "base/bytes.h"
#include "codec/frame.h"

/* The bytes of a string literal, which may hold NULs. */
#define BYTES(text) slice_of("" text, sizeof(text) - 1)

/* It keeps what is not consumed, and the raw bytes of what was. */
struct owner {
    struct framing framing;
    struct frame frame;
    struct bytes input;
    struct bytes heard;
    struct bytes raw;
    bool failed;
};

void owner_open(struct owner *owner, const char *framing, size_t max_message);
void owner_close(struct owner *owner);

/* More of the stream, not looked at yet. */
void owner_give(struct owner *owner, struct slice bytes);

/* Take every message there is. Checks that each lies within what is consumed, is not over the
 * limit, and that its echo would be the stream where the framing promises that. */
void owner_ask(struct owner *owner, enum frame_event event);

/* A pause, told only where serve would tell it. */
void owner_pause(struct owner *owner);

/* Give the stream cut after each byte whose bit is set in cuts (again from the first bit after 64
 * bytes) and around pauses, then end it. */
void owner_listen(struct owner *owner, struct slice stream, uint64_t cuts);

/* What was heard so far as text; valid until the owner hears more. */
const char *owner_heard(struct owner *owner);

/* What is heard in the stream, cut in several ways, is expected. */
void check_heard(const char *framing, size_t max_message, struct slice stream,
                 const char *expected);
#define assert_heard(framing, max_message, text, expected)                                         \
    check_heard(framing, max_message, BYTES(text), expected)

/* The same for every way to cut it; the stream has at most 16 bytes. */
void check_every_cut(const char *framing, size_t max_message, struct slice stream,
                     const char *expected);

/* The stream with this number in all those of this length over an alphabet. */
void write_stream(struct slice alphabet, unsigned number, unsigned length, char *stream);

/* How many there are. */
unsigned count_streams(struct slice alphabet, unsigned length);

/* A reply of this kind begins with head and ends with tail. */
void check_wrapped(const char *framing, struct slice reply, enum frame_reply kind,
                   struct slice head, struct slice tail);
#define assert_wrapped(framing, reply, kind, head, tail)                                           \
    check_wrapped(framing, BYTES(reply), kind, BYTES(head), BYTES(tail))

#endif
