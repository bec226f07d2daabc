/* send_talk.c: what is typed or given goes out as it becomes ready, what comes is printed, until
 * there have been as many replies as messages. Then our side is shut down, and what still comes is
 * dropped, so that no reset destroys what the server has not read yet:
 *
 *     until the server ends its stream, or
 *     it has acknowledged everything and is silent for 200 ms, at most 2 s.
 *
 * Nothing is decided within a completion: it leaves a mark, and after each pass a step looks at all
 * of them. Where the other end, or standard output, is slower, standard input or the connection is
 * not read for a while: nothing grows without a bound.
 *
 * In the framing eof our side is shut down once all is sent, and the server's end is the reply's. A
 * conversation is over when the server ends it, or the person (Ctrl-D): then what still comes is
 * shown for a little longer.
 *
 * Ways to fail: the server ends its stream before all replies have come, or resets the connection.
 * Where it ends when nothing is due, but standard input is still open, the next message decides: it
 * is one that nobody hears. What cannot be sent any more is dropped, and what still comes tells
 * what became of it. */
#include "tool/send_talk.h"

#include <errno.h>
#include <inttypes.h>

#define MILLISECOND INT64_C(1000000)

/* How long the end may take: the silence that suffices, and the most; for a person, who may be
 * waiting for the last reply, both are longer. */
#define QUIET_NS          (200 * MILLISECOND)
#define AT_MOST_NS        (2000 * MILLISECOND)
#define PERSON_QUIET_NS   (1000 * MILLISECOND)
#define PERSON_AT_MOST_NS (5000 * MILLISECOND)

/* Of standard input, so much may be ready and not sent. */
#define READY_BOUND_BYTES ((size_t)256 * 1024)

static uint64_t replies_so_far(const struct send_talk *talk)
{
    return talk->run->replies.count;
}

static bool speaks_eof(const struct send_talk *talk)
{
    return talk->run->options->framing.codec == &codec_eof;
}

/* ---- receiving ---- */

/* Whether nobody will want to see what comes now. */
static bool drops(const struct send_talk *talk)
{
    const struct send_run *run = talk->run;
    bool counts = run->options->count >= 0 && !run->conversation;
    bool enough = counts && replies_so_far(talk) >= (uint64_t)run->options->count;
    bool over = talk->state != SEND_TALKING && !run->conversation;
    return run->options->no_reply || enough || over;
}

static void hear(struct send_talk *talk, struct slice bytes)
{
    talk->heard = true;
    if (!drops(talk) && send_replies_hear(&talk->run->replies, bytes) < 0)
        error_set(&talk->run->error, GT_FAILED, "out of memory");
}

static void on_received(struct op *op, int64_t result)
{
    struct receive_op *receive = list_item(op, struct receive_op, op);
    struct send_talk *talk = list_item(receive, struct send_talk, receive);
    talk->heard_ns = talk->run->engine->now_ns;
    if (result == 0)
        talk->server_ended = true;
    else if (result > 0 && (op->flags & OP_TRUNCATED) && !drops(talk))
        error_set(&talk->run->error, GT_FAILED, "a reply is longer than %zu bytes", PACKET_MAX);
    else if (result > 0)
        hear(talk, slice_of(receive->data, (size_t)result));
    else if (result != -ECANCELED)
        talk->failure = (int)-result;
}

static void on_pause(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    list_item(timer, struct send_talk, pause)->paused = true;
}

static void take_replies(struct send_talk *talk)
{
    struct send_run *run = talk->run;
    enum frame_event event = talk->paused ? FRAME_PAUSE : FRAME_BYTES;
    if (talk->server_ended)
        event = FRAME_END;
    send_replies_take(&run->replies, event, send_run_replies_most(run), &run->error);
}

static void await_pause(struct send_talk *talk)
{
    struct engine *engine = talk->run->engine;
    int64_t pause_ns = talk->run->options->pause_ns;
    bool pauses = send_replies_pause(&talk->run->replies) && pause_ns >= 0 &&
                  talk->receive.op.active &&
                  replies_so_far(talk) < send_run_replies_most(talk->run);
    if (!pauses)
        engine_timer_stop(engine, &talk->pause);
    else if (talk->heard || !timer_is_set(&talk->pause))
        engine_timer_set(engine, &talk->pause, engine->now_ns + pause_ns);
}

/* ---- sending ---- */

/* Of sending, what leaves next: a stream as a whole, packets one by one. Returns its size there. */
static size_t next_part(const struct send_talk *talk, struct slice *part)
{
    struct frame frame = {0};
    struct frame_mark mark;
    struct slice all = bytes_slice(&talk->sending);
    *part = all;
    if (talk->run->options->target.transport == TRANSPORT_STREAM)
        return all.size;
    frame_scan(&talk->run->input.framing, &frame, all, FRAME_BYTES, &mark);
    *part = mark.body;
    return mark.consumed;
}

static void note_sent(struct send_talk *talk, int64_t result)
{
    struct slice part;
    size_t size = next_part(talk, &part);
    if (result == -EMSGSIZE)
        error_errno(&talk->run->error, EMSGSIZE, "cannot send a packet of %zu bytes", part.size);
    talk->cut = result < 0;
    bytes_consume(&talk->sending, talk->cut ? talk->sending.size : size);
}

static void on_sent(struct op *op, int64_t result)
{
    struct send_op *send = list_item(op, struct send_op, op);
    note_sent(list_item(send, struct send_talk, send), result);
}

/* Take over what is ready; what was sent before leaves its memory. */
static void take_ready(struct send_talk *talk)
{
    struct bytes sent = talk->sending;
    talk->sending = talk->run->input.ready;
    talk->run->input.ready = sent;
}

/* Begin to send the next part: false when there is none, or one is under way. */
static bool send_part(struct send_talk *talk)
{
    struct slice part;
    if (talk->send.op.active || talk->cut)
        return false;
    if (talk->sending.size == 0)
        take_ready(talk);
    if (talk->sending.size == 0)
        return false;
    size_t size = next_part(talk, &part);
    talk->part.iov_base = bytes_end(&talk->sending) - talk->sending.size + size - part.size;
    talk->part.iov_len = part.size;
    talk->send.parts = &talk->part;
    talk->send.part_count = 1;
    if (engine_send(talk->run->engine, &talk->send, talk->fd))
        note_sent(talk, talk->send.op.result);
    return true;
}

static void send_ready(struct send_talk *talk)
{
    while (send_part(talk))
        continue;
    if (talk->cut)
        bytes_clear(&talk->run->input.ready);
}

static bool all_is_sent(const struct send_talk *talk)
{
    const struct send_input *input = &talk->run->input;
    return input->ended && input->ready.size == 0 && talk->sending.size == 0 && !talk->cut;
}

/* ---- how it stands ---- */

static void shut_down(struct send_talk *talk)
{
    if (!talk->shut)
        (void)engine_shutdown(talk->run->engine, talk->fd); /* a connection that failed says so */
    talk->shut = true;
}

static bool is_done(const struct send_talk *talk)
{
    const struct send_run *run = talk->run;
    if (run->conversation && talk->server_ended)
        return true;
    if (!all_is_sent(talk) || run->conversation || run->options->no_reply)
        return all_is_sent(talk);
    return replies_so_far(talk) >= send_run_replies_due(run) &&
           (talk->server_ended || !speaks_eof(talk));
}

static bool is_hopeless(const struct send_talk *talk)
{
    if (!talk->server_ended && !talk->run->options->no_reply)
        return false;
    return talk->cut || replies_so_far(talk) < send_run_replies_due(talk->run);
}

static void tell_early_end(struct send_talk *talk)
{
    struct error *error = &talk->run->error;
    uint64_t due = send_run_replies_due(talk->run), count = replies_so_far(talk);
    if (count < due)
        error_set(error, GT_FAILED,
                  "the server ended the connection after %" PRIu64 " of %" PRIu64 " repl%s", count,
                  due, due == 1 ? "y" : "ies");
    else
        error_set(error, GT_FAILED, "the server ended the connection before everything was sent");
}

static void tell_failure(struct send_talk *talk)
{
    struct error *error = &talk->run->error;
    uint64_t due = send_run_replies_due(talk->run), count = replies_so_far(talk);
    if (send_run_is_open(talk->run) || count >= due)
        error_errno(error, talk->failure, "the connection failed");
    else
        error_errno(error, talk->failure,
                    "the connection failed after %" PRIu64 " of %" PRIu64 " repl%s", count, due,
                    due == 1 ? "y" : "ies");
}

/* ---- closing ---- */

static void on_look(struct timer *timer, int64_t now_ns)
{
    (void)timer; /* it has ended the pass: a step follows */
    (void)now_ns;
}

static void begin_closing(struct send_talk *talk)
{
    talk->state = SEND_CLOSING;
    talk->closing_ns = talk->run->engine->now_ns;
    shut_down(talk);
}

/* Everything is acknowledged: until when to wait for the server's end. */
static int64_t patience_ends(const struct send_talk *talk)
{
    bool person = talk->run->conversation;
    int64_t quiet_since = talk->heard_ns > talk->arrived_ns ? talk->heard_ns : talk->arrived_ns;
    int64_t quiet = quiet_since + (person ? PERSON_QUIET_NS : QUIET_NS);
    int64_t at_most = talk->arrived_ns + (person ? PERSON_AT_MOST_NS : AT_MOST_NS);
    return quiet < at_most ? quiet : at_most;
}

/* Not everything is: look again soon, later and later. */
static int64_t next_look(const struct send_talk *talk, int64_t now_ns)
{
    int64_t wait = (now_ns - talk->closing_ns) / 2;
    if (wait < MILLISECOND)
        wait = MILLISECOND;
    return now_ns + (wait > 50 * MILLISECOND ? 50 * MILLISECOND : wait);
}

/* Whether the end is reached; else the timer is set to look again. */
static bool has_closed(struct send_talk *talk)
{
    struct engine *engine = talk->run->engine;
    int64_t waiting = talk->failure ? -talk->failure : engine_unacknowledged(engine, talk->fd);
    if (waiting < 0 && talk->run->options->no_reply)
        error_errno(&talk->run->error, (int)-waiting,
                    "the connection failed before the server had everything");
    if (waiting < 0 || talk->server_ended)
        return true;
    if (waiting <= 1 && talk->arrived_ns == 0) /* one: the FIN */
        talk->arrived_ns = engine->now_ns;
    int64_t next = talk->arrived_ns ? patience_ends(talk) : next_look(talk, engine->now_ns);
    if (talk->arrived_ns && engine->now_ns >= next)
        return true;
    engine_timer_set(engine, &talk->look, next);
    return false;
}

/* ---- steps ---- */

static void talk_on(struct send_talk *talk)
{
    take_replies(talk);
    send_ready(talk);
    if (speaks_eof(talk) && all_is_sent(talk))
        shut_down(talk);
    if (talk->run->error.status != GT_DONE)
        talk->state = SEND_OVER;
    else if (is_done(talk))
        begin_closing(talk);
    else if (talk->failure)
        tell_failure(talk);
    else if (is_hopeless(talk))
        tell_early_end(talk);
}

static void close_on(struct send_talk *talk)
{
    if (talk->run->conversation)
        take_replies(talk);
    if (talk->run->error.status == GT_DONE && has_closed(talk))
        talk->state = SEND_OVER;
}

/* Read as much as can be dealt with. */
static void read_on(struct send_talk *talk)
{
    struct send_run *run = talk->run;
    bool reads = !talk->server_ended && !talk->failure;
    bool full = send_replies_full(&run->replies) && !drops(talk);
    send_input_want(&run->input, talk->state == SEND_TALKING && !talk->cut &&
                                     run->input.ready.size < READY_BOUND_BYTES);
    if (full)
        engine_cancel(run->engine, &talk->receive.op);
    else if (reads && !talk->receive.op.active)
        engine_receive(run->engine, &talk->receive, talk->fd);
}

void send_talk_begin(struct send_talk *talk, struct send_run *run, int fd)
{
    *talk = (struct send_talk){
        .run = run,
        .fd = fd,
        .send.op.done = on_sent,
        .receive.op.done = on_received,
        .pause.fire = on_pause,
        .look.fire = on_look,
    };
    if (run->options->target.transport == TRANSPORT_PACKETS)
        talk->receive.op.flags = OP_PACKETS;
}

void send_talk_step(struct send_talk *talk)
{
    if (talk->state == SEND_TALKING)
        talk_on(talk);
    if (talk->state == SEND_CLOSING)
        close_on(talk);
    if (talk->run->error.status != GT_DONE)
        talk->state = SEND_OVER;
    if (talk->state == SEND_OVER)
        return;
    read_on(talk);
    await_pause(talk);
    talk->heard = talk->paused = false;
}

bool send_talk_stop(struct send_talk *talk)
{
    if (!talk->run)
        return true;
    struct engine *engine = talk->run->engine;
    engine_timer_stop(engine, &talk->pause);
    engine_timer_stop(engine, &talk->look);
    engine_cancel(engine, &talk->send.op);
    engine_cancel(engine, &talk->receive.op);
    return !talk->send.op.active && !talk->receive.op.active;
}

void send_talk_free(struct send_talk *talk)
{
    bytes_free(&talk->sending);
}
