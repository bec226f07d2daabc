/* engine_choice.c: see engine_choice.h.
 *
 * "auto" is uring for a server that is kept and listens for streams, where the system allows it.
 * FIGURES
 *
 * Failing: an engine asked for by its name that cannot be made is an error; under auto it is told,
 * to those who want details, and epoll serves. */
#include "serve/engine_choice.h"

#include "serve/server.h"

#include <string.h>

static bool listens_for_streams(gt_server *server)
{
    struct list *listeners = &server->listeners;
    for (struct list *link = listeners->next; link != listeners; link = link->next)
        if (list_item(link, struct listener, link)->socket.type == SOCK_STREAM)
            return true;
    return false;
}

static bool ring_pays(gt_server *server)
{
    const struct settings *settings = &server->settings;
    bool kept = settings->count == 0 && settings->connections == 0;
    return kept && listens_for_streams(server);
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
