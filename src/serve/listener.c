/* listener.c: accepting, pausing, stopping.
 *
 * The happy path: accept brings a descriptor, its source has room for it (max-per-source), somebody
 * gives way if there is no place, a connection opens. One worker stops accepting with the last
 * place. Several accept one more: it waits as a guest, as it would in the kernel's queue, but so
 * that the others know that somebody waits. A guest waits, too, where all who could give way have
 * just said something: they are heard first. When descriptors or memory are out accepting would
 * fail as fast as it is tried: it pauses for 100 ms, told once, whichever listener it was, until it
 * has worked again; a connection that was accepted and has no memory is lost, and told. A listener
 * that stops cancels its accept first and closes the socket when the engine has let go of it. */
#include "serve/listener.h"

#include "serve/post.h"
#include "serve/server.h"
#include "serve/sources.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define RETRY_NS INT64_C(100000000)

/* Who gives way keeps its descriptor until the pass ends: so many of them may wait for that. */
#define ENDED_MOST 16

/* How many are looked at for one to give way. */
#define CANDIDATES_MOST 16

static void accept_done(struct op *op, int64_t result);
static void retry(struct timer *timer, int64_t now_ns);

struct listener *listener_create(const struct listening_socket *socket, struct settings *settings)
{
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        return NULL;
    list_init(&listener->link);
    list_init(&listener->guests);
    listener->socket = *socket;
    listener->first = listener;
    listener->settings = settings_keep(settings);
    listener->accept.op.done = accept_done;
    listener->retry.fire = retry;
    if (socket->type != SOCK_DGRAM)
        return listener;
    listener->post = post_create(listener);
    if (!listener->post) {
        settings_release(&listener->settings);
        free(listener);
        return NULL;
    }
    return listener;
}

static void run(struct listener *listener)
{
    listener->paused = LISTENER_RUNS;
    if (listener->post)
        post_go_on(listener->post);
    else if (!listener->closing && !listener->accept.op.active)
        engine_accept(listener->worker->engine, &listener->accept, listener->socket.fd);
}

void listener_start(struct listener *listener, struct worker *worker)
{
    listener->worker = worker;
    run(listener);
}

int listener_renew(struct listener *listener, struct settings *settings)
{
    if (listener->post && post_renew(listener->post, settings) < 0)
        return -ENOMEM;
    struct settings *former = listener->settings;
    listener->settings = settings_keep(settings);
    settings_release(&former);
    return 0;
}

void listener_pause(struct listener *listener)
{
    if (listener->paused != LISTENER_RUNS || listener->closing || listener->post)
        return;
    listener->paused = LISTENER_FULL;
    engine_cancel(listener->worker->engine, &listener->accept.op);
}

/* It is resumed when the pass ends. */
static void retry(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    list_item(timer, struct listener, retry)->paused = LISTENER_FULL;
}

static void pause_for_want(struct listener *listener, int number)
{
    struct worker *worker = listener->worker;
    char words[128];
    listener->paused = LISTENER_EXHAUSTED;
    engine_cancel(worker->engine, &listener->accept.op);
    engine_timer_set(worker->engine, &listener->retry, worker->engine->now_ns + RETRY_NS);
    if (!listener->told && !atomic_exchange(&worker->server->want_told, true))
        tell(worker->server, GT_EVENT_PAUSED, GT_WARNING,
             (struct event_origin){.listener = listener},
             "cannot accept connections for now: %s; trying again",
             error_words(number, words, sizeof words));
    listener->told = true;
}

bool listener_awaits_retry(const struct listener *listener)
{
    return timer_is_set(&listener->retry) ||
           (listener->post && timer_is_set(&listener->post->retry));
}

/* Whether it has said something, and nobody has listened so far. That is so only once: who sends a
 * byte now and then is not protected by it. */
static bool is_unheard(const struct worker *worker, const struct connection *connection)
{
    return !connection->heard && engine_unread(worker->engine, connection->fd) > 0;
}

/* Who gives way: the connection open longest without ever completing a message, but for those that
 * are unheard. NULL: of the first ones there is none; they are heard in the next pass. */
static struct connection *who_gives_way(struct worker *worker)
{
    struct list *link = worker->fresh.next;
    for (int i = 0; i < CANDIDATES_MOST && link != &worker->fresh; i++, link = link->next) {
        struct connection *connection = list_item(link, struct connection, link);
        if (!is_unheard(worker, connection))
            return connection;
    }
    return NULL;
}

/* A place for one more connection: at max-connections one gives way. */
static bool find_place(struct worker *worker)
{
    if (worker_take_place(worker))
        return true;
    struct connection *leaves = who_gives_way(worker);
    if (!leaves)
        return false;
    worker_take_over_place(worker);
    connection_end(leaves, REASON_GAVE_WAY);
    return true;
}

void listener_make_way(struct worker *worker)
{
    struct connection *leaves = worker_asked_for_place(worker) ? who_gives_way(worker) : NULL;
    if (leaves && worker_gives_way(worker))
        connection_end(leaves, REASON_GAVE_WAY);
}

/* A connection that ends before it has begun. */
static void count_refused(struct listener *listener, const struct newcomer *newcomer,
                          enum reason reason)
{
    struct worker *worker = listener->worker;
    counters_add(worker->counters, COUNTER_CONNECTIONS, 1);
    counters_add(worker->counters, COUNTER_ENDED + reason, 1);
    tell(worker->server, GT_EVENT_ENDED, GT_WARNING,
         (struct event_origin){.peer = &newcomer->peer, .listener = listener, .reason = reason},
         "ended: %s", reason_row(reason)->text);
}

/* Memory is out for this one, which is lost; the others stay in the queue for a while. */
static void lose(struct listener *listener, const struct newcomer *newcomer)
{
    count_refused(listener, newcomer, REASON_NO_MEMORY);
    pause_for_want(listener, ENOMEM);
}

/* Accepting works again. */
static void tell_resumed(struct listener *listener)
{
    if (listener->told && atomic_exchange(&listener->worker->server->want_told, false))
        tell(listener->worker->server, GT_EVENT_RESUMED, GT_NOTICE,
             (struct event_origin){.listener = listener}, "accepts connections again");
    listener->told = false;
}

/* A connection that has its place. */
static void open_connection(struct listener *listener, const struct newcomer *newcomer)
{
    struct worker *worker = listener->worker;
    worker->arrived++;
    if (!connection_open(listener, newcomer)) {
        lose(listener, newcomer);
        return;
    }
    tell_resumed(listener);
    if (worker_full(worker) || worker->ended_count >= ENDED_MOST)
        listener_pause(listener);
}

/* It finds no place. */
static void turn_away(struct worker *worker, struct newcomer newcomer)
{
    engine_close(worker->engine, newcomer.fd, false);
    sources_leave(worker->limits->sources, &newcomer.source, worker->engine->now_ns);
}

static void receive_guest(struct listener *listener, const struct newcomer *newcomer)
{
    struct guest *guest = malloc(sizeof *guest);
    if (!guest) {
        turn_away(listener->worker, *newcomer);
        lose(listener, newcomer);
        return;
    }
    tell_resumed(listener);
    *guest = (struct guest){.newcomer = *newcomer};
    list_append(&listener->guests, &guest->link);
    listener->worker->arrived++;
    listener->worker->guest_count++;
    listener_pause(listener);
}

static struct newcomer take_guest(struct listener *listener)
{
    struct guest *guest = list_item(list_take(&listener->guests), struct guest, link);
    struct newcomer newcomer = guest->newcomer;
    listener->worker->guest_count--;
    free(guest);
    return newcomer;
}

static void turn_guests_away(struct listener *listener)
{
    while (!list_empty(&listener->guests))
        turn_away(listener->worker, take_guest(listener));
}

static void admit_guests(struct listener *listener)
{
    bool unwanted = listener->closing || listener->worker->phase >= WORKER_FINISHING;
    while (!unwanted && !list_empty(&listener->guests) && find_place(listener->worker)) {
        struct newcomer newcomer = take_guest(listener);
        open_connection(listener, &newcomer);
    }
}

void listener_resume(struct listener *listener)
{
    admit_guests(listener);
    if (listener->paused == LISTENER_FULL && list_empty(&listener->guests) &&
        !worker_full(listener->worker))
        run(listener);
}

/* Its source has as many connections as it may. It has taken no place, and nobody has made room. */
static void refuse(struct listener *listener, const struct newcomer *newcomer)
{
    count_refused(listener, newcomer, REASON_PER_SOURCE);
    turn_away(listener->worker, *newcomer);
}

static bool source_has_room(const struct worker *worker, struct newcomer *newcomer)
{
    struct sources *sources = worker->limits->sources;
    return !sources ||
           sources_enter(sources, &newcomer->peer, worker->engine->now_ns, &newcomer->source);
}

static void accepted(struct listener *listener, int fd)
{
    struct worker *worker = listener->worker;
    struct newcomer newcomer = {.fd = fd, .peer = listener->accept.peer};
    if (!source_has_room(worker, &newcomer))
        refuse(listener, &newcomer);
    else if (find_place(worker))
        open_connection(listener, &newcomer);
    else
        receive_guest(listener, &newcomer);
}

static void accept_done(struct op *op, int64_t result)
{
    struct listener *listener = list_item(op, struct listener, accept.op);
    bool unwanted = listener->closing || listener->worker->phase >= WORKER_FINISHING;
    if (result >= 0 && unwanted)
        engine_close(listener->worker->engine, (int)result, false);
    else if (result >= 0)
        accepted(listener, (int)result);
    else if (result != -ECANCELED)
        pause_for_want(listener, (int)-result);
    else if (listener->paused == LISTENER_RUNS)
        run(listener);
}

static void close_socket(struct listener *listener)
{
    int fd = listener->socket.fd;
    if (fd < 0)
        return;
    socket_remove_file(&listener->socket);
    if (listener->worker)
        engine_close(listener->worker->engine, fd, false);
    else
        close(fd);
    listener->socket.fd = -1;
}

bool listener_stop(struct listener *listener)
{
    listener->closing = true;
    if (listener->worker) {
        turn_guests_away(listener);
        engine_timer_stop(listener->worker->engine, &listener->retry);
        engine_cancel(listener->worker->engine, &listener->accept.op);
    }
    if (listener->post && !post_stop(listener->post))
        return !listener->post->receive.op.active;
    if (listener->accept.op.active)
        return false;
    close_socket(listener);
    return true;
}

void listener_free(struct listener *listener)
{
    listener_stop(listener);
    list_remove(&listener->link);
    post_free(&listener->post);
    settings_release(&listener->settings);
    settings_release(&listener->renewed);
    free(listener);
}
