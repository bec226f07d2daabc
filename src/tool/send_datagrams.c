/* send_datagrams.c: each message a datagram, each datagram that comes a reply.
 *
 * There is no connection that would tell whether anybody is there; but a datagram to a port without
 * a server comes back as ECONNREFUSED, at once within one machine. So the first goes alone, and the
 * others follow when it was replied to, or when nothing came back for 200 ms (not waited for where
 * a refusal would be the end anyway). Where replies are counted only a few datagrams go ahead of
 * them: nothing else would hold back a sender that is quicker than the server.
 *
 * A Unix socket whose queue is full takes no more (EAGAIN); the datagram is sent again a moment
 * later. A person who ends (Ctrl-D) is shown what still comes, for a second.
 *
 * Ways to fail: nobody is there (the connector then tries other places, or the same again), or no
 * longer; a datagram that is too long. A lost one nobody tells: --timeout ends that wait. */
#include "tool/send_datagrams.h"

#include <errno.h>
#include <inttypes.h>

#define MILLISECOND INT64_C(1000000)

#define SETTLE_NS       (200 * MILLISECOND)
#define PERSON_QUIET_NS (1000 * MILLISECOND)
#define FIRST_DELAY_NS  (1 * MILLISECOND)
#define MOST_DELAY_NS   (50 * MILLISECOND)

/* Datagrams that may be on their way without a reply. */
#define AHEAD_MOST 16

/* Of standard input, so much may be ready and not sent. */
#define READY_BOUND_BYTES ((size_t)256 * 1024)

/* ---- receiving ---- */

static void hear(struct send_datagrams *datagrams, const struct datagram *datagram)
{
    struct send_run *run = datagrams->run;
    datagrams->heard = true;
    if (run->replies.count >= send_run_replies_most(run))
        return;
    if (datagram->truncated)
        error_set(&run->error, GT_FAILED, "reply %" PRIu64 " is longer than %zu bytes",
                  run->replies.count + 1, datagrams->receive.size_most);
    else if (send_replies_hear(&run->replies, datagram->bytes) < 0)
        error_set(&run->error, GT_FAILED, "out of memory");
}

static void on_received(struct op *op, int64_t result)
{
    struct receive_datagrams_op *receive = list_item(op, struct receive_datagrams_op, op);
    struct send_datagrams *datagrams = list_item(receive, struct send_datagrams, receive);
    for (int64_t i = 0; i < result; i++)
        hear(datagrams, &receive->list[i]);
    if (result < 0 && result != -ECANCELED)
        datagrams->failure = (int)-result;
}

/* ---- sending ---- */

/* The message to be sent next, and what it takes up of sending. */
static size_t first_message(const struct send_datagrams *datagrams, struct slice *message)
{
    struct frame frame = {0};
    struct frame_mark mark;
    frame_scan(&datagrams->run->input.framing, &frame, bytes_slice(&datagrams->sending),
               FRAME_BYTES, &mark);
    *message = mark.body;
    return mark.consumed;
}

/* It is no longer needed. */
static void forget_first(struct send_datagrams *datagrams)
{
    struct slice message;
    bytes_consume(&datagrams->sending, first_message(datagrams, &message));
    datagrams->sent++;
}

/* Take over what is ready. */
static void take_ready(struct send_datagrams *datagrams)
{
    struct bytes empty = datagrams->sending;
    if (empty.size > 0)
        return;
    datagrams->sending = datagrams->run->input.ready;
    datagrams->run->input.ready = empty;
}

static void hold_back(struct send_datagrams *datagrams)
{
    struct engine *engine = datagrams->run->engine;
    datagrams->held_back = true;
    engine_timer_set(engine, &datagrams->retry, engine->now_ns + datagrams->delay_ns);
    datagrams->delay_ns *= 2;
    if (datagrams->delay_ns > MOST_DELAY_NS)
        datagrams->delay_ns = MOST_DELAY_NS;
}

static void on_retry(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    list_item(timer, struct send_datagrams, retry)->held_back = false;
}

static void on_settled(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    list_item(timer, struct send_datagrams, settle)->settled = true;
}

/* A datagram has left: the first one is kept until somebody is there. */
static void note_left(struct send_datagrams *datagrams)
{
    struct engine *engine = datagrams->run->engine;
    datagrams->delay_ns = FIRST_DELAY_NS;
    if (datagrams->settled) {
        forget_first(datagrams);
        return;
    }
    datagrams->begun = true;
    engine_timer_set(engine, &datagrams->settle,
                     engine->now_ns + (datagrams->waits ? SETTLE_NS : 0));
}

static void note_sent(struct send_datagrams *datagrams, int64_t result)
{
    int status = datagrams->datagram.status;
    if (result < 0)
        datagrams->failure = result == -ECANCELED ? 0 : (int)-result;
    else if (status == 0)
        note_left(datagrams);
    else if (status == -EAGAIN)
        hold_back(datagrams);
    else if (status == -EMSGSIZE)
        error_errno(&datagrams->run->error, EMSGSIZE, "cannot send a datagram of %zu bytes",
                    datagrams->datagram.bytes.size);
    else
        datagrams->failure = -status;
}

static void on_sent(struct op *op, int64_t result)
{
    struct send_datagrams_op *send = list_item(op, struct send_datagrams_op, op);
    note_sent(list_item(send, struct send_datagrams, send), result);
}

/* Whether the server has enough to reply to. */
static bool is_far_ahead(const struct send_datagrams *datagrams)
{
    const struct send_run *run = datagrams->run;
    bool counts = !run->conversation && !run->options->no_reply && run->options->count < 0;
    return counts && datagrams->sent >= run->replies.count + AHEAD_MOST;
}

static bool may_send(const struct send_datagrams *datagrams)
{
    bool awaits_first = datagrams->begun && !datagrams->settled;
    return datagrams->sending.size > 0 && !datagrams->send.op.active && !datagrams->held_back &&
           !awaits_first && !is_far_ahead(datagrams) && !datagrams->failure &&
           datagrams->run->error.status == GT_DONE;
}

static void send_one(struct send_datagrams *datagrams)
{
    datagrams->datagram = (struct datagram){.status = 0};
    first_message(datagrams, &datagrams->datagram.bytes);
    datagrams->send.list = &datagrams->datagram;
    datagrams->send.count = 1;
    if (engine_send_datagrams(datagrams->run->engine, &datagrams->send, datagrams->fd))
        note_sent(datagrams, datagrams->send.op.result);
}

static void send_ready(struct send_datagrams *datagrams)
{
    take_ready(datagrams);
    while (may_send(datagrams)) {
        send_one(datagrams);
        take_ready(datagrams);
    }
}

/* Somebody replied, or the silence has lasted: the first datagram is there. */
static void settle(struct send_datagrams *datagrams)
{
    if (!datagrams->begun || datagrams->sent > 0 || datagrams->failure)
        return;
    if (datagrams->heard)
        datagrams->settled = true;
    if (!datagrams->settled)
        return;
    engine_timer_stop(datagrams->run->engine, &datagrams->settle);
    forget_first(datagrams);
}

/* ---- how it stands ---- */

static bool all_is_sent(const struct send_datagrams *datagrams)
{
    const struct send_input *input = &datagrams->run->input;
    return input->ended && input->ready.size == 0 && datagrams->sending.size == 0;
}

static void on_quiet(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    list_item(timer, struct send_datagrams, quiet)->quiet_passed = true;
}

/* A person has said all: the last replies may still be on their way. */
static bool has_waited(struct send_datagrams *datagrams)
{
    struct engine *engine = datagrams->run->engine;
    if (datagrams->run->replies.count >= datagrams->sent || datagrams->quiet_passed)
        return true;
    if (datagrams->heard || !timer_is_set(&datagrams->quiet))
        engine_timer_set(engine, &datagrams->quiet, engine->now_ns + PERSON_QUIET_NS);
    return false;
}

static bool is_done(struct send_datagrams *datagrams)
{
    const struct send_run *run = datagrams->run;
    if (!all_is_sent(datagrams))
        return false;
    if (run->options->no_reply)
        return !datagrams->failure;
    if (run->conversation)
        return has_waited(datagrams);
    return run->replies.count >= send_run_replies_due(run);
}

static void tell_failure(struct send_datagrams *datagrams)
{
    struct send_run *run = datagrams->run;
    if (run->replies.count == 0)
        error_errno(&run->error, datagrams->failure, "%s: nobody takes the datagrams",
                    run->options->target.shown);
    else
        error_errno(&run->error, datagrams->failure, "the server is gone after %" PRIu64 " repl%s",
                    run->replies.count, run->replies.count == 1 ? "y" : "ies");
}

static void fail(struct send_datagrams *datagrams)
{
    bool nobody = datagrams->failure == ECONNREFUSED && datagrams->sent == 0;
    datagrams->state = nobody ? SEND_REFUSED : SEND_OVER;
    if (!nobody)
        tell_failure(datagrams);
}

/* ---- steps ---- */

static void judge(struct send_datagrams *datagrams)
{
    if (datagrams->run->error.status != GT_DONE || is_done(datagrams))
        datagrams->state = SEND_OVER;
    else if (datagrams->failure)
        fail(datagrams);
}

/* Read as much as can be dealt with. */
static void read_on(struct send_datagrams *datagrams)
{
    struct send_run *run = datagrams->run;
    send_input_want(&run->input, run->input.ready.size < READY_BOUND_BYTES);
    if (send_replies_full(&run->replies))
        engine_cancel(run->engine, &datagrams->receive.op);
    else if (!datagrams->receive.op.active)
        engine_receive_datagrams(run->engine, &datagrams->receive, datagrams->fd);
}

void send_datagrams_begin(struct send_datagrams *datagrams, struct send_run *run, int fd,
                          bool waits)
{
    struct bytes kept = datagrams->sending;
    size_t most = run->options->framing.max_message;
    *datagrams = (struct send_datagrams){
        .run = run,
        .fd = fd,
        .waits = waits,
        .sending = kept,
        .delay_ns = FIRST_DELAY_NS,
        .send.op.done = on_sent,
        .receive.op.done = on_received,
        .receive.size_most = most < PACKET_MAX ? most : PACKET_MAX,
        .settle.fire = on_settled,
        .retry.fire = on_retry,
        .quiet.fire = on_quiet,
    };
}

void send_datagrams_step(struct send_datagrams *datagrams)
{
    struct send_run *run = datagrams->run;
    settle(datagrams);
    send_replies_take(&run->replies, FRAME_BYTES, send_run_replies_most(run), &run->error);
    send_ready(datagrams);
    judge(datagrams);
    datagrams->heard = false;
    if (datagrams->state == SEND_TALKING)
        read_on(datagrams);
}

bool send_datagrams_stop(struct send_datagrams *datagrams)
{
    if (!datagrams->run)
        return true;
    struct engine *engine = datagrams->run->engine;
    engine_timer_stop(engine, &datagrams->settle);
    engine_timer_stop(engine, &datagrams->retry);
    engine_timer_stop(engine, &datagrams->quiet);
    engine_cancel(engine, &datagrams->send.op);
    engine_cancel(engine, &datagrams->receive.op);
    return !datagrams->send.op.active && !datagrams->receive.op.active;
}

void send_datagrams_free(struct send_datagrams *datagrams)
{
    bytes_free(&datagrams->sending);
}
