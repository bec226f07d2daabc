/* answer.c: replies find their turns.
 *
 * A fixed reply is shared: the sealed settings hold it, already ended as the framing ends replies.
 * An echo or an application's reply is copied into memory of the turn, ended there. A reply from
 * another thread is copied by that thread and left in the worker's mailbox. Whatever the way,
 * connection_reply has the turn in the end. Where memory is out for a copy, the connection is lost,
 * so that no peer gets half a reply. */
#include "serve/answer.h"

#include "serve/connection.h"
#include "serve/server.h"

#include <errno.h>

static struct worker *worker_of_turn(const struct gt_turn *turn)
{
    return list_item(turn->mailbox, struct worker, mailbox);
}

/* The turn has its reply: bytes of owned (taken over), or shared ones that outlive the connection's
 * settings. Its connection goes on at the end of the pass. */
static void fill(struct gt_turn *turn, struct slice bytes, struct bytes *owned)
{
    struct connection *connection = turn->connection;
    struct worker *worker = worker_of_turn(turn);
    if (connection) {
        turn->end.bytes = bytes;
        turn->end.owned = owned ? *owned : (struct bytes){0};
        output_filled(connection->output, turn);
        worker_mark_dirty(worker, connection->output);
    } else if (owned) {
        bytes_free(owned);
    }
    worker_move_turn(worker, turn, TURN_REPLIED);
}

/* Memory was out for its reply: the connection is lost, so that no peer gets half a reply. */
static void fail(struct gt_turn *turn)
{
    if (turn->connection)
        connection_doom(turn->connection, REASON_NO_MEMORY);
    worker_move_turn(worker_of_turn(turn), turn, TURN_REPLIED);
}

/* The reply with what the framing puts around it: 0 or -ENOMEM. */
static int copy_wrapped(const struct framing *framing, struct slice reply, struct bytes *copy)
{
    struct frame_wrapping wrapping = {.head_size = 0};
    frame_wrap(framing, reply, FRAME_REPLY_PLAIN, &wrapping);
    if (bytes_reserve(copy, wrapping.head_size + reply.size + wrapping.tail.size) < 0)
        return -ENOMEM;
    bytes_append(copy, slice_of(wrapping.head, wrapping.head_size));
    bytes_append(copy, reply);
    bytes_append(copy, wrapping.tail);
    return 0;
}

static void reply_with_copy(struct gt_turn *turn, struct slice reply, bool exact)
{
    struct bytes copy = {0};
    struct connection *connection = turn->connection;
    int result = 0;
    if (connection && exact)
        result = bytes_append(&copy, reply);
    else if (connection)
        result = copy_wrapped(connection->framing, reply, &copy);
    if (result < 0)
        fail(turn);
    else
        fill(turn, bytes_slice(&copy), &copy);
}

void answer_message(struct connection *connection, struct gt_turn *turn,
                    const struct message *message)
{
    gt_server *server = worker_of(connection)->server;
    struct replier *replier = connection->settings->replier;
    if (server->callback.heard)
        replier = &server->callback.replier;
    struct reply reply = {.shared = false};
    enum reply_when when = replier_answer(replier, message, turn, &reply);
    if (when == REPLY_LATER)
        return;
    if (when == REPLY_NONE)
        fill(turn, slice_of(NULL, 0), NULL);
    else if (reply.shared)
        fill(turn, reply.bytes, NULL);
    else
        reply_with_copy(turn, reply.bytes, reply.exact);
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
                               .id = message_id(message->worker, message->sequence, id)};
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
        reply_with_copy(turn, reply, false);
        return GT_DONE;
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
        fill(turn, slice_of(NULL, 0), NULL);
    else
        leave(turn);
}

static void open_letter(struct gt_turn *turn)
{
    struct bytes letter = turn->letter;
    turn->letter = (struct bytes){0};
    turn->mailed = false;
    if (turn->letter_lost)
        fail(turn);
    else if (turn->letter_given)
        reply_with_copy(turn, bytes_slice(&letter), false);
    else
        fill(turn, slice_of(NULL, 0), NULL);
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
