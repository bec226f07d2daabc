/* server.c: the library's calls, except those that reply (answer.c).
 *
 * The happy path: create, set, listen (the sockets are open from then on), run. Every call leaves
 * its error as a sentence in the server. See run.c for what gt_run does. */
#include "serve/server.h"

#include "reply/outcome.h"
#include "reply/talk.h"
#include "serve/answer.h"
#include "serve/draft.h"
#include "serve/sources.h"

#include <stdlib.h>
#include <string.h>

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
    list_init(&server->origins);
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

/* ---- settings ---- */

/* A talk file is read at once; it stands where "talk" is set. */
static int set_talk(gt_server *server, const char *path)
{
    struct talk *talk;
    struct settings draft;
    struct given_settings given = {0};
    int status = draft_read_talk(&server->settings, path, &talk, &server->error);
    if (status != GT_DONE)
        return status;
    status = given_copy(&given, &server->given, &server->error);
    if (status == GT_DONE)
        status = given_note(&given, "talk", path, &server->error);
    if (status == GT_DONE)
        status = draft_compose(&draft, &(struct draft_parts){.given = &given, .talk = talk},
                               &server->error);
    if (status != GT_DONE) {
        given_free(&given);
        talk_release(&talk);
        return status;
    }
    settings_clear(&server->settings);
    given_free(&server->given);
    talk_release(&server->talk);
    server->settings = draft;
    server->given = given;
    server->talk = talk;
    return GT_DONE;
}

/* What would silence a talk file is refused, and the file goes on counting. */
static int set(gt_server *server, const char *name, const char *value)
{
    int64_t before = server->settings.reply_source;
    int status = settings_set(&server->settings, name, value, &server->error);
    if (status == GT_DONE)
        status = draft_check_heard(&server->settings, server->talk, before, name, &server->error);
    if (status != GT_DONE)
        server->settings.reply_source = before;
    return status;
}

int gt_set(gt_server *server, const char *name, const char *value)
{
    if (strcmp(name, "talk") == 0 && value && *value)
        return set_talk(server, value);
    int status = set(server, name, value);
    return status == GT_DONE ? given_note(&server->given, name, value, &server->error) : status;
}

int gt_given_at(const gt_server *server, size_t index, const char **name, const char **value)
{
    struct given_setting at;
    if (!given_at(&server->given, server->talk, index, &at))
        return 0;
    *name = at.name;
    *value = at.value;
    return 1;
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
    struct engine *engine = atomic_exchange(&server->engine, NULL);
    if (engine)
        engine_destroy(&engine);
    sources_destroy(&server->limits.sources);
    settings_clear(&server->settings);
    given_free(&server->given);
    given_free(&server->lasting);
    while (!list_empty(&server->origins))
        origin_free(list_item(server->origins.next, struct origin, link));
    talk_release(&server->talk);
    struct outcome *outcome = atomic_exchange(&server->outcome, NULL);
    outcome_destroy(&outcome);
    tell_close(server);
    free(server);
}
