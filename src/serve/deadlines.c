/* deadlines.c: how long a connection may take, with one timer.
 *
 * The timer is set for the next deadline and, when that moves away (more bytes came), left alone:
 * it fires, finds nothing due, and is set again. So a busy connection touches no timer at all.
 *
 *     message-timeout   an unfinished message, from its first byte, while we read
 *     max-rate          a message that is paid for and not yet due
 *     pause             in a framing that takes pauses: silence, while we read
 *     idle-timeout      nothing unfinished, nothing due: since bytes last came or left, while we
 *                       read; or: a reply hangs, and the peer has ended its stream
 *     a conversation    what its script waits for (talker.h)
 *     write-timeout     a send under way of which nothing is acknowledged */
#include "serve/server.h"
#include "serve/talker.h"

#define NEVER INT64_MAX

static int64_t now_of(const struct connection *connection)
{
    return worker_of(connection)->engine->now_ns;
}

static int64_t after(int64_t start_ns, int64_t duration_ns)
{
    return duration_ns < 0 ? NEVER : start_ns + duration_ns;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* "auto" timeouts: none in a one-shot. */
static int64_t timeout_of(const struct connection *connection, int64_t setting_ns,
                          int64_t otherwise_ns)
{
    if (setting_ns != DURATION_AUTO)
        return setting_ns;
    return worker_of(connection)->server->one_shot ? DURATION_NONE : otherwise_ns;
}

static int64_t idle_deadline(const struct connection *connection)
{
    int64_t timeout =
        timeout_of(connection, connection->settings->idle_timeout_ns, INT64_C(300) * 1000000000);
    return after(connection->active_ns, timeout);
}

static int64_t message_deadline(const struct connection *connection)
{
    int64_t timeout =
        timeout_of(connection, connection->settings->message_timeout_ns, INT64_C(30) * 1000000000);
    return after(connection->started_ns, timeout);
}

/* When silence ends its message. */
static int64_t pause_deadline(const struct connection *connection)
{
    const struct settings *settings = connection->settings;
    if (!frame_pauses(connection->framing, &connection->frame, connection->input.size))
        return NEVER;
    return after(connection->active_ns, settings->pause_ns);
}

/* Whether it is being read from in the middle of a message. */
static bool in_message(const struct connection *connection)
{
    return connection->input.size > 0 && intake_open(connection);
}

/* Whether nothing is unfinished and nothing is due, and it would be heard if it said something. */
static bool is_idle(const struct connection *connection)
{
    return !connection->output && connection->input.size == 0 &&
           !worker_of(connection)->intake_paused &&
           (!connection->talks || talker_idles(connection));
}

/* Whether nothing will come of it any more, from neither side: a reply hangs, and the peer, which
 * may have gone, has ended its stream. */
static bool hangs_in_vain(const struct connection *connection)
{
    return connection->end_of_stream && output_hangs(connection->output);
}

/* How often a send under way is looked at: an eighth of the timeout, from 10 ms to 1 s. The moments
 * are rounded up, so that looks fall together: with the uring engine every send is under way for a
 * moment, and a thousand timers that then find nothing should not be as many wake-ups. */
static int64_t next_write_look(const struct connection *connection)
{
    int64_t timeout = connection->settings->write_timeout_ns;
    if (timeout < 0 || !output_sending(connection->output))
        return NEVER;
    int64_t interval = timeout / 8;
    if (interval < 10000000)
        interval = 10000000;
    if (interval > 1000000000)
        interval = 1000000000;
    int64_t grain = interval / 8;
    return (now_of(connection) + interval) / grain * grain + grain;
}

/* When its next message may be taken: in whole milliseconds, so that where many are due they are
 * taken together. */
static int64_t due_time(const struct connection *connection)
{
    return (connection->started_ns / 1000000 + 1) * 1000000;
}

static int64_t next_deadline(const struct connection *connection)
{
    int64_t next = next_write_look(connection);
    if (connection->talks)
        next = earlier(next, talker_deadline(connection));
    if (hangs_in_vain(connection))
        next = earlier(next, idle_deadline(connection));
    if (connection->state != CONNECTION_OPEN || connection->settings->connection_plan)
        return next;
    if (connection->paid && paying_waits(connection))
        next = earlier(next, due_time(connection));
    else if (in_message(connection))
        next = earlier(next, earlier(message_deadline(connection), pause_deadline(connection)));
    else if (is_idle(connection))
        next = earlier(next, idle_deadline(connection));
    return next;
}

void deadlines_update(struct connection *connection)
{
    int64_t next = next_deadline(connection);
    struct timer *timer = &connection->timer;
    if (next == NEVER || (timer_is_set(timer) && timer->deadline_ns <= next))
        return;
    engine_timer_set(worker_of(connection)->engine, timer, next);
}

static int64_t later_by(int64_t start_ns, int64_t paused_ns, int64_t now_ns)
{
    if (start_ns >= now_ns)
        return start_ns;
    return start_ns > paused_ns ? now_ns : start_ns + now_ns - paused_ns;
}

void deadlines_resume(struct connection *connection)
{
    const struct worker *worker = worker_of(connection);
    int64_t now_ns = worker->engine->now_ns;
    if (connection->state != CONNECTION_OPEN)
        return;
    connection->active_ns = later_by(connection->active_ns, worker->paused_ns, now_ns);
    connection->started_ns = later_by(connection->started_ns, worker->paused_ns, now_ns);
}

/* True when the peer takes nothing any more and the connection has ended. */
static bool writing_failed(struct connection *connection, int64_t now_ns)
{
    if (!output_sending(connection->output))
        return false;
    if (output_progress(connection->output) < 0)
        connection_end(connection, REASON_UNDELIVERED);
    else if (now_ns >=
             after(connection->output->progress_ns, connection->settings->write_timeout_ns))
        connection_end(connection, REASON_WRITE_TIMEOUT);
    return connection->state == CONNECTION_ENDED;
}

/* The pause has passed: try one more receive, then it counts. */
static void pause_passed(struct connection *connection, int64_t now_ns)
{
    if (!connection->last_try) {
        connection->last_try = true;
        engine_timer_set(worker_of(connection)->engine, &connection->timer, now_ns);
        return;
    }
    connection->last_try = false;
    intake_take(connection, slice_of(NULL, 0), FRAME_PAUSE);
}

void deadlines_act(struct connection *connection, int64_t now_ns)
{
    if (connection->state == CONNECTION_LINGERING)
        closing_look(connection);
    if (connection->state >= CONNECTION_LINGERING || writing_failed(connection, now_ns))
        return;
    if (hangs_in_vain(connection) && now_ns >= idle_deadline(connection)) {
        output_forget(connection->output);
        connection_close(connection, REASON_IDLE_TIMEOUT);
        return;
    }
    bool open = connection->state == CONNECTION_OPEN && !connection->settings->connection_plan;
    bool unfinished = open && in_message(connection);
    bool idle = open && is_idle(connection);
    if (unfinished && now_ns >= message_deadline(connection))
        connection_close(connection, REASON_MESSAGE_TIMEOUT);
    else if (unfinished && now_ns >= pause_deadline(connection))
        pause_passed(connection, now_ns);
    else if (idle && now_ns >= idle_deadline(connection))
        connection_close(connection, REASON_IDLE_TIMEOUT);
}
