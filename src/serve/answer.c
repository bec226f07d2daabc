/* answer.c: replies find their way out.
 *
 * A reply that is known while its message is being taken (its turn is still at hand) joins the
 * parcel at the end of its connection's output. A fixed one is shared: the sealed settings hold it,
 * already ended as the framing ends replies. An echo, or an application's, is copied and ended
 * there.
 *
 * A reply that comes later finds its turn in the output, and is copied into memory of the turn. One
 * from another thread is copied by that thread and left in the worker's mailbox. Where memory is
 * out for a copy, the connection is lost, so that no peer gets half a reply. */
#include "serve/answer.h"

#include "serve/connection.h"
#include "serve/post.h"
#include "serve/server.h"

#include <errno.h>

static struct worker *worker_of_turn(const struct gt_turn *turn)
{
    return list_item(turn->mailbox, struct worker, mailbox);
}

/* Whether its message is just being taken: then its reply joins those before it, and the turn has
 * done its work. */
static bool at_hand(const struct gt_turn *turn)
{
    return worker_of_turn(turn)->at_hand == turn;
}

/* ---- a reply that is known at once ---- */

static void lose(struct gt_turn *turn)
{
    connection_doom(turn->connection, REASON_NO_MEMORY);
}

/* The bytes are shared; none: there is no reply. */
static void join_shared(struct gt_turn *turn, struct slice shared)
{
    const struct connection *connection = turn->connection;
    if (!parcel_join_shared(connection->output, turn->sequence, shared))
        lose(turn);
    turn_move(turn, TURN_JOINED);
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

/* ---- either ---- */

/* There is no reply. */
static void fill_none(struct gt_turn *turn)
{
    if (at_hand(turn))
        join_shared(turn, slice_of(NULL, 0));
    else if (turn->connection)
        fill(turn, &(struct bytes){0});
    else
        replied(turn);
}

static void fill_shared(struct gt_turn *turn, struct slice shared)
{
    if (at_hand(turn)) {
        join_shared(turn, shared);
    } else {
        exchange_fill(turn->exchange, shared, NULL);
        replied(turn);
    }
}

/* What a reply to this turn is framed as; NULL: nobody is there to reply to. */
static const struct framing *framing_of(const struct gt_turn *turn)
{
    if (turn->connection)
        return ((const struct connection *)turn->connection)->framing;
    if (turn->exchange)
        return &((const struct exchange *)turn->exchange)->post->listener->settings->framing;
    return NULL;
}

static uint8_t *put(uint8_t *place, struct slice bytes)
{
    if (bytes.size > 0)
        memcpy(place, bytes.data, bytes.size);
    return place + bytes.size;
}

/* The reply with what the framing puts around it, where it waits: 0 or -ENOMEM. */
static int put_wrapped(struct gt_turn *turn, const struct frame_wrapping *wrapping,
                       struct slice reply)
{
    const struct connection *connection = turn->connection;
    struct bytes copy = {0};
    size_t size = wrapping->head_size + reply.size + wrapping->tail.size;
    bool joins = at_hand(turn);
    uint8_t *place;
    if (joins)
        place = parcel_join(connection->output, turn->sequence, size);
    else
        place = bytes_reserve(&copy, size) < 0 ? NULL : copy.data;
    if (!place)
        return -ENOMEM;
    place = put(place, slice_of(wrapping->head, wrapping->head_size));
    place = put(place, reply);
    put(place, wrapping->tail);
    copy.size = size;
    if (joins)
        turn_move(turn, TURN_JOINED);
    else
        fill(turn, &copy);
    return 0;
}

/* Its reply cannot be made: the connection is lost, so that no peer gets half a reply. Where only
 * the framing cannot say it, the replies before it still leave. */
static void fail(struct gt_turn *turn, int number)
{
    if (turn->connection && number == -EMSGSIZE)
        connection_close(turn->connection, REASON_UNFRAMED);
    else if (turn->connection)
        lose(turn);
    fill_none(turn);
}

static int reply_with_copy(struct gt_turn *turn, struct slice reply)
{
    struct frame_wrapping wrapping;
    const struct framing *framing = framing_of(turn);
    if (!framing) {
        fill_none(turn);
        return 0;
    }
    int result = -EMSGSIZE;
    if (frame_wrap(framing, reply, FRAME_REPLY_PLAIN, &wrapping))
        result = put_wrapped(turn, &wrapping, reply);
    if (result < 0)
        fail(turn, result);
    return result;
}

/* The reply will come later, unless the application has just given it: the turn keeps its place. */
static void keep(struct gt_turn *turn)
{
    const struct connection *connection = turn->connection;
    if (!at_hand(turn) || turn->state != TURN_HELD)
        return;
    worker_hold(worker_of_turn(turn), turn);
    output_append_turn(connection->output, turn);
}

void answer_message(const struct settings *settings, struct gt_turn *turn,
                    const struct message *message)
{
    gt_server *server = worker_of_turn(turn)->server;
    struct replier *replier = settings->replier;
    if (server->callback.heard)
        replier = &server->callback.replier;
    struct reply reply = {.shared = false};
    enum reply_when when = replier_answer(replier, message, turn, &reply);
    if (when == REPLY_LATER)
        keep(turn);
    else if (when == REPLY_NONE)
        fill_none(turn);
    else if (reply.shared)
        fill_shared(turn, reply.bytes);
    else
        reply_with_copy(turn, reply.bytes);
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
    static const struct replier_table table = {.name = "callback", .answer = ask_application};
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
        fill_none(turn);
    else
        leave(turn);
}

static void open_letter(struct gt_turn *turn)
{
    struct bytes letter = turn->letter;
    turn->letter = (struct bytes){0};
    turn->mailed = false;
    if (turn->letter_lost)
        fail(turn, -ENOMEM);
    else if (turn->letter_given)
        reply_with_copy(turn, bytes_slice(&letter));
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
