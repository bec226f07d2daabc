/* bench_connection.c: replies that came make room for as many messages, which leave at once, in one
 * piece: one send for each receive.
 *
 * Every message in flight is in a batch of those that count from the same time: when they were
 * sent; with a rate, when they were due. Replies are those of the oldest.
 *
 * With --short the socket is made for a message, and closed when its reply has come; time counts
 * from before it was made. Its address is one of 127.0.0.0/8 that was not used for long, or it is
 * closed with a reset: either way none waits in TIME_WAIT for a port that is needed again.
 *
 * Ways to fail: nobody connects, the connection is reset or ends, too many replies, or something
 * that is none, come; none comes in time. Whatever was in flight is counted as failed under that
 * name, and a moment later the connection is made again. Before the load has started a failure is
 * its end. */
#include "tool/bench_connection.h"

#include "tool/bench_wire.h"
#include "tool/client_connector.h"

#include <errno.h>
#include <goodtalk.h>
#include <netinet/in.h>
#include <stdlib.h>

/* Before a connection is made again, or a Unix datagram is sent again. */
#define RETRY_NS INT64_C(10000000)
#define AGAIN_NS INT64_C(1000000)

static bool has_rate(const struct bench_load *load)
{
    return load->options->rate > 0;
}

/* ---- what is in flight ---- */

static void note_in_flight(struct bench_connection *connection, int64_t since_ns, unsigned count)
{
    unsigned depth = (unsigned)connection->load->options->depth;
    unsigned place = connection->first + connection->used++;
    connection->batches[place < depth ? place : place - depth] =
        (struct bench_batch){since_ns, count};
    connection->in_flight += count;
    connection->load->in_flight += count;
}

/* count replies came, as many as are in flight at most. */
static void note_replied(struct bench_connection *connection, unsigned count)
{
    struct bench_load *load = connection->load;
    int64_t now_ns = load->engine->now_ns;
    connection->in_flight -= count;
    load->in_flight -= count;
    load->tally.messages += count;
    load->last_reply_ns = connection->since_ns = now_ns;
    load->failing_since_ns = 0;
    while (count > 0) {
        struct bench_batch *batch = &connection->batches[connection->first];
        unsigned part = batch->count < count ? batch->count : count;
        bench_histogram_add(&load->tally.latency, now_ns - batch->since_ns, part);
        count -= part;
        batch->count -= part;
        if (batch->count > 0)
            break;
        connection->used--;
        if (++connection->first == (unsigned)load->options->depth)
            connection->first = 0;
    }
}

static void forget_in_flight(struct bench_connection *connection)
{
    connection->load->in_flight -= connection->in_flight;
    connection->in_flight = connection->to_send = 0;
    connection->first = connection->used = 0;
}

/* ---- ending ---- */

/* Close it once nothing is under way; what comes next is the state's after it. */
static bool close_socket(struct bench_connection *connection)
{
    struct bench_load *load = connection->load;
    bool tcp = load->options->target.address.kind == ADDRESS_TCP;
    if (!bench_wire_stop(connection))
        return false;
    if (connection->fd >= 0)
        engine_close(load->engine, connection->fd, load->options->brief && tcp && !load->spreads);
    connection->fd = -1;
    bench_partial_clear(&load->pattern, &connection->partial);
    return true;
}

static void leave_state(struct bench_connection *connection)
{
    connection->load->connecting -= connection->state == BENCH_CONNECTING;
    connection->load->open -= connection->state == BENCH_OPEN;
}

static void set_state(struct bench_connection *connection, enum bench_state state)
{
    leave_state(connection);
    connection->state = state;
    connection->load->connecting += state == BENCH_CONNECTING;
    connection->load->open += state == BENCH_OPEN;
}

static void wait_to_retry(struct bench_connection *connection, int64_t wait_ns)
{
    struct engine *engine = connection->load->engine;
    engine_timer_set(engine, &connection->retry, engine->now_ns + wait_ns);
}

/* It is closed, or will be in a moment. With --short that is how every message ends. */
static void go_on_closing(struct bench_connection *connection)
{
    bool failed = timer_is_set(&connection->retry);
    if (!close_socket(connection))
        return;
    set_state(connection, failed ? BENCH_WAITING : BENCH_IDLE);
    if (!failed)
        bench_connection_push(connection);
}

static void begin_closing(struct bench_connection *connection)
{
    set_state(connection, BENCH_CLOSING);
    go_on_closing(connection);
}

/* Before all connections are open a failure is the end. */
static void tell_early(const struct bench_connection *connection, int number)
{
    char reason[128];
    struct bench_load *load = connection->load;
    enum bench_failure failure = bench_failure_of(number);
    bool named = failure != BENCH_FAILURE_OTHER;
    error_set(&load->error, GT_FAILED, "connection %zu of %zu, before all were open: %s",
              (size_t)(connection - load->connections) + 1, load->connection_count,
              named ? bench_failure_words(failure) : error_words(number, reason, sizeof reason));
}

static void fail(struct bench_connection *connection, int number)
{
    struct bench_load *load = connection->load;
    unsigned lost = connection->in_flight;
    if (lost == 0 && connection->state == BENCH_CONNECTING)
        lost = 1;
    load->failures[bench_failure_of(number)] += lost;
    if (lost > 0 && bench_failure_of(number) == BENCH_FAILURE_OTHER)
        load->other = number;
    if (load->failing_since_ns == 0)
        load->failing_since_ns = load->engine->now_ns;
    if (!load->started && load->error.status == GT_DONE)
        tell_early(connection, number);
    forget_in_flight(connection);
    if (!load->over)
        wait_to_retry(connection, RETRY_NS);
    begin_closing(connection);
}

/* ---- replies ---- */

/* What comes before a message was sent would be taken for the reply to it. */
static void refuse_greeting(struct bench_load *load)
{
    error_set(&load->error, GT_FAILED,
              "the server says something before it is said anything: that cannot be told from "
              "replies");
}

static void on_received(struct op *op, int64_t result)
{
    bool ended;
    struct bench_connection *connection = bench_wire_receiver(op);
    if (connection->state != BENCH_OPEN)
        return go_on_closing(connection);
    int64_t count = bench_wire_received(connection, result, &ended);
    if (count > 0 && !connection->load->started)
        refuse_greeting(connection->load);
    if (count > connection->in_flight)
        count = -EBADMSG;
    if (count < 0)
        return fail(connection, (int)-count);
    note_replied(connection, (unsigned)count);
    if (ended && !(connection->load->options->brief && connection->in_flight == 0))
        fail(connection, ENODATA);
    else if (count > 0 && connection->load->options->brief)
        begin_closing(connection);
    else if (count > 0)
        bench_connection_push(connection);
}

/* ---- sending ---- */

/* A Unix receiver's queue is full, and no event tells when that changes: again a moment later. */
static void settle_send(struct bench_connection *connection, int status)
{
    const struct bench_load *load = connection->load;
    if (status == -EAGAIN)
        wait_to_retry(connection, AGAIN_NS);
    else if (status < 0)
        fail(connection, -status);
    else if (load->options->framing.codec == &codec_eof)
        (void)engine_shutdown(load->engine, connection->fd); /* the receive tells what failed */
}

static void on_sent(struct op *op, int64_t result)
{
    int status;
    struct bench_connection *connection = bench_wire_sender(op);
    if (connection->state != BENCH_OPEN)
        return go_on_closing(connection);
    if (!bench_wire_sent(connection, result, &status))
        return;
    settle_send(connection, status);
    if (status == 0)
        bench_connection_push(connection);
}

static void send_more(struct bench_connection *connection, unsigned count)
{
    int status;
    if (bench_wire_send(connection, count, on_sent, &status))
        settle_send(connection, status);
}

/* ---- connecting ---- */

static void become_open(struct bench_connection *connection)
{
    set_state(connection, BENCH_OPEN);
    bench_wire_receive(connection, on_received);
    if (connection->in_flight > 0) /* --short: the message it was made for */
        send_more(connection, connection->in_flight);
    else
        bench_connection_push(connection);
}

/* Two calls saved where it cannot be: elsewhere than on TCP, and from another address. */
static bool may_be_itself(const struct bench_load *load)
{
    return load->options->target.address.kind == ADDRESS_TCP && !load->spreads;
}

static void on_connected(struct op *op, int64_t result)
{
    struct connect_op *connect = list_item(op, struct connect_op, op);
    struct bench_connection *connection = list_item(connect, struct bench_connection, connect);
    if (connection->state != BENCH_CONNECTING)
        go_on_closing(connection);
    else if (result == 0 && may_be_itself(connection->load) && connector_is_itself(connection->fd))
        fail(connection, ECONNREFUSED);
    else if (result < 0)
        fail(connection, (int)-result);
    else
        become_open(connection);
}

/* The next address of 127.0.0.0/8, from 127.1.0.1 on; the port is found when it connects. */
static int take_source(struct bench_load *load, int fd)
{
    int on = 1;
    uint32_t number = load->spread++ % 0xfdfffe; /* 127.1.0.1 and 127.254.255.254 are in it */
    struct sockaddr_in source = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(0x7f010001 + number)};
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    return bind(fd, (const struct sockaddr *)&source, sizeof source) ? -errno : 0;
}

/* With --short nobody waits for the connection: what is sent does, or, as within a machine, where
 * it is there by then, does not. Without the wait, and looking for itself, a message costs 21 us of
 * our CPU instead of 26. */
static bool is_on_its_way(const struct bench_connection *connection)
{
    const struct place *place = &connection->load->place;
    return connect(connection->fd, &place->any, place->size) == 0 || errno == EINPROGRESS;
}

void bench_connection_open(struct bench_connection *connection)
{
    struct bench_load *load = connection->load;
    set_state(connection, BENCH_CONNECTING);
    if (!load->options->brief)
        connection->since_ns = load->engine->now_ns;
    connection->fd = connector_socket(&load->options->target, &load->place);
    int status = connection->fd < 0 ? connection->fd : 0;
    if (status == 0 && load->spreads)
        status = take_source(load, connection->fd);
    if (status < 0)
        return fail(connection, -status);
    if (load->options->brief && is_on_its_way(connection))
        return become_open(connection);
    connection->connect.op.done = on_connected;
    connection->connect.to = load->place;
    engine_connect(load->engine, &connection->connect, connection->fd);
}

void bench_connection_adopt(struct bench_connection *connection, int fd)
{
    connection->fd = fd;
    become_open(connection);
}

/* ---- how much may be sent ---- */

static unsigned may_send(const struct bench_connection *connection)
{
    const struct bench_load *load = connection->load;
    uint64_t room = (uint64_t)load->options->depth - connection->in_flight;
    uint64_t most = has_rate(load) ? connection->due - connection->turn : load->budget;
    return (unsigned)(room < most ? room : most);
}

/* With a rate each message counts from when it was due. */
static void note_due(struct bench_connection *connection, unsigned count)
{
    const struct bench_load *load = connection->load;
    uint64_t number = (uint64_t)(connection - load->connections);
    connection->load->owed -= count;
    for (unsigned i = 0; i < count; i++, connection->turn++) {
        uint64_t message = bench_schedule_message(&load->schedule, number, connection->turn);
        note_in_flight(connection, bench_schedule_due(&load->schedule, message), 1);
    }
}

static void take_messages(struct bench_connection *connection, unsigned count)
{
    int64_t now_ns = bench_load_clock();
    if (connection->in_flight == 0)
        connection->since_ns = now_ns;
    if (has_rate(connection->load))
        return note_due(connection, count);
    connection->load->budget -= count;
    note_in_flight(connection, now_ns, count);
}

void bench_connection_push(struct bench_connection *connection)
{
    bool brief = connection->load->options->brief;
    if (connection->state != (brief ? BENCH_IDLE : BENCH_OPEN) || connection->load->over ||
        bench_wire_sending(connection) || timer_is_set(&connection->retry))
        return;
    unsigned count = may_send(connection);
    if (count == 0)
        return;
    take_messages(connection, count);
    if (brief)
        bench_connection_open(connection);
    else
        send_more(connection, count);
}

/* ---- time ---- */

static void on_retry(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    struct bench_connection *connection = list_item(timer, struct bench_connection, retry);
    if (connection->state == BENCH_OPEN) { /* datagrams that did not find room */
        send_more(connection, 0);
        bench_connection_push(connection);
    }
    if (connection->state != BENCH_WAITING)
        return;
    set_state(connection, BENCH_IDLE);
    if (connection->load->options->brief)
        bench_connection_push(connection);
    else if (!connection->load->over)
        bench_connection_open(connection);
}

void bench_connection_expire(struct bench_connection *connection, int64_t before_ns)
{
    bool connecting = connection->state == BENCH_CONNECTING;
    bool open = connection->state == BENCH_OPEN && connection->in_flight > 0;
    if ((connecting || open) && connection->since_ns <= before_ns)
        fail(connection, ETIMEDOUT);
}

/* ---- the beginning and the end ---- */

void bench_connection_begin(struct bench_connection *connection, struct bench_load *load,
                            struct bench_batch *batches)
{
    *connection = (struct bench_connection){
        .load = load, .fd = -1, .batches = batches, .retry.fire = on_retry};
}

bool bench_connection_stop(struct bench_connection *connection)
{
    engine_timer_stop(connection->load->engine, &connection->retry);
    if (connection->state == BENCH_CONNECTING || connection->state == BENCH_OPEN)
        set_state(connection, BENCH_CLOSING);
    return close_socket(connection);
}

void bench_connection_free(struct bench_connection *connection)
{
    bench_partial_free(&connection->partial);
    free(connection->datagrams);
}
