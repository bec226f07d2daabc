/* host.c: see host.h. */
#include "serve/host.h"

#include "serve/server.h"

#include <stdio.h>

static struct engine *engine_of(void *owner, unsigned worker)
{
    const gt_server *server = owner;
    return server->crew.workers[worker].engine;
}

static void tell_text(void *owner, enum gt_level level, const struct peer *peer,
                      const char *listener, const char *text)
{
    gt_server *server = owner;
    char name[PEER_NAME_SIZE], line[1024];
    if (!server->told || level > server->told_level)
        return;
    const char *who = peer ? peer_name(peer, name) : listener;
    snprintf(line, sizeof line, "%s%s%s", who ? who : "", who ? ": " : "", text);
    struct gt_event event = {.kind = GT_EVENT_NOTE,
                             .level = level,
                             .name = "note",
                             .text = line,
                             .peer = peer ? who : NULL,
                             .listener = listener};
    tell_event(server, &event);
}

void host_open(gt_server *server)
{
    const struct settings *settings = &server->settings;
    draft_bounds(settings, &server->bounds);
    server->host = (struct reply_host){.owner = server,
                                       .workers = server->crew.size,
                                       .seed = settings->seed >= 0
                                                   ? (uint64_t)settings->seed
                                                   : engine_random(atomic_load(&server->engine)),
                                       .bounds = &server->bounds,
                                       .match_bytes = (size_t)settings->match_bytes,
                                       .strict = settings->strict,
                                       .outcome = atomic_load(&server->outcome),
                                       .engine = engine_of,
                                       .tell = tell_text};
}

int host_prepare(gt_server *server, struct settings *sealed, struct error *error)
{
    struct replier *replier = sealed->replier;
    return replier->table->prepare ? replier->table->prepare(replier, &server->host, error)
                                   : GT_DONE;
}

int host_prepare_all(gt_server *server)
{
    int status = GT_DONE;
    struct list *listeners = &server->crew.workers[0].listeners;
    for (struct list *link = listeners->next; status == GT_DONE && link != listeners;
         link = link->next)
        status =
            host_prepare(server, list_item(link, struct listener, link)->settings, &server->error);
    return status;
}
