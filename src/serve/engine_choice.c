/* engine_choice.c: see engine_choice.h.
 *
 * "auto" is uring for a server that is kept and listens on TCP, where the system allows it. CPU per
 * message (32 bytes in, 20 out, server and load on a CPU each), epoll against uring, in
 * microseconds: TCP, 64 connections, one message in flight 3.69 : 3.46, sixteen 0.250 : 0.224;
 * 10,000 connections 5.49 : 5.07 and 0.357 : 0.305. A Unix socket, 64 connections: 2.07 : 2.29
 * (2.20 with registered descriptors), so it is left to epoll; datagrams are epoll's in either. A
 * server that is to end soon does not pay for a ring. */
#include "serve/engine_choice.h"

#include "serve/server.h"

#include <string.h>

static bool listens_on_tcp(gt_server *server)
{
    struct list *listeners = &server->listeners;
    for (struct list *link = listeners->next; link != listeners; link = link->next) {
        const struct listening_socket *socket = &list_item(link, struct listener, link)->socket;
        if (socket->type == SOCK_STREAM && socket->family != AF_UNIX)
            return true;
    }
    return false;
}

static bool ring_pays(gt_server *server)
{
    const struct settings *settings = &server->settings;
    bool kept = settings->count == 0 && settings->connections == 0;
    return kept && listens_on_tcp(server);
}

static struct engine *try_uring(gt_server *server)
{
    static const struct event_origin nobody = {.reason = REASON_NONE};
    struct error error = {0};
    struct engine *engine = engine_create("uring", &error);
    if (!engine)
        tell(server, GT_EVENT_NOTE, GT_DETAIL, nobody, "%s; epoll serves", error.text);
    return engine;
}

struct engine *engine_choose(gt_server *server, struct error *error)
{
    const char *name = server->settings.engine;
    if (strcmp(name, "auto") != 0)
        return engine_create(name, error);
    struct engine *engine = ring_pays(server) ? try_uring(server) : NULL;
    return engine ? engine : engine_create("epoll", error);
}

struct engine *engine_choose_alike(gt_server *server, const struct engine *first,
                                   struct error *error)
{
    bool may_differ = strcmp(server->settings.engine, "auto") == 0;
    struct engine *engine = engine_create(first->table->name, may_differ ? NULL : error);
    if (!engine && may_differ)
        engine = engine_create("epoll", error);
    if (engine)
        engine->spin_ns = first->spin_ns;
    return engine;
}
