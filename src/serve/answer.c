/* answer.c: replies find their way out.
 *
 * A reply that is known while its message is being taken (its turn is still at hand) joins the
 * parcel at the end of its connection's output. A fixed one is shared: the sealed settings hold it,
 * already ended as the framing ends replies. An echo, or an application's, is copied and ended
 * there.
 *
 * A reply that comes later finds its turn in the output, and is copied into memory of the turn. One
 * from another thread is copied by that thread and left in the worker's mailbox. Where memory is
 * out for a copy, the connection is lost, so that no peer gets half a reply; a datagram's reply is
 * dropped and told. */
#include "serve/answer.h"

#include "base/attributes.h"
#include "base/message.h"
#include "reply/effects.h"
#include "serve/connection.h"
#include "serve/post.h"
#include "serve/server.h"
#include "serve/talker.h"
#include "serve/terms.h"

#include <errno.h>

static struct worker *worker_of_turn(const struct gt_turn *turn)
{
    return list_item(turn->mailbox, struct worker, mailbox);
}

/* ---- what is put around a reply ---- */

static size_t wrapped_size(const struct frame_wrapping *wrapping, struct slice reply)
{
    return wrapping->head_size + reply.size + wrapping->tail.size;
}

static uint8_t *put(uint8_t *place, struct slice bytes)
{
    if (bytes.size > 0)
        memcpy(place, bytes.data, bytes.size);
    return place + bytes.size;
}

static void put_wrapped(uint8_t *place, const struct frame_wrapping *wrapping, struct slice reply)
{
    place = put(place, slice_of(wrapping->head, wrapping->head_size));
    place = put(place, reply);
    put(place, wrapping->tail);
}

/* ---- a reply that is known at once ---- */

/* Its reply cannot be made: the connection is lost, so that no peer gets half a reply. Where only
 * the framing cannot say it, the replies before it still leave. */
static void fail(struct connection *connection, int number)
{
    if (number == -EMSGSIZE)
        connection_close(connection, REASON_UNFRAMED);
    else
        connection_doom(connection, REASON_NO_MEMORY);
}

/* No reply: whatever the connection does next waits until the message is recorded. */
static void join_none(struct connection *connection, uint64_t sequence)
{
    if (!parcel_join(connection->output, sequence, 0))
        fail(connection, -ENOMEM);
}

static void join_shared(struct connection *connection, uint64_t sequence, struct slice shared)
{
    if (!parcel_join_shared(connection->output, sequence, shared))
        fail(connection, -ENOMEM);
}

/* 0; -ENOMEM or -EMSGSIZE, and there is no reply. */
static int join_copy(struct connection *connection, uint64_t sequence, struct slice reply)
{
    struct frame_wrapping wrapping;
    if (!frame_wrap(connection->framing, reply, FRAME_REPLY_PLAIN, &wrapping)) {
        join_none(connection, sequence);
        fail(connection, -EMSGSIZE);
        return -EMSGSIZE;
    }
    uint8_t *place = parcel_join(connection->output, sequence, wrapped_size(&wrapping, reply));
    if (!place) {
        fail(connection, -ENOMEM);
        return -ENOMEM;
    }
    put_wrapped(place, &wrapping, reply);
    return 0;
}

/* Whether its message is just being taken, and its reply can join. */
static bool at_hand(const struct gt_turn *turn)
{
    return worker_of_turn(turn)->at_hand == turn;
}

/* What becomes of the connection with a reply like this. One that hangs stays, whatever else is
 * asked for. */
static void join_effects(struct connection *connection, const struct effects *effects)
{
    if (effects->hang)
        connection->hung = true;
    else if (effects->reset)
        connection_reset(connection);
    else if (effects->close)
        connection_close(connection, REASON_REPLIED);
}

/* Something happens to it, or to nothing. */
SELDOM static void join_affected(struct connection *connection, uint64_t sequence,
                                 enum reply_when when, const struct reply *reply)
{
    struct frame_wrapping wrapping = {.head_size = 0};
    struct slice bytes = when == REPLY_NONE ? slice_of(NULL, 0) : reply->bytes;
    bool wrapped = when == REPLY_NONE || reply->shared;
    if (!wrapped && !frame_wrap(connection->framing, bytes, FRAME_REPLY_PLAIN, &wrapping)) {
        join_none(connection, sequence);
        fail(connection, -EMSGSIZE);
        return;
    }
    uint8_t *place = parcel_join_affected(connection->output, sequence,
                                          wrapped_size(&wrapping, bytes), reply->effects);
    if (!place) {
        fail(connection, -ENOMEM);
        return;
    }
    put_wrapped(place, &wrapping, bytes);
    join_effects(connection, reply->effects);
}

static void join_reply(struct connection *connection, uint64_t sequence, enum reply_when when,
                       const struct reply *reply)
{
    if (reply->effects && effects_any(reply->effects))
        join_affected(connection, sequence, when, reply);
    else if (when == REPLY_NONE)
        join_none(connection, sequence);
    else if (when == REPLY_LOST)
        fail(connection, -ENOMEM);
    else if (reply->shared)
        join_shared(connection, sequence, reply->bytes);
    else
        join_copy(connection, sequence, reply->bytes);
}

/* Ask who replies at once. */
static void ask(struct connection *connection, struct replier *replier,
                const struct message *message)
{
    struct reply reply = {.shared = false};
    enum reply_when when = replier_answer(replier, message, NULL, &reply);
    join_reply(connection, message->sequence, when, &reply);
}

/* Ask who may keep the turn. If he has not replied by now, it takes its place in the output. */
static void ask_keeper(struct connection *connection, struct replier *replier,
                       const struct message *message)
{
    struct worker *worker = worker_of(connection);
    struct reply reply = {.shared = false};
    struct gt_turn *turn = worker_take_turn(worker, connection, NULL);
    if (!turn) {
        fail(connection, -ENOMEM);
        return;
    }
    turn->sequence = message->sequence;
    enum reply_when when = replier_answer(replier, message, turn, &reply);
    if (when != REPLY_LATER) {
        turn_move(turn, TURN_JOINED);
        join_reply(connection, message->sequence, when, &reply);
    } else if (turn->state == TURN_HELD) {
        worker_hold(worker, turn);
        output_append_turn(connection->output, turn);
    }
}

static struct replier *replier_of(const struct worker *worker, const struct settings *settings)
{
    struct callback_replier *callback = &worker->server->callback;
    return callback->heard ? &callback->replier : settings->replier;
}

struct replier *answer_replier(const struct connection *connection)
{
    return replier_of(worker_of(connection), connection->settings);
}

/* Its conversation hears it, and says what it likes. */
static void converse(struct connection *connection, const struct message *message)
{
    join_none(connection, message->sequence);
    if (connection->doom == REASON_NONE)
        talker_heard(connection, message);
}

void answer_by_asking(struct connection *connection, struct replier *replier,
                      const struct message *message)
{
    if (connection->talks)
        converse(connection, message);
    else if (replier->table->keeps)
        ask_keeper(connection, replier, message);
    else
        ask(connection, replier, message);
}

void answer_lost(struct connection *connection)
{
    fail(connection, -ENOMEM);
}

/* ---- a reply that comes later, and a datagram's ---- */

/* The reply is known, or it is known that there is none. Whoever waits for it goes on. */
static void replied(struct gt_turn *turn)
{
    struct exchange *exchange = turn->exchange;
    worker_move_turn(worker_of_turn(turn), turn, TURN_REPLIED);
    if (exchange)
        exchange_settle(exchange);
}

/* The turn has its reply, in memory that is taken over. Its connection goes on at the end of the
 * pass. */
static void fill(struct gt_turn *turn, struct bytes *owned)
{
    struct connection *connection = turn->connection;
    if (connection) {
        turn->end.bytes = bytes_slice(owned);
        turn->end.owned = *owned;
        output_filled(connection->output, turn);
        worker_mark_dirty(worker_of_turn(turn), connection->output);
    } else if (turn->exchange) {
        exchange_fill(turn->exchange, bytes_slice(owned), owned);
    } else {
        bytes_free(owned);
    }
    replied(turn);
}

/* Its reply cannot be made. */
static void fail_turn(struct gt_turn *turn, int number)
{
    struct exchange *exchange = turn->exchange;
    if (turn->connection)
        fail(turn->connection, number);
    if (exchange)
        exchange->failure = number;
}

/* There is no reply. */
static void fill_none(struct gt_turn *turn)
{
    if (turn->connection)
        fill(turn, &(struct bytes){0});
    else
        replied(turn);
}

/* What a reply to this turn is framed as; NULL: nobody is there to reply to. */
static const struct framing *framing_of(const struct gt_turn *turn)
{
    if (turn->connection)
        return ((const struct connection *)turn->connection)->framing;
    if (turn->exchange)
        return &((const struct exchange *)turn->exchange)->terms->settings->framing;
    return NULL;
}

/* The reply with what the framing puts around it: 0, -ENOMEM or -EMSGSIZE. */
static int copy_wrapped(const struct framing *framing, struct slice reply, struct bytes *copy)
{
    struct frame_wrapping wrapping;
    if (!frame_wrap(framing, reply, FRAME_REPLY_PLAIN, &wrapping))
        return -EMSGSIZE;
    size_t size = wrapped_size(&wrapping, reply);
    if (bytes_reserve(copy, size) < 0)
        return -ENOMEM;
    put_wrapped(bytes_end(copy), &wrapping, reply);
    copy->size = size;
    return 0;
}

static int fill_copy(struct gt_turn *turn, struct slice reply)
{
    struct bytes copy = {0};
    const struct framing *framing = framing_of(turn);
    int result = framing ? copy_wrapped(framing, reply, &copy) : 0;
    if (result == 0) {
        fill(turn, &copy);
        return 0;
    }
    fail_turn(turn, result);
    fill_none(turn);
    return result;
}

/* Something happens to a datagram's reply: whether there is still one. */
SELDOM static enum reply_when affect_datagram(struct exchange *exchange, enum reply_when when,
                                              const struct effects *effects)
{
    if (when == REPLY_NOW && exchange_affect(exchange, effects) == 0)
        return effects->hang ? REPLY_NONE : REPLY_NOW;
    return when == REPLY_NOW ? REPLY_NONE : when;
}

void answer_datagram(struct exchange *exchange, const struct message *message)
{
    struct reply reply = {.shared = false};
    struct gt_turn *turn = exchange->turn;
    struct replier *replier = replier_of(worker_of_turn(turn), exchange->terms->settings);
    enum reply_when when = replier_answer(replier, message, turn, &reply);
    if (reply.effects && effects_any(reply.effects))
        when = affect_datagram(exchange, when, reply.effects);
    if (when == REPLY_LOST)
        fail_turn(turn, -ENOMEM);
    if (when == REPLY_NONE || when == REPLY_LOST)
        fill_none(turn);
    else if (when == REPLY_NOW && !reply.shared)
        fill_copy(turn, reply.bytes);
    if (when != REPLY_NOW || !reply.shared)
        return;
    exchange_fill(exchange, reply.bytes, NULL);
    replied(turn);
}

/* ---- a replier's later replies ---- */

/* A line feed that the framing would double: where its end is one, or ends in one. */
static struct slice undoubled(const struct framing *framing, struct slice printed)
{
    struct frame_wrapping wrapping;
    bool doubled = framing && slice_ends_with(printed, '\n') &&
                   frame_wrap(framing, printed, FRAME_REPLY_PLAIN, &wrapping) &&
                   slice_ends_with(wrapping.tail, '\n');
    return doubled ? slice_of(printed.data, printed.size - 1) : printed;
}

void answer_printed(struct gt_turn *turn, struct slice printed)
{
    fill_copy(turn, undoubled(framing_of(turn), printed));
}

void answer_nothing(struct gt_turn *turn)
{
    fill_none(turn);
}

void answer_fail(struct gt_turn *turn, enum reason reason)
{
    worker_of_turn(turn)->reply_lost = true;
    turn->ending = (uint8_t)reason;
    fill_none(turn);
}

void answer_hold(struct gt_turn *turn, size_t bytes)
{
    struct connection *connection = turn->connection;
    if (connection || turn->exchange)
        worker_count_memory(worker_of_turn(turn), turn->kept_bytes, bytes);
    if (connection && connection->output)
        connection->output->owned_bytes += bytes - turn->kept_bytes;
    turn->kept_bytes = bytes;
}

/* ---- the application's replies ---- */

static enum reply_when ask_application(struct replier *replier, const struct message *message,
                                       struct gt_turn *turn, struct reply *reply)
{
    (void)reply;
    struct callback_replier *callback = list_item(replier, struct callback_replier, replier);
    char id[MESSAGE_ID_SIZE];
    char peer[PEER_NAME_SIZE];
    struct gt_message heard = {.bytes = message->body.data,
                               .size = message->body.size,
                               .peer = peer_name(message->peer, peer),
                               .listener = message->listener,
                               .id = message_id(message->worker, message->sequence, id),
                               .connection = turn->connection};
    callback->heard(turn, &heard, callback->context);
    return REPLY_LATER;
}

void answer_by_callback(gt_server *server)
{
    static const struct replier_table table = {
        .name = "callback", .answer = ask_application, .keeps = true};
    server->callback.replier.table = &table;
}

static void leave(struct gt_turn *turn)
{
    turn->mailed = true;
    mailbox_leave(turn->mailbox, turn);
}

static bool on_own_thread(const struct gt_turn *turn)
{
    return pthread_equal(worker_of_turn(turn)->mailbox.thread, pthread_self());
}

/* On the worker's own thread: while the message is being taken, or later. */
static int reply_with_copy(struct gt_turn *turn, struct slice reply)
{
    if (!at_hand(turn))
        return fill_copy(turn, reply);
    int result = join_copy(turn->connection, turn->sequence, reply);
    turn_move(turn, TURN_JOINED);
    return result;
}

static void reply_with_nothing(struct gt_turn *turn)
{
    if (!at_hand(turn)) {
        fill_none(turn);
        return;
    }
    join_none(turn->connection, turn->sequence);
    turn_move(turn, TURN_JOINED);
}

int gt_reply(gt_turn *turn, const void *bytes, size_t size)
{
    struct slice reply = slice_of(bytes, size);
    if (on_own_thread(turn)) {
        int result = reply_with_copy(turn, reply);
        return result == -EMSGSIZE ? GT_WRONG : result < 0 ? GT_FAILED : GT_DONE;
    }
    turn->letter_lost = bytes_append(&turn->letter, reply) < 0;
    turn->letter_given = true;
    int status = turn->letter_lost ? GT_FAILED : GT_DONE;
    leave(turn);
    return status;
}

void gt_reply_none(gt_turn *turn)
{
    if (on_own_thread(turn))
        reply_with_nothing(turn);
    else
        leave(turn);
}

static void open_letter(struct gt_turn *turn)
{
    struct bytes letter = turn->letter;
    turn->letter = (struct bytes){0};
    turn->mailed = false;
    if (turn->letter_lost)
        fail_turn(turn, -ENOMEM);
    if (turn->letter_given && !turn->letter_lost)
        fill_copy(turn, bytes_slice(&letter));
    else
        fill_none(turn);
    bytes_free(&letter);
}

void answer_collect(struct worker *worker)
{
    struct gt_turn *turn = mailbox_collect(&worker->mailbox);
    while (turn) {
        struct gt_turn *next = turn->mail;
        open_letter(turn);
        turn = next;
    }
}
