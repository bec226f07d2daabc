/* A server on libevent, as its manual shows: a connection listener and a bufferevent for each
 * connection. */
#include "talk.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdlib.h>

static struct talk talk;

static void ended(struct bufferevent *connection, short events, void *context)
{
    (void)events, (void)context;
    bufferevent_free(connection);
}

/* Its reply has left, which is asked for only where that ends the connection. */
static void written(struct bufferevent *connection, void *context)
{
    (void)context;
    bufferevent_free(connection);
}

static void readable(struct bufferevent *connection, void *context)
{
    static char data[TALK_RECEIVE_SIZE];
    (void)context;
    size_t count = 0, got;
    while ((got = bufferevent_read(connection, data, sizeof data)) > 0)
        count += talk_messages(data, got);
    if (count == 0)
        return;
    bufferevent_write(connection, talk_replies(count), count * TALK_REPLY_SIZE);
    if (talk.close)
        bufferevent_setcb(connection, NULL, written, ended, NULL);
}

static void connected(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
                      int size, void *context)
{
    (void)peer, (void)size, (void)context;
    struct bufferevent *connection =
        bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    if (!connection)
        talk_fail("bufferevent");
    bufferevent_setcb(connection, readable, NULL, ended, NULL);
    bufferevent_enable(connection, EV_READ | EV_WRITE);
}

int main(int argc, char **argv)
{
    talk = talk_start(argc, argv);
    struct event_base *base = event_base_new();
    struct evconnlistener *listener =
        base ? evconnlistener_new(base, connected, NULL, LEV_OPT_CLOSE_ON_FREE, 0, talk.listener)
             : NULL;
    if (!listener)
        talk_fail("libevent");
    return event_base_dispatch(base);
}
