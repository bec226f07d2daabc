/* bench_wire.h: sending messages and receiving replies on one open connection, whatever its
 * transport. It decides nothing, and counts bytes only. */
#ifndef TOOL_BENCH_WIRE_H
#define TOOL_BENCH_WIRE_H

#include "tool/bench_load.h"

/* Receive until bench_wire_stop, or the operation is over; done is the receive op's. */
void bench_wire_receive(struct bench_connection *connection, op_done *done);

/* Whose operation this is: for a done given to bench_wire_receive, or to bench_wire_send. */
struct bench_connection *bench_wire_receiver(struct op *op);
struct bench_connection *bench_wire_sender(struct op *op);

/* What a done of the receive means: how many replies are whole now; -ENODATA: the end of the
 * stream, which has made no more replies whole; -ECANCELED; or -errno, -EBADMSG for what is no
 * reply. *ended: the end of the stream has come, whatever was returned. */
int64_t bench_wire_received(struct bench_connection *connection, int64_t result, bool *ended);

/* Send count more messages. True: that is over, and *status is 0 or -errno; false: done is called.
 * Not while bench_wire_sending. */
bool bench_wire_send(struct bench_connection *connection, unsigned count, op_done *done,
                     int *status);

/* What a done of the send means; as bench_wire_send. */
bool bench_wire_sent(struct bench_connection *connection, int64_t result, int *status);

static inline bool bench_wire_sending(const struct bench_connection *connection)
{
    return connection->send.op.active;
}

/* End what is under way, connecting too: true once nothing is active; else a done is called. */
bool bench_wire_stop(struct bench_connection *connection);

#endif
