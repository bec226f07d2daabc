/* tell.c: everything the library has to say goes through one callback; that connections come and
 * go, for those who keep something for each, through two more.
 *
 * Workers tell from threads of their own. Events are one story: they come one at a time, under a
 * lock. What happens to a connection is its worker's business, and needs none. */
#include "serve/server.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const event_names[] = {
    [GT_EVENT_LISTENING] = "listening", [GT_EVENT_READY] = "ready",
    [GT_EVENT_CONNECTED] = "connected", [GT_EVENT_ENDED] = "ended",
    [GT_EVENT_PAUSED] = "paused",       [GT_EVENT_RESUMED] = "resumed",
    [GT_EVENT_STOPPING] = "stopping",   [GT_EVENT_FAILED] = "failed",
    [GT_EVENT_NOTE] = "note",           [GT_EVENT_COUNTERS] = "counters",
};

/* "127.0.0.1:40312" or, without a peer, the listener's name; NULL without either. */
static const char *subject(struct event_origin origin, char name[PEER_NAME_SIZE])
{
    if (origin.peer)
        return peer_name(origin.peer, name);
    return origin.listener ? origin.listener->socket.name : NULL;
}

int tell_open(gt_server *server)
{
    pthread_mutexattr_t attributes;
    int number = pthread_mutexattr_init(&attributes);
    if (number == 0) {
        pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
        number = pthread_mutex_init(&server->told_lock, &attributes);
        pthread_mutexattr_destroy(&attributes);
    }
    return number ? GT_FAILED : GT_DONE;
}

void tell_close(gt_server *server)
{
    pthread_mutex_destroy(&server->told_lock);
}

void tell_event(gt_server *server, const struct gt_event *event)
{
    pthread_mutex_lock(&server->told_lock);
    server->told(event, server->told_context);
    pthread_mutex_unlock(&server->told_lock);
}

void tell(gt_server *server, enum gt_event_kind kind, enum gt_level level,
          struct event_origin origin, const char *format, ...)
{
    if (!server->told || level > server->told_level)
        return;
    char peer[PEER_NAME_SIZE];
    char text[1024];
    const char *who = subject(origin, peer);
    int length = who ? snprintf(text, sizeof text, "%s: ", who) : 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, sizeof text - (size_t)length, format, arguments);
    va_end(arguments);
    struct gt_event event = {
        .kind = kind,
        .level = level,
        .name = event_names[kind],
        .text = text,
        .reason = origin.reason == REASON_NONE ? NULL : reason_row(origin.reason)->word,
        .peer = origin.peer ? who : NULL,
        .listener = origin.listener ? origin.listener->socket.name : NULL};
    tell_event(server, &event);
}

/* Its public name. */
static gt_connection *handle_of(struct connection *connection)
{
    return (gt_connection *)(void *)connection;
}

void tell_opened(struct connection *connection)
{
    const gt_server *server = worker_of(connection)->server;
    if (server->on_connection.opened)
        server->on_connection.opened(handle_of(connection), server->on_connection.context);
}

void tell_ended(struct connection *connection)
{
    const gt_server *server = worker_of(connection)->server;
    if (server->on_connection.ended)
        server->on_connection.ended(handle_of(connection), server->on_connection.context);
}
