#ifndef BENCH_TALK_H
#define BENCH_TALK_H

/* What the servers of the measurements have in common, so that they differ in nothing but how they
 * wait, receive and send: a message is a line, the reply is always the same, and who started the
 * server reads from its standard error where it listens. */

#include <stdbool.h>
#include <stddef.h>

#define TALK_REPLY_SIZE   20
#define TALK_RECEIVE_SIZE 65536 /* what one receive may bring */

enum talk_kind {
    TALK_NONE,
    TALK_TCP,
    TALK_UNIX,
    TALK_UDP,
    TALK_CONVERSATION /* nothing listens: standard input and output are the connection */
};

struct talk {
    enum talk_kind kind;
    int listener;          /* bound, listening unless it is of datagrams, non-blocking */
    bool once;             /* --once: one connection, then the server ends */
    bool close;            /* --close: a connection is closed after its first reply */
    unsigned buffer_bytes; /* --buffer N: of each receive buffer of the io_uring floor */
};

/* Reads the command line, opens tcp:PORT (of 127.0.0.1; 0 is chosen by the system), unix:PATH or
 * udp:PORT, and tells the address on standard error, as `goodtalk --ready -` does. "-" is a
 * conversation. What cannot be done ends the program. TCP_NODELAY is set: accepted connections
 * inherit it. */
struct talk talk_start(int argc, char **argv);

/* How many messages end in these bytes. There is nothing to remember: a message that is cut counts
 * where its end is. */
size_t talk_messages(const char *data, size_t size);

/* So many replies, one after the other, in memory that is constant and lives on; at most
 * TALK_RECEIVE_SIZE. */
const char *talk_replies(size_t count);

/* Tells what failed, with errno, and ends the program. */
_Noreturn void talk_fail(const char *what);

#endif
