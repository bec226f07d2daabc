/* talker.c: what a conversation can do to its connection, and what happens to it there.
 *
 * The happy path: a connection opens, its conversation runs and says something, hears, is given the
 * message that is taken for it, says something, and returns: all that was said is sent, and the
 * connection closes politely. All of it happens in turns of the connection, within the worker's
 * pass.
 *
 * What is said waits for every message that this worker has taken so far, also those of other
 * connections: a script may have learned from them what it says (shared).
 *
 * While a script does anything but hear its peer's time stands still: neither idle-timeout nor
 * message-timeout counts that against it. Where the connection closes for a reason of its own (a
 * timeout, a malformed length, the server stops) the script learns it as it hears, and may say a
 * last word. A server that drains lets it hear first what has come by then. */
#include "serve/talker.h"

#include "serve/server.h"

#include <errno.h>

/* Over so much memory of what waits to be sent nothing more is said, however little it is. */
#define OWNED_MOST ((size_t)4 * OUTPUT_BOUND_BYTES)

static struct connection *connection_of(const struct conversation *conversation)
{
    return ((const struct talker *)(const void *)conversation)->connection;
}

/* ---- what the script can do ---- */

/* Why a connection that is still there closes, as peer:hear says it. */
static const char *why_closing(enum reason reason)
{
    switch (reason) {
    case REASON_IDLE_TIMEOUT:
    case REASON_MESSAGE_TIMEOUT:
        return "timeout";
    case REASON_FINISHED:
    case REASON_DRAINED:
        return "stopping";
    default:
        return reason_row(reason)->word;
    }
}

static enum conversation_line line_of(const struct conversation *conversation, const char **why)
{
    const struct connection *connection = connection_of(conversation);
    bool ended = connection->state >= CONNECTION_LINGERING || connection->doom != REASON_NONE;
    *why = NULL;
    if (ended) {
        *why = "gone";
        return LINE_GONE;
    }
    if (connection->state == CONNECTION_CLOSING) {
        *why = why_closing((enum reason)connection->reason);
        return LINE_CLOSING;
    }
    return connection->finished ? LINE_FINISHED : LINE_OPEN;
}

static int64_t now_of(const struct conversation *conversation)
{
    return worker_of(connection_of(conversation))->engine->now_ns;
}

static bool has_room(const struct conversation *conversation)
{
    const struct output *output = connection_of(conversation)->output;
    return !output_full(output) && (!output || output->owned_bytes < OWNED_MOST);
}

/* 0, -ENOMEM or -EMSGSIZE. */
static int put_text(struct connection *connection, struct slice text)
{
    struct frame_wrapping wrapping;
    if (!frame_wrap(connection->framing, text, FRAME_REPLY_EXACT, &wrapping))
        return -EMSGSIZE;
    size_t size = wrapping.head_size + text.size + wrapping.tail.size;
    struct output *output = output_need(connection);
    uint8_t *place = output ? parcel_say(output, worker_of(connection)->sequence, size) : NULL;
    if (!place)
        return -ENOMEM;
    memcpy(place, wrapping.head, wrapping.head_size);
    if (text.size > 0)
        memcpy(place + wrapping.head_size, text.data, text.size);
    if (wrapping.tail.size > 0)
        memcpy(place + wrapping.head_size + text.size, wrapping.tail.data, wrapping.tail.size);
    worker_mark_dirty(worker_of(connection), output);
    return 0;
}

static int say(struct conversation *conversation, struct slice text)
{
    struct connection *connection = connection_of(conversation);
    int result = put_text(connection, text);
    if (result == -ENOMEM)
        connection_doom(connection, REASON_NO_MEMORY);
    return result;
}

static int change_framing(struct conversation *conversation, const char *name, struct error *error)
{
    struct connection *connection = connection_of(conversation);
    struct framing framing;
    if (connection->packets)
        return error_set(error, GT_WRONG, "packets are messages as they are");
    int status = framing_parse(&framing, name, connection->framing->max_message, error);
    if (status != GT_DONE)
        return status;
    talker_of(connection)->framing = framing;
    frame_change(&connection->frame);
    return GT_DONE;
}

static void end_line(struct conversation *conversation, bool reset)
{
    struct connection *connection = connection_of(conversation);
    if (reset)
        connection_reset(connection);
    else
        connection_close(connection, REASON_TALKED);
    if (connection->output)
        worker_mark_dirty(worker_of(connection), connection->output);
}

static const struct conversation_host host = {.line = line_of,
                                              .now_ns = now_of,
                                              .room = has_room,
                                              .say = say,
                                              .frame = change_framing,
                                              .close = end_line};

/* ---- beginning ---- */

void talker_open(struct connection *connection)
{
    struct worker *worker = worker_of(connection);
    struct replier *replier = connection->settings->replier;
    struct talker *talker = pool_take(&worker->talkers);
    if (!talker) {
        connection_doom(connection, REASON_NO_MEMORY);
        return;
    }
    *talker = (struct talker){.connection = connection,
                              .framing = connection->settings->framing,
                              .paused_ns = worker->engine->now_ns};
    talker->conversation.host = &host;
    talker->conversation.peer = &connection->peer;
    talker->conversation.listener = connection->listener->socket.name;
    if (replier->table->converse(replier, worker->number, &talker->conversation) != GT_DONE) {
        pool_give(&worker->talkers, talker);
        connection_doom(connection, REASON_SCRIPT_FAILED);
        return;
    }
    connection->framing = &talker->framing;
    connection->talks = true;
    connection->singly = true;
}

/* ---- going on ---- */

/* Its peer's time goes on from where it stood still. */
static void begin_hearing(struct talker *talker)
{
    struct connection *connection = talker->connection;
    int64_t now_ns = worker_of(connection)->engine->now_ns;
    int64_t paused_ns = now_ns - talker->paused_ns;
    connection->active_ns = now_ns;
    if (connection->started_ns < now_ns)
        connection->started_ns = connection->started_ns + paused_ns < now_ns
                                     ? connection->started_ns + paused_ns
                                     : now_ns;
}

static enum reason reason_of(enum conversation_end end)
{
    switch (end) {
    case CONVERSATION_UNMET:
        return REASON_UNMET;
    case CONVERSATION_FAILED:
        return REASON_SCRIPT_FAILED;
    default:
        return REASON_TALKED;
    }
}

/* Whether it counts though its peer has said nothing: it did not end because that one left. */
static bool counts(const struct connection *connection)
{
    const struct conversation *conversation = &talker_of(connection)->conversation;
    return !connection->heard && connection->state != CONNECTION_ENDED &&
           conversation->end != CONVERSATION_CUT_SHORT && !conversation->deserted;
}

/* It is over. */
static void end_talk(struct connection *connection, enum conversation_end end)
{
    struct worker *worker = worker_of(connection);
    bool failed = end == CONVERSATION_UNMET || end == CONVERSATION_FAILED;
    counters_add(worker->counters, COUNTER_CONVERSATIONS, 1);
    if (failed)
        counters_add(worker->counters, COUNTER_CONVERSATIONS_FAILED, 1);
    if (counts(connection))
        connection->heard = goal_reserve_connection(&worker->server->goal);
    connection_close(connection, reason_of(end));
}

/* It waits for something else now, or is over. */
static void note_need(struct talker *talker)
{
    const struct conversation *conversation = &talker->conversation;
    bool hears = conversation->need == NEEDS_MESSAGE;
    if (hears && !talker->hears)
        begin_hearing(talker);
    else if (!hears && talker->hears)
        talker->paused_ns = worker_of(talker->connection)->engine->now_ns;
    talker->hears = hears;
    if (conversation->need == NEEDS_NOTHING)
        end_talk(talker->connection, (enum conversation_end)conversation->end);
}

static void resume(struct talker *talker, const struct message *message)
{
    talker->resumes++;
    worker_of(talker->connection)->stirred = true;
    talker->conversation.answered = talker->connection->heard;
    conversation_resume(&talker->conversation, message);
    note_need(talker);
}

void talker_heard(struct connection *connection, const struct message *message)
{
    resume(talker_of(connection), message);
}

/* A server that stops does not wait where something is left to be heard. */
static bool is_hurried(const struct connection *connection)
{
    return worker_of(connection)->hurried && connection->input.size > 0;
}

/* Whether it could be resumed, in some turn. */
static bool is_ready(const struct talker *talker)
{
    const struct conversation *conversation = &talker->conversation;
    return conversation_due(conversation) ||
           (conversation->need == NEEDS_TIME && is_hurried(talker->connection));
}

bool talker_due(const struct connection *connection)
{
    const struct talker *talker = talker_of(connection);
    return talker->resumes < TALKER_RESUMES_MOST && connection->doom == REASON_NONE &&
           is_ready(talker);
}

void talker_go_on(struct connection *connection)
{
    while (talker_due(connection))
        resume(talker_of(connection), NULL);
}

int64_t talker_deadline(const struct connection *connection)
{
    const struct talker *talker = talker_of(connection);
    const struct conversation *conversation = &talker->conversation;
    if (conversation->need == NEEDS_NOTHING)
        return NEVER_NS;
    if (talker->resumes >= TALKER_RESUMES_MOST || is_ready(talker))
        return worker_of(connection)->engine->now_ns;
    bool timed = conversation->need == NEEDS_MESSAGE || conversation->need == NEEDS_TIME;
    return timed ? conversation->until_ns : NEVER_NS;
}

/* ---- the end ---- */

void talker_close(struct connection *connection)
{
    struct worker *worker = worker_of(connection);
    struct talker *talker = talker_of(connection);
    bool over = talker->conversation.need == NEEDS_NOTHING;
    talker->conversation.answered = connection->heard;
    if (!over)
        conversation_release(&talker->conversation, !worker->abandoned);
    if (!over)
        end_talk(connection, (enum conversation_end)talker->conversation.end);
    connection->framing = &connection->settings->framing;
    connection->talks = false;
    pool_give(&worker->talkers, talker);
}
