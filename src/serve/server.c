/* server.c: the library's calls, except those that reply (answer.c).
 *
 * The happy path: create, set, listen (the sockets are open from then on), run. Every call leaves
 * its error as a sentence in the server. See run.c for what gt_run does. */
#include "serve/server.h"

#include "reply/outcome.h"
#include "serve/answer.h"
#include "serve/socket.h"
#include "serve/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *gt_version(void)
{
    return GOODTALK_VERSION;
}

gt_server *gt_create(void)
{
    gt_server *server = calloc(1, sizeof *server);
    if (!server)
        return NULL;
    list_init(&server->listeners);
    server->outlet.fd = -1;
    answer_by_callback(server);
    if (tell_open(server) != GT_DONE) {
        free(server);
        return NULL;
    }
    if (settings_init(&server->settings, &server->error) != GT_DONE)
        gt_free(&server);
    return server;
}

int gt_set(gt_server *server, const char *name, const char *value)
{
    return settings_set(&server->settings, name, value, &server->error);
}

void gt_on_message(gt_server *server, gt_message_fn *heard, void *context)
{
    server->callback.heard = heard;
    server->callback.context = context;
}

void gt_on_event(gt_server *server, enum gt_level level, gt_event_fn *told, void *context)
{
    server->told = told;
    server->told_level = level;
    server->told_context = context;
}

const char *gt_error(const gt_server *server)
{
    return server->error.status ? server->error.text : "";
}

/* ---- listening ---- */

/* Sockets of datagrams and packets have a framing of their own. */
static int add_listener(gt_server *server, const struct listening_socket *socket,
                        struct settings *settings)
{
    struct settings *sealed = settings_keep(settings);
    if (socket->type != SOCK_STREAM) {
        settings_release(&sealed);
        sealed = settings_seal(&server->settings, FRAMING_PACKETS, &server->error);
    }
    if (!sealed)
        return server->error.status;
    struct listener *listener = listener_create(socket, sealed);
    settings_release(&sealed);
    if (!listener)
        return error_set(&server->error, GT_FAILED, "cannot listen on %s: out of memory",
                         socket->name);
    list_append(&server->listeners, &listener->link);
    return GT_DONE;
}

static bool listens_on(gt_server *server, int fd)
{
    struct list *link = server->listeners.next;
    for (; link != &server->listeners; link = link->next)
        if (list_item(link, struct listener, link)->socket.fd == fd)
            return true;
    return false;
}

/* A descriptor handed in twice (fd:3 and systemd) would be closed twice. Those opened here are new;
 * so it is enough to look afterwards, and nothing is to be closed. */
static int check_new(gt_server *server, const struct listening_socket *sockets, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (listens_on(server, sockets[i].fd))
            return error_set(&server->error, GT_WRONG, "fd:%d: is listened on already (%s)",
                             sockets[i].fd, sockets[i].name);
    return GT_DONE;
}

static void tell_listening(gt_server *server, const struct listener *listener)
{
    tell(server, GT_EVENT_LISTENING, GT_NOTICE, (struct event_origin){.listener = listener},
         "listening");
}

/* The first of these sockets have listeners, the others not: close them all. */
static void drop_sockets(gt_server *server, const struct listening_socket *sockets, unsigned count,
                         unsigned taken)
{
    for (unsigned i = 0; i < taken; i++)
        listener_free(list_item(server->listeners.previous, struct listener, link));
    for (unsigned i = taken; i < count; i++) {
        socket_remove_file(&sockets[i]);
        close(sockets[i].fd);
    }
}

/* Take over the sockets: all of them, or none and they are closed. */
static int add_listeners(gt_server *server, const struct listening_socket *sockets, unsigned count,
                         struct settings *settings)
{
    for (unsigned i = 0; i < count; i++) {
        if (add_listener(server, &sockets[i], settings) == GT_DONE)
            continue;
        drop_sockets(server, sockets, count, i);
        return GT_FAILED;
    }
    struct list *link = server->listeners.previous;
    for (unsigned i = 1; i < count; i++)
        link = link->previous;
    for (; link != &server->listeners; link = link->next)
        tell_listening(server, list_item(link, struct listener, link));
    return GT_DONE;
}

int gt_listen(gt_server *server, const char *text)
{
    struct address address;
    int status =
        address_parse(&address, text, (enum address_family)server->settings.family, &server->error);
    if (status != GT_DONE)
        return status;
    struct settings *settings = settings_seal(&server->settings, FRAMING_STREAM, &server->error);
    if (!settings)
        return server->error.status;
    struct listening_socket sockets[SOCKETS_MAX];
    unsigned count = 0;
    status = sockets_open(&address, settings, sockets, &count, &server->error);
    if (status == GT_DONE)
        status = check_new(server, sockets, count);
    if (status == GT_DONE)
        status = add_listeners(server, sockets, count, settings);
    settings_release(&settings);
    return status;
}

int server_listen_on(gt_server *server, int fd, int type, const char *name)
{
    enum framing_kind framing = type == SOCK_STREAM ? FRAMING_STREAM : FRAMING_PACKETS;
    struct settings *settings = settings_seal(&server->settings, framing, &server->error);
    if (!settings)
        return server->error.status;
    struct listening_socket socket = {.fd = fd, .type = type};
    snprintf(socket.name, sizeof socket.name, "%s", name);
    int status = add_listener(server, &socket, settings);
    settings_release(&settings);
    return status;
}

/* ---- the end ---- */

static void wake(gt_server *server)
{
    struct engine *engine = atomic_load(&server->engine);
    if (engine)
        engine_wake(engine);
}

void gt_stop(gt_server *server)
{
    atomic_fetch_add(&server->stops, 1);
    wake(server);
}

int gt_reload(gt_server *server)
{
    if (!atomic_load(&server->reloadable))
        return 0;
    atomic_fetch_add(&server->reloads, 1);
    wake(server);
    return 1;
}

void gt_tell_counters(gt_server *server)
{
    atomic_fetch_add(&server->counters_asked, 1);
    wake(server);
}

void gt_free(gt_server **handle)
{
    gt_server *server = *handle;
    if (!server)
        return;
    *handle = NULL;
    server_abandon(server);
    while (!list_empty(&server->listeners))
        listener_free(list_item(server->listeners.next, struct listener, link));
    crew_free(server);
    struct outcome *outcome = atomic_exchange(&server->outcome, NULL);
    outcome_destroy(&outcome);
    struct engine *engine = atomic_exchange(&server->engine, NULL);
    if (engine)
        engine_destroy(&engine);
    sources_destroy(&server->limits.sources);
    settings_clear(&server->settings);
    tell_close(server);
    free(server);
}
