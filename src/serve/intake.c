/* intake.c: from bytes received to messages.
 *
 * The happy path: bytes arrive in the engine's buffer, the framing finds whole messages in it, each
 * is recorded and replied to; nothing is left and nothing was copied. What is left of an unfinished
 * message is kept in the connection's own buffer.
 *
 * Taking stops when the recorder, the output or the memory is full, when the goal is reached, when
 * the framing finds an error, or when the connection closes after its reply. In the first two cases
 * the rest waits and the connection reads no more.
 *
 * Where there is a rate a message is paid for before it is looked for (paying.c), if there is
 * anything to look in: what waits to be due waits like the rest. */
#include "base/attributes.h"
#include "serve/answer.h"
#include "serve/connection.h"
#include "serve/server.h"
#include "serve/talker.h"

bool intake_open(const struct connection *connection)
{
    const struct worker *worker = worker_of(connection);
    const struct goal *goal = &worker->server->goal;
    if (connection->state != CONNECTION_OPEN || worker->phase >= WORKER_FINISHING)
        return false;
    if (worker->intake_paused || output_full(connection->output) || goal_reached(goal))
        return false;
    if (connection->paid && paying_waits(connection))
        return false;
    if (connection->talks && !talker_hears(connection))
        return false;
    return goal->connections == 0 || connection->heard;
}

static inline bool may_take(struct connection *connection)
{
    return !connection->singly || paying_for_next(connection);
}

/* A message of one who is not plain was taken: whether there may be another in what is left. */
SELDOM static bool follow_up(struct connection *connection, size_t left)
{
    connection->paid = false;
    if (connection->state != CONNECTION_OPEN || connection->doom != REASON_NONE)
        return false;
    bool wanted = connection->talks ? talker_hears(connection) : !connection->settings->close;
    return wanted && (left == 0 || may_take(connection));
}

/* Whoever completes a message is safe from giving way to others. */
SELDOM void connection_prove(struct connection *connection)
{
    connection->proven = true;
    list_remove(&connection->link);
    list_append(&worker_of(connection)->proven, &connection->link);
}

/* Memory is out: this connection is lost, no other. */
SELDOM static void lose(struct connection *connection)
{
    goal_return_message(&worker_of(connection)->server->goal);
    connection_doom(connection, REASON_NO_MEMORY);
}

/* Take one message: false when the goal has been reached by others, or memory is out. */
static inline bool take(struct connection *connection, struct worker *worker,
                        struct replier *replier, struct message *message)
{
    if (!goal_reserve_message(&worker->server->goal))
        return false;
    if (!output_need(connection) || worker_record(worker, message) < 0) {
        lose(connection);
        return false;
    }
    answer_message(connection, replier, message);
    return true;
}

/* A message was taken: whether there may be another at once, in what is left. Of what intake_open
 * asks for this is what taking one can have changed. */
static inline bool goes_on(struct connection *connection, struct worker *worker, size_t left)
{
    if (worker_lacks_room(worker))
        worker_pause_intake(worker);
    bool plain = connection->state == CONNECTION_OPEN && connection->doom == REASON_NONE &&
                 !connection->singly;
    return (plain || follow_up(connection, left)) && !worker->intake_paused &&
           !output_full(connection->output) && !goal_reached(&worker->server->goal);
}

/* What the first message taken changes, or the last. */
static void note_taken(struct connection *connection)
{
    paying_begin(connection);
    if (!connection->proven)
        connection_prove(connection);
    if (connection->settings->close && !connection->talks)
        connection_close(connection, REASON_REPLIED);
}

static enum reason reason_of(enum frame_result result)
{
    switch (result) {
    case FRAME_TOO_LONG:
        return REASON_TOO_LONG;
    case FRAME_MALFORMED:
        return REASON_MALFORMED;
    default:
        return REASON_UNFINISHED;
    }
}

/* Nothing more is whole, or never will be. */
SELDOM static void end_taking(struct connection *connection, enum frame_result result,
                              enum frame_event event)
{
    if (result == FRAME_MORE)
        connection->finished = event == FRAME_END;
    else
        connection_close(connection, reason_of(result));
}

/* Take what is complete in input, until that or the room ends; how many bytes were used. */
static size_t take_some(struct connection *connection, struct slice input, enum frame_event event)
{
    struct worker *worker = worker_of(connection);
    struct replier *replier = answer_replier(connection);
    struct message message = {.peer = &connection->peer,
                              .listener = connection->listener->socket.name,
                              .worker = worker->number,
                              .time_us = worker_wall_us(worker)};
    struct slice rest = input;
    enum frame_result result;
    do {
        struct frame_mark mark;
        result = frame_scan(connection->framing, &connection->frame, rest, event, &mark);
        message.body = slice_fresh(&mark.body);
        message.raw = slice_fresh(&mark.raw);
        if (result == FRAME_MESSAGE && !take(connection, worker, replier, &message))
            break;
        if (mark.consumed > 0)
            rest = slice_after(rest, mark.consumed);
        if (result != FRAME_MESSAGE)
            break;
        if (event == FRAME_PAUSE)
            event = FRAME_BYTES;
    } while (goes_on(connection, worker, rest.size) && (rest.size > 0 || event != FRAME_BYTES));
    if (message.sequence)
        note_taken(connection);
    if (result != FRAME_MESSAGE)
        end_taking(connection, result, event);
    return input.size - rest.size;
}

/* What waits is seldom more than the longest message: room for that is enough, so that a message
 * within max-message is not one too many for max-memory. */
static int append_input(struct connection *connection, struct slice bytes)
{
    size_t before = connection->input.capacity;
    size_t enough = connection->framing->max_message;
    int result = bytes_reserve_within(&connection->input, bytes.size, enough);
    if (result == 0)
        result = bytes_append(&connection->input, bytes);
    worker_count_memory(worker_of(connection), before, connection->input.capacity);
    return result;
}

/* Keep what was not used, in the connection's own buffer: 0 or -ENOMEM. */
static int keep_rest(struct connection *connection, struct slice received, size_t used)
{
    if (connection->state != CONNECTION_OPEN) {
        connection_drop_input(connection);
        return 0;
    }
    if (connection->input.size > 0) {
        bytes_consume(&connection->input, used);
        if (connection->input.size == 0)
            connection_drop_input(connection);
        return 0;
    }
    if (used == received.size)
        return 0;
    paying_begin(connection);
    return append_input(connection, slice_after(received, used));
}

/* Packets keep their bounds in the input: they are always taken out of it. */
static int append_packet(struct connection *connection, struct slice packet)
{
    size_t before = connection->input.capacity;
    int result = packet.data ? packet_keep(&connection->input, packet) : 0;
    worker_count_memory(worker_of(connection), before, connection->input.capacity);
    return result;
}

/* Join what was received with what waits, take what is complete, keep the rest. */
static int take_joined(struct connection *connection, struct slice received, enum frame_event event)
{
    int joined = 0;
    if (connection->packets)
        joined = append_packet(connection, received);
    else if (connection->input.size > 0 && received.size > 0)
        joined = append_input(connection, received);
    if (joined < 0)
        return joined;
    struct slice all = received;
    if (connection->input.size > 0)
        all = bytes_slice(&connection->input);
    bool open = (all.size > 0 || event != FRAME_BYTES) && connection->doom == REASON_NONE &&
                intake_open(connection) && (all.size == 0 || may_take(connection));
    return keep_rest(connection, all, open ? take_some(connection, all, event) : 0);
}

void intake_take(struct connection *connection, struct slice received, enum frame_event event)
{
    if (connection->state != CONNECTION_OPEN)
        connection_drop_input(connection);
    if (connection->finished || connection->state != CONNECTION_OPEN)
        return;
    if (event == FRAME_BYTES && connection->end_of_stream)
        event = FRAME_END;
    if (connection->end_of_stream && !connection->heard && connection->input.size == 0)
        connection->finished = true; /* it has left without a word, and needs no place for that */
    if (take_joined(connection, received, event) < 0)
        connection_doom(connection, REASON_NO_MEMORY);
    bool waits = connection->input.size > 0 || connection->end_of_stream;
    connection->starved = connection->state == CONNECTION_OPEN && !connection->finished && waits &&
                          !intake_open(connection);
}
