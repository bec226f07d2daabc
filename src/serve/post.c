/* post.c: a datagram is a message: received with others, taken, recorded, replied to.
 *
 * The happy path: the engine brings a batch, each datagram becomes an exchange with its turn; when
 * the pass ends the recorder commits, and the replies of all of them leave in batches.
 *
 * A batch is taken whole, even when room runs out within it (the kernel has let go of it): it is a
 * MiB at most. What was sent to many (a broadcast) comes to each of several sockets on one port: it
 * is worker 0's. After that nothing is received until there is room; the kernel's queue drops what
 * does not fit, as datagrams are dropped. Ways to fail: a datagram over max-message is a framing
 * error: counted, told, never replied to; so is one whose source is over max-rate, since to wait
 * for it would be to keep the others waiting. Receiving fails: told once, tried again after 100 ms.
 * Memory is out: that datagram is lost and told. */
#include "serve/post.h"

#include "serve/answer.h"
#include "serve/server.h"
#include "serve/sources.h"
#include "serve/terms.h"

#include <errno.h>
#include <stdlib.h>

#define RETRY_NS INT64_C(100000000)

static void received(struct op *op, int64_t result);
static void sent(struct op *op, int64_t result);
static void retry(struct timer *timer, int64_t now_ns);

struct post *post_create(struct listener *listener)
{
    struct post *post = calloc(1, sizeof *post);
    if (!post)
        return NULL;
    post->listener = listener;
    post->receive.op.done = received;
    post->send.op.done = sent;
    post->retry.fire = retry;
    list_init(&post->waiting);
    list_init(&post->ready);
    list_init(&post->dirty);
    if (post_renew(post, listener->settings) < 0)
        post_free(&post);
    return post;
}

int post_renew(struct post *post, struct settings *settings)
{
    if (terms_renew(&post->terms, settings) < 0)
        return -ENOMEM;
    size_t longest = settings->framing.max_message;
    post->receive.size_most = longest < PACKET_MAX ? longest : PACKET_MAX;
    return 0;
}

/* ---- receiving ---- */

static bool wants(const struct post *post)
{
    const struct worker *worker = post->listener->worker;
    return !post->closing && worker->phase < WORKER_FINISHING && !worker->intake_paused &&
           !timer_is_set(&post->retry) && post->exchange_count < POST_EXCHANGES_MAX &&
           !goal_reached(&worker->server->goal);
}

static void update_receiving(struct post *post)
{
    struct engine *engine = post->listener->worker->engine;
    bool wanted = wants(post);
    if (wanted && !post->receive.op.active)
        engine_receive_datagrams(engine, &post->receive, post->listener->socket.fd);
    else if (!wanted && post->receive.op.active)
        engine_cancel(engine, &post->receive.op);
}

static void refuse(struct post *post, const struct datagram *datagram, enum reason reason)
{
    struct worker *worker = post->listener->worker;
    counters_add(worker->counters, COUNTER_DATAGRAMS_REFUSED, 1);
    tell(worker->server, GT_EVENT_NOTE, GT_WARNING,
         (struct event_origin){
             .peer = &datagram->peer, .listener = post->listener, .reason = reason},
         "a datagram was not taken: %s", reason_row(reason)->text);
}

static bool is_over_rate(const struct worker *worker, const struct datagram *datagram)
{
    struct sources *sources = worker->limits->sources;
    return sources && sources_rated(sources) &&
           !sources_admit(sources, &datagram->peer, worker->engine->now_ns);
}

static void refuse_over_rate(struct post *post, const struct datagram *datagram)
{
    struct worker *worker = post->listener->worker;
    counters_add(worker->counters, COUNTER_DATAGRAMS_OVER_RATE, 1);
    tell(worker->server, GT_EVENT_NOTE, GT_WARNING,
         (struct event_origin){.peer = &datagram->peer, .listener = post->listener},
         "a datagram was not taken: its source is over max-rate");
}

/* False: memory is out. */
static bool take(struct post *post, const struct datagram *datagram)
{
    struct worker *worker = post->listener->worker;
    struct exchange *exchange = exchange_open(post, datagram);
    if (!exchange)
        return false;
    struct message message = {.body = datagram->bytes,
                              .raw = datagram->bytes,
                              .peer = &datagram->peer,
                              .listener = post->listener->socket.name,
                              .worker = worker->number,
                              .time_us = worker_wall_us(worker)};
    if (worker_record(worker, &message) < 0) {
        exchange_discard(exchange);
        return false;
    }
    exchange->turn->sequence = message.sequence;
    worker_hold(worker, exchange->turn);
    answer_datagram(exchange, &message);
    return true;
}

/* A copy of what another worker takes. */
static bool is_copy(const struct post *post, const struct datagram *datagram)
{
    return datagram->to_many && post->listener->socket.shared && post->listener->worker->number > 0;
}

static void take_or_refuse(struct post *post, const struct datagram *datagram)
{
    struct worker *worker = post->listener->worker;
    if (is_copy(post, datagram))
        return;
    counters_add(worker->counters, COUNTER_DATAGRAMS, 1);
    counters_add(worker->counters, COUNTER_BYTES_RECEIVED, datagram->bytes.size);
    if (is_over_rate(worker, datagram)) {
        refuse_over_rate(post, datagram);
        return;
    }
    if (datagram->truncated) {
        refuse(post, datagram, REASON_TOO_LONG);
        return;
    }
    if (!goal_reserve_message(&worker->server->goal) || take(post, datagram))
        return;
    goal_return_message(&worker->server->goal);
    refuse(post, datagram, REASON_NO_MEMORY);
}

static void take_batch(struct post *post, unsigned count)
{
    struct worker *worker = post->listener->worker;
    if (worker->phase >= WORKER_FINISHING)
        return;
    post->told = false;
    worker->arrived += count;
    for (unsigned i = 0; i < count; i++)
        take_or_refuse(post, &post->receive.list[i]);
    if (worker_lacks_room(worker))
        worker_pause_intake(worker);
}

static void fail(struct post *post, int number)
{
    struct worker *worker = post->listener->worker;
    char words[128];
    engine_timer_set(worker->engine, &post->retry, worker->engine->now_ns + RETRY_NS);
    if (!post->told)
        tell(worker->server, GT_EVENT_PAUSED, GT_WARNING,
             (struct event_origin){.listener = post->listener},
             "cannot receive for now: %s; trying again", error_words(number, words, sizeof words));
    post->told = true;
}

static void received(struct op *op, int64_t result)
{
    struct post *post = list_item(op, struct post, receive.op);
    if (result > 0)
        take_batch(post, (unsigned)result);
    else if (result != -ECANCELED && !post->closing)
        fail(post, (int)-result);
    update_receiving(post);
}

static void retry(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    update_receiving(list_item(timer, struct post, retry));
}

/* ---- sending ---- */

static unsigned gather(struct post *post)
{
    unsigned count = 0;
    while (count < DATAGRAMS_MAX && !list_empty(&post->ready)) {
        struct list *link = list_take(&post->ready);
        struct exchange *exchange = list_item(link, struct exchange, link);
        post->sending[count] = exchange;
        post->replies[count++] = exchange->reply;
    }
    return count;
}

/* A cancelled send has not told what became of those it had not come to. */
static void finish_send(struct post *post, bool cancelled)
{
    for (unsigned i = 0; i < post->send.count; i++) {
        bool unsaid = cancelled && i >= post->send.handled;
        exchange_sent(post->sending[i], unsaid ? -ECANCELED : post->replies[i].status);
    }
    post->send.count = 0;
}

static void sent(struct op *op, int64_t result)
{
    struct post *post = list_item(op, struct post, send.op);
    finish_send(post, result < 0);
    worker_mark_post(post->listener->worker, post);
}

static void send_ready(struct post *post)
{
    const struct listener *listener = post->listener;
    while (!post->send.op.active && !list_empty(&post->ready)) {
        post->send.count = gather(post);
        post->send.list = post->replies;
        if (engine_send_datagrams(listener->worker->engine, &post->send, listener->socket.fd))
            finish_send(post, post->send.op.result < 0);
    }
}

void post_go_on(struct post *post)
{
    send_ready(post);
    update_receiving(post);
}

/* ---- memory ---- */

/* The last to come goes: the others have waited longer. */
static struct exchange *greatest(struct list *exchanges, struct exchange *most)
{
    for (struct list *link = exchanges->next; link != exchanges; link = link->next) {
        struct exchange *exchange = list_item(link, struct exchange, link);
        if (!most || exchange_held(exchange) >= exchange_held(most))
            most = exchange;
    }
    return most;
}

struct exchange *post_greatest(struct post *post, struct exchange *most)
{
    return greatest(&post->waiting, greatest(&post->ready, most));
}

/* ---- the end ---- */

void post_hurry(struct post *post)
{
    struct list waiting;
    list_init(&waiting);
    list_splice(&waiting, &post->waiting);
    for (struct list *link = list_take(&waiting); link; link = list_take(&waiting)) {
        list_append(&post->waiting, link);
        exchange_settle(list_item(link, struct exchange, link));
    }
}

static void abandon_all(struct list *exchanges)
{
    for (struct list *link = list_take(exchanges); link; link = list_take(exchanges))
        exchange_abandon(list_item(link, struct exchange, link));
}

void post_abandon(struct post *post)
{
    abandon_all(&post->waiting);
    abandon_all(&post->ready);
    engine_cancel(post->listener->worker->engine, &post->send.op);
}

bool post_stop(struct post *post)
{
    const struct listener *listener = post->listener;
    post->closing = true;
    if (listener->worker) {
        engine_timer_stop(listener->worker->engine, &post->retry);
        engine_cancel(listener->worker->engine, &post->receive.op);
    }
    return !post->receive.op.active && post->exchange_count == 0;
}

void post_free(struct post **post)
{
    if (*post) {
        list_remove(&(*post)->dirty);
        terms_drop(&(*post)->terms);
    }
    free(*post);
    *post = NULL;
}
