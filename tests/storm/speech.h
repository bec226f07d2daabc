/* speech.h: how messages and replies are told apart, said a second time: what clients send and
 * expect must not come from the code that is tested. */
#ifndef STORM_SPEECH_H
#define STORM_SPEECH_H

#include "base/bytes.h"

enum speech_kind {
    SPEECH_TALK,
    SPEECH_LINE,
    SPEECH_CRLF,
    SPEECH_NUL,
    SPEECH_DELIM,
    SPEECH_LENGTH,
    SPEECH_VARINT,
    SPEECH_NETSTRING,
    SPEECH_OCTET,
    SPEECH_FIXED,
    SPEECH_EOF,
    SPEECH_CHUNK,
    SPEECH_WHOLE /* packets and datagrams */
};

struct speech {
    enum speech_kind kind;
    const char *delimiter; /* SPEECH_DELIM */
    unsigned number_size;  /* SPEECH_LENGTH: bytes of the number */
    bool little;
    bool header;     /* the number stands in a header, which belongs to the message */
    unsigned offset; /* bytes of the header before the number */
    int surplus;     /* how many more bytes the number counts than follow it */
    size_t fixed;    /* SPEECH_FIXED: bytes of a message */
};

enum speech_reply { SPEECH_DEFAULT, SPEECH_PLAIN, SPEECH_EXACT };

/* What --frame says: NULL for SPEECH_WHOLE; valid until the next call. */
const char *speech_setting(const struct speech *speech);

/* Whether a message ends with a delimiter of its own, without which it is unfinished. */
bool speech_is_strict(const struct speech *speech);

/* Whether a message's length is known from its beginning. */
bool speech_is_counted(const struct speech *speech);

/* The longest text of a message of at most max_message bytes. */
size_t speech_text_most(const struct speech *speech, size_t max_message);

/* How many bytes of what stands before the text belong to the message. */
size_t speech_header_size(const struct speech *speech);

/* Append what stands before a text of this size, and what stands behind it. */
void speech_begin(const struct speech *speech, size_t size, struct bytes *to);
void speech_end(const struct speech *speech, struct bytes *to);

/* Append a reply as it must arrive. */
void speech_reply(const struct speech *speech, enum speech_reply kind, struct slice reply,
                  struct bytes *to);

/* Append what no message begins with, one of several kinds: false: there is nothing like it. */
bool speech_nonsense(const struct speech *speech, unsigned which, struct bytes *to);

/* Append, or the storm is over. */
void speech_append(struct bytes *to, struct slice slice);

#endif
