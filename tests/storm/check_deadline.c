/* check_deadline.c: whether each connection that must not stay as it is has its timer in time.
 *
 * The timer may be early: it fires, finds nothing due and is set again. It may never be late, so a
 * deadline that was forgotten, set from a wrong moment or by another clock is seen as soon as the
 * pass ends. Of a send under way its next look counts, which must not be far off; and a moment that
 * lies in the future is nobody's. */
#include "check_parts.h"
#include "serve/talker.h"

#define NEVER       INT64_MAX
#define MS          INT64_C(1000000)
#define SECOND      INT64_C(1000000000)
#define LINGER_MOST (2 * SECOND)

/* How far away the next look at a send may be: it is made each second, rounded up. */
#define LOOK_MOST (SECOND + SECOND / 8)

static int64_t after(int64_t start_ns, int64_t duration_ns)
{
    return duration_ns < 0 ? NEVER : start_ns + duration_ns;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A timeout that was not set is there in a kept server only. */
static int64_t timeout(const struct connection *connection, int64_t setting_ns, int64_t kept_ns)
{
    bool one_shot = worker_of(connection)->server->one_shot;
    if (setting_ns != DURATION_AUTO)
        return setting_ns;
    return one_shot ? DURATION_NONE : kept_ns;
}

/* When an open connection must have been heard of. */
static int64_t open_deadline(const struct connection *connection)
{
    const struct settings *settings = connection->settings;
    const struct worker *worker = worker_of(connection);
    int64_t idle_ns = timeout(connection, settings->idle_timeout_ns, 300 * SECOND);
    int64_t message_ns = timeout(connection, settings->message_timeout_ns, 30 * SECOND);
    if (connection->paid && paying_waits(connection))
        return connection->started_ns + MS;
    bool busy = connection->talks && !talker_idles(connection);
    if (connection->input.size == 0 && (connection->output || worker->intake_paused || busy))
        return NEVER;
    if (connection->input.size == 0)
        return after(connection->active_ns, idle_ns);
    if (!intake_open(connection))
        return NEVER;
    int64_t deadline_ns = after(connection->started_ns, message_ns);
    if (frame_pauses(connection->framing, &connection->frame, connection->input.size))
        deadline_ns = earlier(deadline_ns, after(connection->active_ns, settings->pause_ns));
    return deadline_ns;
}

static int64_t deadline_of(const struct connection *connection, int64_t now_ns)
{
    int64_t look_ns = NEVER;
    if (output_sending(connection->output) && connection->settings->write_timeout_ns >= 0)
        look_ns = now_ns + LOOK_MOST;
    if (connection->state == CONNECTION_LINGERING)
        return (connection->started_ns ? connection->started_ns : now_ns) + LINGER_MOST;
    if (connection->talks)
        look_ns = earlier(look_ns, talker_deadline(connection));
    return connection->state == CONNECTION_OPEN ? earlier(look_ns, open_deadline(connection))
                                                : look_ns;
}

/* Whether a peer that acknowledges nothing has been borne too long. */
static bool borne_too_long(const struct connection *connection, int64_t now_ns)
{
    int64_t timeout_ns = connection->settings->write_timeout_ns;
    bool pending = connection->timer.deadline_ns <= now_ns;
    return output_sending(connection->output) && timeout_ns >= 0 && !pending &&
           connection->output->progress_ns + timeout_ns + LOOK_MOST < now_ns;
}

/* What was paid for is looked at when its millisecond is over, whatever else has passed by then. */
static bool comes_in_turn(const struct connection *connection)
{
    return connection->paid && connection->timer.deadline_ns <= connection->started_ns + MS;
}

const char *check_deadlines(const struct connection *connection)
{
    int64_t now_ns = worker_of(connection)->engine->now_ns;
    int64_t deadline_ns = deadline_of(connection, now_ns);
    bool started_later = connection->started_ns > now_ns && !connection->paid;
    if (connection->active_ns > now_ns || started_later)
        return "a connection did something in the future";
    if (deadline_ns == NEVER)
        return NULL;
    if (!timer_is_set(&connection->timer))
        return "a connection with a deadline has no timer";
    if (connection->timer.deadline_ns > deadline_ns && !comes_in_turn(connection))
        return "a connection's timer is set for later than its deadline";
    return borne_too_long(connection, now_ns) ? "a send is under way past write-timeout" : NULL;
}
