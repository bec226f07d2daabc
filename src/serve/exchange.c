/* exchange.c: from a datagram to the reply that goes back, or to the line that says why none does.
 *
 * A reply is dropped, counted and told: when its sender has no name to send to (a Unix socket that
 * was not bound), when it is over udp-amplification times its request (who forges a sender's
 * address must not be able to make this server flood him: RFC 9000 section 8.1), when memory is out
 * for it, when it waits and holds most of max-memory, and when the system refuses it. In a one-shot
 * that is a reply that could not be delivered. */
#include "serve/exchange.h"

#include "serve/affected.h"
#include "serve/post.h"
#include "serve/server.h"
#include "serve/terms.h"

#include <errno.h>
#include <netinet/in.h>

#define IPV4_HEADERS 28 /* bytes of IPv4 and UDP headers */
#define IPV6_HEADERS 48

static struct worker *worker_of_exchange(const struct exchange *exchange)
{
    return exchange->post->listener->worker;
}

struct exchange *exchange_open(struct post *post, const struct datagram *received)
{
    struct worker *worker = post->listener->worker;
    struct exchange *exchange = pool_take(&worker->exchanges);
    if (!exchange)
        return NULL;
    *exchange =
        (struct exchange){.post = post, .reply = *received, .request_bytes = received->bytes.size};
    exchange->terms = terms_take(post);
    exchange->turn = worker_take_turn(worker, NULL, exchange);
    if (!exchange->turn) {
        terms_release(exchange->terms);
        pool_give(&worker->exchanges, exchange);
        return NULL;
    }
    list_append(&post->waiting, &exchange->link);
    post->exchange_count++;
    worker->exchange_count++;
    worker_count_memory(worker, 0, sizeof *exchange + sizeof *exchange->turn);
    return exchange;
}

/* Nothing happens to its reply any more. */
static void give_affected(struct exchange *exchange)
{
    if (exchange->affected)
        worker_count_memory(worker_of_exchange(exchange), sizeof *exchange->affected, 0);
    affected_give(&exchange->affected);
}

/* Nobody needs it any more; its turn is no longer its own. */
static void end(struct exchange *exchange)
{
    struct worker *worker = worker_of_exchange(exchange);
    list_remove(&exchange->link);
    worker_count_memory(worker,
                        sizeof *exchange + sizeof(struct gt_turn) + exchange->owned.capacity, 0);
    bytes_free(&exchange->owned);
    terms_release(exchange->terms);
    give_affected(exchange);
    exchange->post->exchange_count--;
    worker->exchange_count--;
    worker_mark_post(worker, exchange->post);
    pool_give(&worker->exchanges, exchange);
}

static void end_with(struct exchange *exchange, enum turn_event event)
{
    struct worker *worker = worker_of_exchange(exchange);
    worker_count_memory(worker, exchange->turn->kept_bytes, 0);
    worker_move_turn(worker, exchange->turn, event);
    end(exchange);
}

void exchange_discard(struct exchange *exchange)
{
    worker_discard_turn(worker_of_exchange(exchange), exchange->turn);
    end(exchange);
}

void exchange_abandon(struct exchange *exchange)
{
    end_with(exchange, TURN_ORPHANED);
}

void exchange_fill(struct exchange *exchange, struct slice bytes, struct bytes *owned)
{
    exchange->answered = true;
    exchange->reply.bytes = bytes;
    if (!owned)
        return;
    exchange->owned = *owned;
    worker_count_memory(worker_of_exchange(exchange), 0, owned->capacity);
}

/* ---- effects ---- */

static void delay_over(void *owner)
{
    exchange_settle(owner);
}

/* What means nothing to a datagram. */
static void tell_ignored(struct post *post, const struct effects *effects)
{
    bool ignored = effects->drip > 0 || effects->pieces > 0 || effects->close || effects->reset;
    if (!ignored || post->told_effects)
        return;
    post->told_effects = true;
    tell(post->listener->worker->server, GT_EVENT_NOTE, GT_WARNING,
         (struct event_origin){.listener = post->listener},
         "a reply has effects that mean nothing to a datagram (drip, pieces, close, reset): it is "
         "sent without them");
}

int exchange_affect(struct exchange *exchange, const struct effects *effects)
{
    struct worker *worker = worker_of_exchange(exchange);
    struct effects known = {.delay_ns = effects->delay_ns, .truncate_size = effects->truncate_size};
    tell_ignored(exchange->post, effects);
    exchange->affected = affected_create(worker, &known, delay_over, exchange);
    if (!exchange->affected) {
        exchange->failure = -ENOMEM;
        return -ENOMEM;
    }
    worker_count_memory(worker, 0, sizeof *exchange->affected);
    return 0;
}

/* Whether the reply waits for its time. */
static bool is_delayed(struct exchange *exchange)
{
    struct slice *bytes = &exchange->reply.bytes;
    if (!exchange->affected || !exchange->answered)
        return false;
    bytes->size = affected_size(&exchange->affected->effects, bytes->size);
    return !affected_may_leave(exchange->affected, bytes->size);
}

/* ---- replies that do not leave ---- */

static void tell_dropped(const struct exchange *exchange, const char *why)
{
    struct worker *worker = worker_of_exchange(exchange);
    worker->reply_lost = true;
    counters_add(worker->counters, COUNTER_REPLIES_DROPPED, 1);
    tell(worker->server, GT_EVENT_NOTE, GT_WARNING,
         (struct event_origin){.peer = &exchange->reply.peer,
                               .listener = exchange->post->listener,
                               .reason = REASON_UNDELIVERED},
         "the reply was dropped: %s", why);
}

static void drop(struct exchange *exchange, const char *why)
{
    tell_dropped(exchange, why);
    end_with(exchange, TURN_SENT);
}

size_t exchange_held(const struct exchange *exchange)
{
    return sizeof *exchange + sizeof *exchange->turn + exchange->owned.capacity +
           exchange->turn->kept_bytes;
}

bool exchange_waits(const struct exchange *exchange)
{
    uint8_t state = exchange->turn->state;
    return state == TURN_OPEN || (state == TURN_READY && exchange->affected);
}

void exchange_relieve(struct exchange *exchange)
{
    tell_dropped(exchange, "it held most of max-memory");
    exchange_abandon(exchange);
}

static bool is_loopback(const struct peer *peer)
{
    static const uint8_t one[16] = {[15] = 1};
    if (peer->kind == PEER_IPV4)
        return peer->address[0] == 127;
    return peer->kind == PEER_IPV6 && memcmp(peer->address, one, sizeof one) == 0;
}

/* Whether the reply is larger than its request allows. */
static bool amplifies(const struct exchange *exchange)
{
    const struct peer *peer = &exchange->reply.peer;
    int64_t times = exchange->terms->settings->udp_amplification;
    if ((peer->kind != PEER_IPV4 && peer->kind != PEER_IPV6) || times == 0 || is_loopback(peer))
        return false;
    size_t headers = peer->kind == PEER_IPV4 ? IPV4_HEADERS : IPV6_HEADERS;
    return exchange->reply.bytes.size + headers >
           (exchange->request_bytes + headers) * (size_t)times;
}

void exchange_sent(struct exchange *exchange, int status)
{
    char words[128];
    struct worker *worker = worker_of_exchange(exchange);
    if (status < 0) {
        drop(exchange, error_words(-status, words, sizeof words));
        return;
    }
    counters_add(worker->counters, COUNTER_REPLIES, 1);
    counters_add(worker->counters, COUNTER_BYTES_SENT, exchange->reply.bytes.size);
    end_with(exchange, TURN_SENT);
}

void exchange_settle(struct exchange *exchange)
{
    if (exchange->turn->state != TURN_READY || is_delayed(exchange))
        return;
    give_affected(exchange); /* its time may yet come, where a server hurries: it is ready once */
    if (exchange->failure) {
        exchange_sent(exchange, exchange->failure);
    } else if (!exchange->answered) {
        end_with(exchange, TURN_SENT);
    } else if (exchange->reply.place.size == 0) {
        drop(exchange, "its sender has no name to reply to; a socket that is bound has one");
    } else if (amplifies(exchange)) {
        drop(exchange, "it is over --udp-amplification times its request");
    } else {
        list_remove(&exchange->link);
        list_append(&exchange->post->ready, &exchange->link);
        worker_mark_post(worker_of_exchange(exchange), exchange->post);
    }
}
