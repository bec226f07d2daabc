/* answer.c: replies find their turns.
 *
 * A fixed reply is shared: the sealed settings hold it, already ended as the framing ends replies.
 * An echo or an application's reply is copied into memory of the turn, ended there. A reply from
 * another thread is copied by that thread and left in the worker's mailbox. Whatever the way,
 * connection_reply has the turn in the end. Where memory is out for a copy, the connection is lost,
 * so that no peer gets half a reply. */
#include "serve/answer.h"

#include "serve/connection.h"
#include "serve/post.h"
#include "serve/server.h"

#include <errno.h>

static struct worker *worker_of_turn(const struct gt_turn *turn)
{
    return list_item(turn->mailbox, struct worker, mailbox);
}

/* The reply is known, or it is known that there is none. Whoever waits for it goes on. */
static void replied(struct gt_turn *turn)
{
    struct exchange *exchange = turn->exchange;
    worker_move_turn(worker_of_turn(turn), turn, TURN_REPLIED);
    if (exchange)
        exchange_settle(exchange);
}

/* The turn has its reply: bytes of owned (taken over), or shared ones that outlive its settings.
 * Its connection goes on at the end of the pass. */
static void fill(struct gt_turn *turn, struct slice bytes, struct bytes *owned)
{
    struct connection *connection = turn->connection;
    if (connection) {
        turn->end.bytes = bytes;
        turn->end.owned = owned ? *owned : (struct bytes){0};
        output_filled(connection->output, turn);
        worker_mark_dirty(worker_of_turn(turn), connection->output);
    } else if (turn->exchange) {
        exchange_fill(turn->exchange, bytes, owned);
    } else if (owned) {
        bytes_free(owned);
    }
    replied(turn);
}

/* There is no reply. */
static void fill_none(struct gt_turn *turn)
{
    if (turn->connection)
        fill(turn, slice_of(NULL, 0), NULL);
    else
        replied(turn);
}

/* Its reply cannot be made: the connection is lost, so that no peer gets half a reply. Where only
 * the framing cannot say it, the replies before it still leave. */
static void fail(struct gt_turn *turn, int number)
{
    if (turn->connection && number == -EMSGSIZE)
        connection_close(turn->connection, REASON_UNFRAMED);
    else if (turn->connection)
        connection_doom(turn->connection, REASON_NO_MEMORY);
    fill_none(turn);
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

/* The reply with what the framing puts around it: 0, -ENOMEM or -EMSGSIZE. */
static int copy_wrapped(const struct framing *framing, struct slice reply, struct bytes *copy)
{
    struct frame_wrapping wrapping = {.head_size = 0};
    if (!frame_wrap(framing, reply, FRAME_REPLY_PLAIN, &wrapping))
        return -EMSGSIZE;
    if (bytes_reserve(copy, wrapping.head_size + reply.size + wrapping.tail.size) < 0)
        return -ENOMEM;
    bytes_append(copy, slice_of(wrapping.head, wrapping.head_size));
    bytes_append(copy, reply);
    bytes_append(copy, wrapping.tail);
    return 0;
}

static int reply_with_copy(struct gt_turn *turn, struct slice reply)
{
    struct bytes copy = {0};
    const struct framing *framing = framing_of(turn);
    int result = framing ? copy_wrapped(framing, reply, &copy) : 0;
    if (result < 0)
        fail(turn, result);
    else
        fill(turn, bytes_slice(&copy), &copy);
    return result;
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
        return;
    if (when == REPLY_NONE)
        fill_none(turn);
    else if (reply.shared)
        fill(turn, reply.bytes, NULL);
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
