/* crew.c: workers opened, started on their threads, ordered about, waited for.
 *
 * The happy path: every worker is opened by the thread that runs the server, with an engine, a
 * recorder and listeners of its own; the threads are started and wait at a gate; when all are there
 * it opens, and each begins to accept. At the end of each pass a worker looks whether there is an
 * order. One that is over wakes worker 0, which waits for all of them.
 *
 * An engine is made here, but nothing is submitted to it and no pass done before it is on its
 * worker's thread: it belongs to that one.
 *
 * Ways to fail. Something cannot be opened, or a thread not be started: those that wait at the gate
 * go home, and the run does not begin. Later a worker's engine or recorder fails: it notes why and
 * wakes worker 0, which lets the others finish.
 *
 * Signals are for the thread that runs the server, or whichever the application has: the others
 * block all of them. */
#include "reply/command.h"
#include "serve/answer.h"
#include "serve/engine_choice.h"
#include "serve/pass.h"
#include "serve/recording.h"
#include "serve/reload.h"
#include "serve/server.h"
#include "serve/socket.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

unsigned crew_size_auto(void)
{
    cpu_set_t usable;
    int count = sched_getaffinity(0, sizeof usable, &usable) == 0 ? CPU_COUNT(&usable) : 1;
    if (count < 1)
        return 1;
    return count < CREW_MOST ? (unsigned)count : CREW_MOST;
}

/* ---- opening ---- */

/* Open the next worker: on this engine, or on one of its own. */
static int open_worker(gt_server *server, struct engine *given, bool alone)
{
    struct crew *crew = &server->crew;
    struct recorder *recorder = NULL;
    struct engine *engine = given;
    if (!engine)
        engine = engine_choose_alike(server, crew->workers[0].engine, &server->error);
    if (!engine)
        return server->error.status;
    int status = recording_open(server, engine, crew->size, alone, &recorder);
    if (status != GT_DONE) {
        if (!given)
            engine_destroy(&engine);
        return status;
    }
    struct worker *worker = &crew->workers[crew->size];
    status = worker_open(worker, server, engine, recorder, &server->error);
    worker->number = crew->size++;
    worker->phase = WORKER_OVER; /* until it begins */
    return status;
}

/* Another worker's listener on what this one listens on. */
static int share_listener(gt_server *server, struct listener *first, struct worker *worker)
{
    struct listening_socket socket;
    int status = socket_share(&first->socket, first->settings, &socket, &server->error);
    if (status != GT_DONE)
        return status;
    struct listener *listener = listener_create(&socket, first->settings);
    if (!listener) {
        close(socket.fd);
        return error_set(&server->error, GT_FAILED, "cannot listen on %s: out of memory",
                         socket.name);
    }
    listener->first = first;
    list_append(&worker->listeners, &listener->link);
    return GT_DONE;
}

/* Datagrams of a socket that is one for all would be taken by whoever is quicker, and those of one
 * sender out of their order: they are worker 0's. */
static bool is_shared(const struct listening_socket *socket)
{
    return socket->type != SOCK_DGRAM || socket_multiplies(socket);
}

static int share_listeners(gt_server *server)
{
    int status = GT_DONE;
    struct crew *crew = &server->crew;
    struct list *listeners = &crew->workers[0].listeners;
    list_splice(listeners, &server->listeners);
    for (struct list *link = listeners->next; link != listeners; link = link->next) {
        struct listener *listener = list_item(link, struct listener, link);
        bool shared = is_shared(&listener->socket);
        for (unsigned i = 1; shared && status == GT_DONE && i < crew->size; i++)
            status = share_listener(server, listener, &crew->workers[i]);
    }
    return status;
}

int crew_open(gt_server *server, unsigned size, struct engine *first)
{
    struct crew *crew = &server->crew;
    crew->workers = aligned_alloc(CACHE_LINE, size * sizeof *crew->workers);
    if (!crew->workers)
        return error_set(&server->error, GT_FAILED, "no memory for %u workers", size);
    int number = pthread_mutex_init(&crew->lock, NULL);
    if (number == 0)
        number = pthread_cond_init(&crew->opened, NULL);
    if (number == 0)
        number = outlet_lock_open(&crew->outlet_lock);
    if (number == 0)
        number = outlet_lock_open(&crew->log_lock);
    int status = number ? error_errno(&server->error, number, "cannot make a lock")
                        : recording_prepare(server);
    for (unsigned i = 0; status == GT_DONE && i < size; i++)
        status = open_worker(server, i == 0 ? first : NULL, size == 1);
    if (status == GT_DONE)
        status = share_listeners(server);
    atomic_store(&crew->countable, crew->size);
    return status;
}

/* ---- orders ---- */

/* The first failure of a worker stands. A write that is cancelled as the server leaves is not one
 * of its own, and not one of the others who find the outlet broken. */
static void note_failure(struct worker *worker, const struct error *error)
{
    if (atomic_load(&worker->failed) || error->number == ECANCELED)
        return;
    worker->failure = *error;
    atomic_store(&worker->failed, true);
    atomic_store(&worker->server->crew.failed, true);
    engine_wake(worker->server->crew.workers[0].engine);
}

static void engine_failed(struct worker *worker, int number)
{
    struct error error = {0};
    error_errno(&error, number, "the %s engine failed", worker->engine->table->name);
    note_failure(worker, &error);
    pass_abandon(worker, REASON_ABANDONED);
}

static void obey(struct worker *worker)
{
    unsigned order = atomic_load(&worker->server->crew.order);
    if (worker_over(worker))
        return;
    worker->obeyed = order;
    if (order == ORDER_DRAIN)
        pass_drain(worker);
    if (order == ORDER_FINISH) {
        pass_limit_drain(worker);
        pass_finish(worker, REASON_DRAINED);
        pass_hurry(worker);
    }
    if (order == ORDER_ABANDON)
        pass_abandon(worker, REASON_ABANDONED);
}

int crew_pass(struct worker *worker, int64_t wait_ns)
{
    int result = pass_run(worker, wait_ns);
    if (result < 0)
        engine_failed(worker, -result);
    if (worker->recording_failed)
        note_failure(worker, &worker->recorder->failure);
    if (atomic_load(&worker->server->crew.order) != worker->obeyed)
        obey(worker);
    recording_obey(worker);
    reload_obey(worker);
    return result;
}

void crew_give_order(gt_server *server, enum crew_order order)
{
    struct crew *crew = &server->crew;
    if (atomic_load(&crew->order) >= (unsigned)order)
        return;
    atomic_store(&crew->order, order);
    obey(&crew->workers[0]);
    worker_wake_others(&crew->workers[0]);
}

const struct error *crew_failure(const gt_server *server)
{
    const struct crew *crew = &server->crew;
    for (unsigned i = 0; i < crew->size; i++)
        if (atomic_load(&crew->workers[i].failed))
            return &crew->workers[i].failure;
    return NULL;
}

/* ---- threads ---- */

static bool pass_gate(struct crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    while (crew->gate == GATE_CLOSED)
        pthread_cond_wait(&crew->opened, &crew->lock);
    bool open = crew->gate == GATE_OPEN;
    pthread_mutex_unlock(&crew->lock);
    return open;
}

static void set_gate(struct crew *crew, enum crew_gate gate)
{
    pthread_mutex_lock(&crew->lock);
    crew->gate = gate;
    pthread_cond_broadcast(&crew->opened);
    pthread_mutex_unlock(&crew->lock);
}

static void *work(void *context)
{
    struct worker *worker = context;
    struct crew *crew = &worker->server->crew;
    if (!pass_gate(crew))
        return NULL;
    pass_begin(worker);
    while (!worker_over(worker))
        crew_pass(worker, -1);
    atomic_fetch_sub(&crew->running, 1);
    engine_wake(crew->workers[0].engine);
    return NULL;
}

static int start_threads(struct crew *crew)
{
    int number = 0;
    for (unsigned i = 1; number == 0 && i < crew->size; i++) {
        number = pthread_create(&crew->workers[i].thread, NULL, work, &crew->workers[i]);
        crew->started += number == 0;
    }
    return number;
}

int crew_start(gt_server *server)
{
    struct crew *crew = &server->crew;
    sigset_t all, before;
    if (crew->size == 1)
        return GT_DONE;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = start_threads(crew);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (number == 0)
        return GT_DONE;
    unsigned missing = crew->started + 1;
    set_gate(crew, GATE_OFF);
    crew_join(server);
    error_errno(&server->error, number, "cannot start worker %u of %u", missing + 1, crew->size);
    if (number == EAGAIN)
        error_append(&server->error, "; fewer --workers, or a higher limit of processes, would do");
    return GT_FAILED;
}

void crew_go(gt_server *server)
{
    struct crew *crew = &server->crew;
    atomic_store(&crew->running, crew->started);
    pass_begin(&crew->workers[0]);
    set_gate(crew, GATE_OPEN);
}

bool crew_over(const gt_server *server)
{
    return worker_over(&server->crew.workers[0]) && atomic_load(&server->crew.running) == 0;
}

void crew_join(gt_server *server)
{
    struct crew *crew = &server->crew;
    for (; crew->started > 0; crew->started--)
        pthread_join(crew->workers[crew->started].thread, NULL);
}

/* ---- the end ---- */

static void free_worker(struct worker *worker)
{
    while (!list_empty(&worker->listeners))
        listener_free(list_item(worker->listeners.next, struct listener, link));
    answer_collect(worker);
    command_room_destroy(&worker->commands);
    worker_close(worker);
    if (worker->number > 0)
        engine_destroy(&worker->engine);
}

void crew_free(gt_server *server)
{
    struct crew *crew = &server->crew;
    if (!crew->workers)
        return;
    atomic_store(&crew->countable, 0);
    for (; crew->size > 0; crew->size--)
        free_worker(&crew->workers[crew->size - 1]);
    recording_close(server);
    outlet_lock_close(&crew->outlet_lock);
    outlet_lock_close(&crew->log_lock);
    pthread_cond_destroy(&crew->opened);
    pthread_mutex_destroy(&crew->lock);
    free(crew->workers);
    crew->workers = NULL;
}
