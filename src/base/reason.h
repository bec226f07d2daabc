/* reason.h: why a connection ended: one reason each, from this one table.
 *
 * word: in events, logs and counters. fault: whether it is worth a warning (what talks expected and
 * their errors are told before). text: for people. */
#ifndef BASE_REASON_H
#define BASE_REASON_H

#include <stdbool.h>

#define REASONS(REASON)                                                                            \
    REASON(NONE, "none", false, "still open")                                                      \
    REASON(PEER_CLOSED, "peer-closed", false, "the peer closed")                                   \
    REASON(REPLIED, "replied", false, "closed after its reply")                                    \
    REASON(FINISHED, "finished", false, "the server is done")                                      \
    REASON(DRAINED, "drained", false, "the server is stopping")                                    \
    REASON(GAVE_WAY, "gave-way", false,                                                            \
           "made room at max-connections without having said anything")                            \
    REASON(PER_SOURCE, "per-source", true, "one more than max-per-source allows its source")       \
    REASON(RESET, "reset", false, "the peer reset the connection")                                 \
    REASON(TALKED, "talked", false, "its conversation ended")                                      \
    REASON(UNMET, "unmet", false, "what its conversation expected was not heard")                  \
    REASON(SCRIPT_FAILED, "script-failed", false, "the script of its conversation failed")         \
    REASON(RESET_SENT, "reset-sent", false, "reset, as was asked for with its reply")              \
    REASON(UNDELIVERED, "undelivered", true, "the peer went before its reply arrived")             \
    REASON(TOO_LONG, "too-long", true, "a message over max-message")                               \
    REASON(MALFORMED, "malformed", true, "a malformed length")                                     \
    REASON(UNFRAMED, "unframed", true, "its framing cannot say the reply")                         \
    REASON(UNFINISHED, "unfinished", true, "the stream ended within a message")                    \
    REASON(IDLE_TIMEOUT, "idle-timeout", false, "silent for idle-timeout")                         \
    REASON(MESSAGE_TIMEOUT, "message-timeout", true,                                               \
           "a message not finished within message-timeout")                                        \
    REASON(WRITE_TIMEOUT, "write-timeout", true, "nothing acknowledged for write-timeout")         \
    REASON(DRAIN_TIMEOUT, "drain-timeout", true, "not finished within drain-timeout")              \
    REASON(MEMORY, "memory", true, "held most of max-memory")                                      \
    REASON(NO_MEMORY, "no-memory", true, "memory is out")                                          \
    REASON(UNRECORDED, "unrecorded", true, "its message could not be recorded")                    \
    REASON(COMMAND_FAILED, "command-failed", false, "the command for its message failed")          \
    REASON(COMMAND_ENDED, "command-ended", false, "its command has ended")                         \
    REASON(ABANDONED, "abandoned", true, "the server left at once")                                \
    REASON(SOCKET_ERROR, "socket-error", true, "the socket failed")

enum reason {
#define REASON(name, word, fault, text) REASON_##name,
    REASONS(REASON)
#undef REASON
        REASON_COUNT
};

struct reason_row {
    const char *word;
    bool fault;
    const char *text;
};

/* The row of a reason: never NULL. */
const struct reason_row *reason_row(enum reason reason);

#endif
