/* frame.h: how messages are told apart in a stream. Bytes in, messages out; never a descriptor.
 *
 * A framing is what "--frame" says, with its parameters: immutable, shared by connections. A frame
 * is one connection's place in its stream: small, plain, all zeros at the start. The owner keeps
 * the bytes that are not consumed yet, contiguous, and asks again:
 *
 *     while (frame_scan(framing, &frame, input, FRAME_BYTES, &mark) == FRAME_MESSAGE) {
 *         ... mark.body ...
 *         input = slice_after(input, mark.consumed);
 *     }
 *
 * Any cut of a stream into pieces gives the same messages. To add a framing: fill a struct codec,
 * list it in codec/table.c. */
#ifndef CODEC_FRAME_H
#define CODEC_FRAME_H

#include "base/error.h"
#include "base/slice.h"

struct codec;

struct framing {
    const struct codec *codec;
    size_t max_message; /* longest body in bytes; at least 1 */
};

/* Where a connection is. Reset it to zeros (with frame_change) to speak another framing from the
 * next unconsumed byte on. */
struct frame {
    size_t scanned;   /* unconsumed bytes already searched */
    bool lines;       /* talk: a line end has been seen: pauses no longer end messages */
    bool after_pause; /* talk: a pause ended the last message: a line end that follows is dropped */
};

enum frame_event {
    FRAME_BYTES, /* there may be more in the input than last time */
    FRAME_PAUSE, /* the peer has been silent for the pause: only when frame_pauses says so */
    FRAME_END    /* the peer has ended its stream: ask until FRAME_MORE (nothing is left then) */
};

enum frame_result {
    FRAME_MORE,     /* no complete message; mark.consumed bytes may be forgotten */
    FRAME_MESSAGE,  /* one message: body and raw point into the input; consumed covers it */
    FRAME_TOO_LONG, /* errors: the stream cannot be followed any further */
    FRAME_MALFORMED,
    FRAME_UNFINISHED /* only with FRAME_END */
};

struct frame_mark {
    struct slice body;
    struct slice raw;
    size_t consumed;
};

/* What stands before and after a reply's bytes in a framing. */
struct frame_wrapping {
    uint8_t head[16];
    size_t head_size;
    struct slice tail; /* constant bytes */
};

struct codec {
    const char *name;      /* "line"; what stands after a colon in --frame is the parameter */
    const char *parameter; /* "TEXT" for the help, or NULL: takes none */
    /* Read the parameter (NULL: none was given) into framing: GT_DONE or GT_WRONG. NULL: none
     * allowed. */
    int (*configure)(struct framing *framing, const char *parameter, struct error *error);
    enum frame_result (*scan)(const struct framing *framing, struct frame *frame,
                              struct slice input, enum frame_event event, struct frame_mark *mark);
    /* How a reply is ended. fixed: it is the default reply (settings reply), not an echo or a
     * rule's. */
    void (*wrap)(const struct framing *framing, struct slice reply, bool fixed,
                 struct frame_wrapping *wrapping);
    bool pauses; /* takes FRAME_PAUSE */
};

/* The codecs, and those known but not built yet (names only). Ends with NULL. */
extern const struct codec *const codec_table[];
extern const char *const codec_later[];

extern const struct codec codec_talk, codec_line, codec_eof;

/* Read what --frame says: GT_DONE; GT_WRONG with a sentence that lists the framings. */
int framing_parse(struct framing *framing, const char *text, size_t max_message,
                  struct error *error);

/* See the top. input is all that is not consumed; it is scanned once, however often it is cut. With
 * FRAME_END, call until FRAME_MORE. */
enum frame_result frame_scan(const struct framing *framing, struct frame *frame, struct slice input,
                             enum frame_event event, struct frame_mark *mark);

/* Whether a pause would end a message now: input is not empty and the framing still takes pauses.
 */
bool frame_pauses(const struct framing *framing, const struct frame *frame, size_t input_size);

/* Speak another framing from the next unconsumed byte on. */
void frame_change(struct frame *frame);

/* How this reply is ended. */
void frame_wrap(const struct framing *framing, struct slice reply, bool fixed,
                struct frame_wrapping *wrapping);

#endif
