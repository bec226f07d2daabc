/* fuzz_codec.h: what the harnesses of the codecs share: a stream heard whole and heard in pieces
 * must bring the same messages and end the same way; and where a framing keeps every byte, the echo
 * of a message, wrapped as a reply, is what the peer sent.
 *
 * The first bytes of the input choose: [0] max-message, [1..3] the sizes of the pieces, in turn,
 * [4] after how many bytes the peer pauses (0: never). The rest is the stream. */
#ifndef FUZZ_CODEC_H
#define FUZZ_CODEC_H

#include "base/bytes.h"
#include "codec/frame.h"
#include "fuzz.h"

#define CHOICES 5

/* One way of hearing the stream. */
struct hearing {
    struct framing framing;
    struct frame frame;
    struct bytes input; /* not consumed yet */
    struct bytes heard; /* messages and how it ended, as bytes to compare */
    struct bytes echo;  /* what an echo server would have replied; not in talk and line */
    bool over;
};

static inline void note(struct hearing *hearing, const void *data, size_t size)
{
    require(bytes_append(&hearing->heard, slice_of(data, size)) == 0);
}

/* In talk and line a line end may be dropped, or added: in the others an echo repeats the peer. */
static inline void repeat(struct hearing *hearing, const struct frame_mark *mark)
{
    struct frame_wrapping wrapping;
    size_t before = hearing->echo.size;
    if (hearing->framing.codec == &codec_talk || hearing->framing.codec == &codec_line)
        return;
    require(frame_wrap(&hearing->framing, mark->body, FRAME_REPLY_PLAIN, &wrapping));
    require(bytes_append(&hearing->echo, slice_of(wrapping.head, wrapping.head_size)) == 0);
    require(bytes_append(&hearing->echo, mark->body) == 0);
    require(bytes_append(&hearing->echo, wrapping.tail) == 0);
    require(hearing->echo.size - before == mark->raw.size);
    if (mark->raw.size > 0)
        require(slice_equal(slice_after(bytes_slice(&hearing->echo), before), mark->raw));
}

/* Scan a copy that ends where the input ends, so that reading past it is seen. */
static inline enum frame_result scan_copy(struct hearing *hearing, enum frame_event event)
{
    struct frame_mark mark;
    struct slice input = bytes_slice(&hearing->input);
    uint8_t *copy = input.size > 0 ? malloc(input.size) : NULL;
    require(copy || input.size == 0);
    if (copy)
        memcpy(copy, input.data, input.size);
    enum frame_result result =
        frame_scan(&hearing->framing, &hearing->frame, slice_of(copy, input.size), event, &mark);
    if (result == FRAME_MESSAGE) {
        require(mark.consumed > 0 && mark.body.size <= hearing->framing.max_message);
        require(mark.raw.data + mark.raw.size == copy + mark.consumed);
        note(hearing, &mark.body.size, sizeof(mark.body.size));
        note(hearing, &mark.raw.size, sizeof(mark.raw.size));
        note(hearing, mark.body.data, mark.body.size);
        repeat(hearing, &mark);
    }
    if (result == FRAME_MESSAGE || result == FRAME_MORE) {
        require(mark.consumed <= input.size);
        bytes_consume(&hearing->input, mark.consumed);
    }
    free(copy);
    return result;
}

static inline void hear(struct hearing *hearing, enum frame_event event)
{
    enum frame_result result = FRAME_MESSAGE;
    while (result == FRAME_MESSAGE && !hearing->over)
        result = scan_copy(hearing, event);
    if (hearing->over || result == FRAME_MORE)
        return;
    note(hearing, &result, sizeof(result));
    hearing->over = true;
}

/* Hear one stretch between pauses, in pieces of these sizes, or whole where sizes is NULL. */
static inline void hear_stretch(struct hearing *hearing, struct slice stretch, const uint8_t *sizes)
{
    for (size_t i = 0; stretch.size > 0; i++) {
        size_t piece = sizes ? sizes[i % 3] % 32u + 1u : stretch.size;
        piece = piece < stretch.size ? piece : stretch.size;
        require(bytes_append(&hearing->input, slice_of(stretch.data, piece)) == 0);
        hear(hearing, FRAME_BYTES);
        stretch = slice_after(stretch, piece);
    }
}

static inline struct hearing hear_stream(const char *framing, const uint8_t *choices,
                                         struct slice stream, bool whole)
{
    struct hearing hearing = {0};
    size_t pause_every = choices[4] > 0 ? choices[4] : SIZE_MAX;
    require(framing_parse(&hearing.framing, framing, (size_t)choices[0] + 1, NULL) == 0);
    while (stream.size > 0) {
        size_t size = stream.size < pause_every ? stream.size : pause_every;
        hear_stretch(&hearing, slice_of(stream.data, size), whole ? NULL : choices + 1);
        if (frame_pauses(&hearing.framing, &hearing.frame, hearing.input.size))
            hear(&hearing, FRAME_PAUSE);
        stream = slice_after(stream, size);
    }
    hear(&hearing, FRAME_END);
    require(hearing.over || hearing.input.size == 0);
    return hearing;
}

static inline void forget(struct hearing *hearing)
{
    bytes_free(&hearing->input);
    bytes_free(&hearing->heard);
    bytes_free(&hearing->echo);
}

/* The body of a harness. */
static inline int fuzz_framing(const char *framing, const uint8_t *data, size_t size)
{
    if (size <= CHOICES)
        return 0;
    struct slice stream = slice_of(data + CHOICES, size - CHOICES);
    struct hearing whole = hear_stream(framing, data, stream, true);
    struct hearing pieces = hear_stream(framing, data, stream, false);
    require(whole.over == pieces.over);
    require(slice_equal(bytes_slice(&whole.heard), bytes_slice(&pieces.heard)));
    forget(&whole);
    forget(&pieces);
    return 0;
}

/* The same for a framing with a parameter, which may be one that is refused for this max-message;
 * then with a sentence. */
static inline int fuzz_parameter(const char *framing, const uint8_t *data, size_t size)
{
    struct framing read;
    struct error error = {0};
    if (size <= CHOICES)
        return 0;
    if (framing_parse(&read, framing, (size_t)data[0] + 1, &error) == 0)
        return fuzz_framing(framing, data, size);
    require(error.status != 0 && *error.text);
    return 0;
}

#endif
