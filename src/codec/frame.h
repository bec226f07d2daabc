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

#include "base/bytes.h"
#include "base/error.h"

#include <assert.h>

struct codec;

#define FRAME_DELIMITER_MAX 64

struct framing {
    const struct codec *codec;
    size_t max_message; /* longest body in bytes; at least 1 */
    union {             /* the codec's parameters */
        struct {
            uint8_t bytes[FRAME_DELIMITER_MAX];
            size_t size;
        } delimiter; /* delimiter.c */
        struct {
            uint8_t size;    /* bytes of the number, 1 to 8 */
            bool little;     /* the least significant byte comes first */
            bool header;     /* @OFFSET was given: messages and replies include the header */
            uint32_t offset; /* bytes before the number */
            int64_t surplus; /* how many more bytes it counts than follow it; -K: negative */
        } length;            /* length.c */
        size_t fixed;        /* fixed.c: bytes of a message */
    };
};

/* Where a connection is. Reset it to zeros (with frame_change) to speak another framing from the
 * next unconsumed byte on. */
struct frame {
    uint32_t scanned; /* unconsumed bytes already searched; of more than 4 GiB, so many */
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

/* What a reply is, as far as its end depends on it. */
enum frame_reply {
    FRAME_REPLY_DEFAULT, /* the text of --reply */
    FRAME_REPLY_PLAIN,   /* an echo, the application's, a rule's or a command's */
    FRAME_REPLY_EXACT    /* a file, a greeting: as it is, but for a length in front */
};

/* What stands before and after a reply's bytes in a framing. */
struct frame_wrapping {
    uint8_t head[24];
    size_t head_size;
    struct slice tail; /* constant bytes, or the framing's own */
};

struct codec {
    const char *name;      /* "line"; what stands after a colon in --frame is the parameter */
    const char *parameter; /* "TEXT" for the help, or NULL: takes none */
    /* Read the parameter (NULL: none was given) into framing: GT_DONE or GT_WRONG. NULL: none
     * allowed. */
    int (*configure)(struct framing *framing, const char *parameter, struct error *error);
    enum frame_result (*scan)(const struct framing *framing, struct frame *frame,
                              struct slice input, enum frame_event event, struct frame_mark *mark);
    /* How a reply begins and ends: true; false when the framing cannot say this reply (its length
     * does not fit the number). */
    bool (*wrap)(const struct framing *framing, struct slice reply, enum frame_reply kind,
                 struct frame_wrapping *wrapping);
    bool pauses;    /* takes FRAME_PAUSE */
    bool lines;     /* its messages are what people call lines */
    bool delimited; /* its messages end with a delimiter */
    bool unframed;  /* a reply has no end of its own: where it ends cannot be told */
};

/* What --frame may name, in the order of the manual. Ends with NULL. */
extern const struct codec *const codec_table[];

extern const struct codec codec_talk, codec_line, codec_eof, codec_chunk;
extern const struct codec codec_crlf, codec_nul, codec_delim;
extern const struct codec codec_length, codec_varint, codec_netstring, codec_octet, codec_fixed;

/* Not in the table: what datagram sockets speak, whatever --frame says. A datagram is a message,
 * the empty one too. Packets of a connection (SOCK_SEQPACKET) wait in the owner's buffer as
 * packet_keep puts them there; scan takes them out of it. */
extern const struct codec codec_packet;

/* Append a packet for codec_packet to scan: 0 or -ENOMEM. */
int packet_keep(struct bytes *input, struct slice packet);

/* Read what --frame says: GT_DONE; GT_WRONG with a sentence that lists the framings. */
int framing_parse(struct framing *framing, const char *text, size_t max_message,
                  struct error *error);

/* See the top. input is all that is not consumed; with FRAME_END, call until FRAME_MORE.
 *
 * Around the scan: a clean mark before, and afterwards a note of how far the bytes that stay have
 * been searched, so that no byte is searched twice however the stream is cut. */
static inline enum frame_result frame_scan(const struct framing *framing, struct frame *frame,
                                           struct slice input, enum frame_event event,
                                           struct frame_mark *mark)
{
    assert(frame->scanned <= input.size);
    *mark = (struct frame_mark){0};
    enum frame_result result = framing->codec->scan(framing, frame, input, event, mark);
    size_t searched = result == FRAME_MORE ? input.size - mark->consumed : 0;
    frame->scanned = searched < UINT32_MAX ? (uint32_t)searched : UINT32_MAX;
    return result;
}

/* Whether a pause would end a message now: input is not empty and the framing still takes pauses.
 */
bool frame_pauses(const struct framing *framing, const struct frame *frame, size_t input_size);

/* Speak another framing from the next unconsumed byte on. */
void frame_change(struct frame *frame);

/* How this reply begins and ends: true; false when the framing cannot say it. */
bool frame_wrap(const struct framing *framing, struct slice reply, enum frame_reply kind,
                struct frame_wrapping *wrapping);

#endif
