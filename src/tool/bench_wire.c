/* bench_wire.c: over a stream all messages that may be sent go in one piece, from a block that was
 * made before; packets leave one by one, datagrams many at once.
 *
 * The surprises: the end of a stream can make a reply whole (a line without its line feed, the
 * framing eof); a connected UDP socket tells a refusal in place of a datagram.
 *
 * Failing: -EBADMSG for what is no reply: bytes the framing does not allow, a packet cut or of
 * another size than expected; and what the system says. */
#include "tool/bench_wire.h"

#include <errno.h>

static bool is_datagram(const struct bench_load *load)
{
    return load->options->target.transport == TRANSPORT_DATAGRAMS;
}

/* ---- receiving ---- */

struct bench_connection *bench_wire_receiver(struct op *op)
{
    return list_item(op, struct bench_connection, receive.op);
}

void bench_wire_receive(struct bench_connection *connection, op_done *done)
{
    struct bench_load *load = connection->load;
    connection->receive.op.done = done;
    if (is_datagram(load)) {
        connection->receive_datagrams.size_most = PACKET_MAX;
        engine_receive_datagrams(load->engine, &connection->receive_datagrams, connection->fd);
        return;
    }
    bool packets = load->options->target.transport == TRANSPORT_PACKETS;
    connection->receive.op.flags = packets ? OP_PACKETS : 0;
    engine_receive(load->engine, &connection->receive, connection->fd);
}

/* Whether a packet or datagram is a reply. */
static bool is_reply(const struct bench_load *load, size_t size, bool truncated)
{
    size_t expected = load->pattern.expected_bytes;
    if (expected > 0)
        return size == expected && !truncated;
    return size <= load->pattern.framing.max_message && !truncated;
}

static int64_t take_datagrams(struct bench_connection *connection, int64_t count)
{
    struct bench_load *load = connection->load;
    for (int64_t i = 0; i < count; i++) {
        const struct datagram *datagram = &connection->receive_datagrams.list[i];
        load->tally.bytes_received += datagram->bytes.size;
        if (!is_reply(load, datagram->bytes.size, datagram->truncated))
            return -EBADMSG;
    }
    return count;
}

static int64_t take_bytes(struct bench_connection *connection, struct slice bytes)
{
    struct bench_load *load = connection->load;
    load->tally.bytes_received += bytes.size;
    if (load->options->target.transport == TRANSPORT_STREAM)
        return bench_replies_take(&load->pattern, &connection->partial, bytes);
    bool truncated = connection->receive.op.flags & OP_TRUNCATED;
    return is_reply(load, bytes.size, truncated) ? 1 : -EBADMSG;
}

static int64_t take_end(struct bench_connection *connection)
{
    int64_t count = 0;
    if (connection->load->options->target.transport == TRANSPORT_STREAM)
        count = bench_replies_end(&connection->load->pattern, &connection->partial);
    return count == 0 || count == -EBADMSG ? -ENODATA : count;
}

int64_t bench_wire_received(struct bench_connection *connection, int64_t result, bool *ended)
{
    *ended = false;
    if (result < 0)
        return result;
    if (is_datagram(connection->load))
        return take_datagrams(connection, result);
    if (result > 0)
        return take_bytes(connection, slice_of(connection->receive.data, (size_t)result));
    *ended = true;
    return take_end(connection);
}

/* ---- sending ---- */

struct bench_connection *bench_wire_sender(struct op *op)
{
    return list_item(op, struct bench_connection, send.op);
}

/* Begin to send from the block. */
static bool send_bytes(struct bench_connection *connection, size_t size)
{
    struct bench_load *load = connection->load;
    connection->part = (struct iovec){load->block.data, size};
    connection->send.parts = &connection->part;
    connection->send.part_count = 1;
    return engine_send(load->engine, &connection->send, connection->fd);
}

static bool send_some_datagrams(struct bench_connection *connection)
{
    struct bench_load *load = connection->load;
    unsigned count = connection->to_send < DATAGRAMS_MAX ? connection->to_send : DATAGRAMS_MAX;
    for (unsigned i = 0; i < count; i++)
        connection->datagrams[i] = (struct datagram){.bytes = bytes_slice(&load->block)};
    connection->send_datagrams.list = connection->datagrams;
    connection->send_datagrams.count = count;
    return engine_send_datagrams(load->engine, &connection->send_datagrams, connection->fd);
}

/* How a batch of datagrams went: 0, or the first failure; to_send is what did not leave. */
static int settle_datagrams(struct bench_connection *connection, int64_t result)
{
    struct send_datagrams_op *op = &connection->send_datagrams;
    int status = result < 0 ? (int)result : 0;
    for (unsigned i = 0; i < op->handled; i++) {
        if (op->list[i].status == 0) {
            connection->to_send--;
            connection->load->tally.bytes_sent += connection->load->request_bytes;
        } else if (status == 0) {
            status = op->list[i].status;
        }
    }
    return status;
}

static int settle_bytes(struct bench_connection *connection, int64_t result)
{
    if (result < 0)
        return (int)result;
    connection->load->tally.bytes_sent += (uint64_t)result;
    if (connection->load->options->target.transport == TRANSPORT_PACKETS)
        connection->to_send--;
    else
        connection->to_send = 0;
    return 0;
}

static int settle(struct bench_connection *connection, int64_t result)
{
    return is_datagram(connection->load) ? settle_datagrams(connection, result)
                                         : settle_bytes(connection, result);
}

/* Send what is to be sent: true when that is over. */
static bool go_on(struct bench_connection *connection, int *status)
{
    struct bench_load *load = connection->load;
    while (*status == 0 && connection->to_send > 0) {
        bool stream = load->options->target.transport == TRANSPORT_STREAM;
        size_t size = stream ? connection->to_send * load->request_bytes : load->request_bytes;
        bool over =
            is_datagram(load) ? send_some_datagrams(connection) : send_bytes(connection, size);
        if (!over)
            return false;
        *status = settle(connection, connection->send.op.result);
    }
    return true;
}

bool bench_wire_send(struct bench_connection *connection, unsigned count, op_done *done,
                     int *status)
{
    connection->send.op.done = done;
    connection->to_send += count;
    *status = 0;
    return go_on(connection, status);
}

bool bench_wire_sent(struct bench_connection *connection, int64_t result, int *status)
{
    *status = settle(connection, result);
    return go_on(connection, status);
}

/* ---- stopping ---- */

bool bench_wire_stop(struct bench_connection *connection)
{
    struct engine *engine = connection->load->engine;
    engine_cancel(engine, &connection->connect.op);
    engine_cancel(engine, &connection->send.op);
    engine_cancel(engine, &connection->receive.op);
    return !connection->connect.op.active && !connection->send.op.active &&
           !connection->receive.op.active;
}
