/* host.c: see host.h. */
#include "serve/host.h"

#include "reply/command.h"
#include "serve/server.h"

#include <stdio.h>

static struct engine *engine_of(void *owner, unsigned worker)
{
    const gt_server *server = owner;
    return server->crew.workers[worker].engine;
}

static struct command_room *commands_of(void *owner, unsigned worker)
{
    const gt_server *server = owner;
    return server->crew.workers[worker].commands;
}

static void tell_text(void *owner, enum gt_level level, const struct peer *peer,
                      const char *listener, const char *text)
{
    gt_server *server = owner;
    char name[PEER_NAME_SIZE], line[1280];
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

/* How many commands run at once are shared out: each worker has as many, or one more. */
static unsigned share_of(const gt_server *server, unsigned worker)
{
    unsigned most = (unsigned)server->settings.exec_max;
    unsigned workers = server->crew.size;
    unsigned share = most / workers + (worker < most % workers);
    return share > 0 ? share : 1;
}

static int open_rooms(gt_server *server)
{
    struct crew *crew = &server->crew;
    if (server->runs_commands && server->settings.exec_max < (int64_t)crew->size)
        return error_set(&server->error, GT_WRONG,
                         "--exec-max %d: each of the %u workers needs one at least",
                         (int)server->settings.exec_max, crew->size);
    for (unsigned i = 0; i < crew->size; i++) {
        crew->workers[i].commands = command_room_create(&server->host, i, share_of(server, i));
        if (!crew->workers[i].commands)
            return error_set(&server->error, GT_FAILED, "memory is out for commands");
    }
    return GT_DONE;
}

int host_open(gt_server *server)
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
                                       .tell = tell_text,
                                       .commands = commands_of};
    host_add_turns(&server->host);
    return open_rooms(server);
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
