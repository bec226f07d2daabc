/* journal_format.h: the bytes of a journal, version 1. man/goodtalk-journal.5 says the same for
 * others.
 *
 * A directory holds "lock", and segments: "W-NNNNNNNNNN.journal", W the worker (decimal, from 0), N
 * the number of the segment in that worker's series (ten digits, from 1). What a worker has written
 * is its segments in the order of N, and in each of them its frames in their order. All numbers are
 * little-endian. Everything begins at a multiple of 8 bytes; what lies between is zero.
 *
 * A segment begins with a header in a block of its own, which is on disk before its first frame is
 * written; what follows is frames, and then zeros: the room that is left. A frame is a head of 56
 * bytes and what the kind says. It has the segment's id in it, which nobody outside can know: a
 * frame that a recycled block, or a peer who knows the format, has left there is not one of this
 * segment's; and past damage the next good frame is found by looking for the id.
 *
 *     LISTENER  a name that messages are said to have come to: text without NUL. Before the first
 *               message that uses it in each segment; the number may be given to another name later
 *     MESSAGE   the raw bytes, as they came; the message itself is part of them
 *     MARK      nothing: it only says what is durable
 *     GAP       zeros: what stood here was damaged; "goodtalk show --repair" has set it aside
 *
 * sequence: of messages, one more than that of the message before it, whatever segment that is in;
 * other frames have that of the last message before them, but a GAP that of the last message that
 * is missing, if any is. synced_to (less than the sequence of a message): every message up to this
 * one was on disk when the frame was made, and may have been replied to. So the highest synced_to
 * of any good frame or header is what must be there; what is bad beyond it, no reply has depended
 * on.
 *
 * A series need not begin with number 1, for old segments may be dropped: then the sequence in the
 * header of its first one says what came before. */
#ifndef RECORD_JOURNAL_FORMAT_H
#define RECORD_JOURNAL_FORMAT_H

#include <stdint.h>

#define JOURNAL_MAGIC        "goodtalk journal" /* 16 bytes, no NUL */
#define JOURNAL_VERSION      1
#define JOURNAL_HEADER_BYTES 4096 /* the first frame's offset */
#define JOURNAL_ALIGNMENT    8
#define JOURNAL_NAME_LONGEST 4096 /* bytes of a listener's name */
#define JOURNAL_LOCK_NAME    "lock"
#define JOURNAL_NAME_FORMAT  "%u-%010llu.journal"

/* At offset 0; the rest of the block is zero. */
struct journal_header {
    uint8_t magic[16];
    uint32_t version;
    uint32_t crc;       /* CRC-32C of what follows in this struct */
    uint64_t id;        /* random: nobody outside can know it */
    uint64_t number;    /* of the segment in its series */
    uint64_t sequence;  /* of the last message before this segment; 0: none */
    uint64_t synced_to; /* when it was made */
    int64_t created_us; /* microseconds since 1970 UTC */
    uint32_t worker;
    uint32_t size; /* bytes that the segment may have, this block included; a message that needs
                      more has a segment of its own size */
};

enum journal_kind { JOURNAL_LISTENER = 1, JOURNAL_MESSAGE, JOURNAL_MARK, JOURNAL_GAP };

struct journal_frame {
    uint32_t size; /* bytes: head and what follows, before the zeros that round it up */
    uint32_t crc;  /* CRC-32C of the frame from offset 8 on */
    uint64_t id;   /* the segment's */
    uint64_t sequence;
    uint64_t synced_to;
    int64_t time_us; /* wall clock, microseconds since 1970 UTC; nothing depends on it */
    uint8_t kind;
    uint8_t peer_kind; /* enum peer_kind: 0 unknown, 1 IPv4, 2 IPv6, 3 Unix */
    uint16_t peer_port;
    uint16_t listener;    /* LISTENER: declares this number; MESSAGE: came to that one */
    uint16_t reserved;    /* 0 */
    uint32_t body_offset; /* MESSAGE: where in the raw bytes the message begins, */
    uint32_t body_size;   /* and how long it is */
    /* LISTENER: the name. MESSAGE: struct journal_peer, then the raw bytes. */
};

/* The rest of who sent it. */
struct journal_peer {
    uint8_t address[16]; /* IPv4: the first four; Unix: pid, uid, gid, 4 bytes each, and zeros */
    uint32_t scope;      /* IPv6 */
    uint32_t reserved;   /* 0 */
};

_Static_assert(sizeof(struct journal_header) == 72, "the header as written");
_Static_assert(sizeof(struct journal_frame) == 56, "a frame's head as written");
_Static_assert(sizeof(struct journal_peer) == 24, "a peer as written");

#endif
