/* client_connector.c: the places of an address are tried one after the other; a round that found
 * nobody is repeated, while --wait lasts, sooner at first and then less often.
 *
 * Only reasons that a starting server removes are worth waiting for: nothing listens there, the
 * Unix socket does not exist yet, its queue is full; nobody knows the name of its host, as where a
 * container gets its name when it starts. The error is that of the last place.
 *
 * The surprise: whoever keeps connecting to a free port of the machine's own range will one day be
 * given that very port to connect from, and is then connected to himself. That is nobody too. */
#include "tool/client_connector.h"

#include "base/peer.h"
#include "base/units.h"

#include <errno.h>
#include <goodtalk.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FIRST_DELAY_NS INT64_C(10000000)
#define MOST_DELAY_NS  INT64_C(250000000)

/* ---- what is said ---- */

/* "port 9999" for a bare number, else as it was written. */
static void describe(const struct target *target, char *text, size_t size)
{
    bool bare = target->written[strspn(target->written, "0123456789")] == '\0';
    snprintf(text, size, "%s%s", bare ? "port " : "", target->shown);
}

char *connector_describe(const struct connector *connector, char *text, size_t size)
{
    char name[PEER_NAME_SIZE];
    const struct place *last = &connector->connect.to;
    describe(connector->target, text, size);
    if (last->size == 0 || last->any.sa_family == AF_UNIX)
        return text;
    struct peer peer = peer_of_sockaddr(&last->any, last->size);
    size_t length = strlen(text);
    if (!strstr(text, peer_name(&peer, name)))
        snprintf(text + length, size - length, " (%s)", name);
    return text;
}

const char *connector_reason(const struct connector *connector, char *text, size_t size)
{
    if (connector->number == CONNECTOR_NO_HOST)
        return connector->lookup.text;
    return error_words(connector->number, text, size);
}

/* Whether a server that starts removes this reason. */
static bool may_pass(int number)
{
    return number == ECONNREFUSED || number == ENOENT || number == ECONNRESET || number == EAGAIN;
}

static void advise(struct connector *connector)
{
    char time[32];
    if (may_pass(connector->number) && connector->wait_ns < 0)
        error_append(&connector->error, "; is the server running? --wait 5s waits for it");
    else if (connector->expired)
        error_append(&connector->error, "; waited %s",
                     units_duration_words(time, sizeof time, connector->wait_ns));
    else if (connector->number == EPROTOTYPE)
        error_append(&connector->error,
                     "; the socket is of another kind: unix:, unixpacket: or unixgram:");
}

static void give_up(struct connector *connector)
{
    char what[300];
    engine_timer_stop(connector->engine, &connector->deadline);
    if (connector->number == CONNECTOR_NO_HOST)
        connector->error = connector->lookup;
    else
        error_errno(&connector->error, connector->number ? connector->number : ETIMEDOUT,
                    "cannot connect to %s", connector_describe(connector, what, sizeof what));
    advise(connector);
}

/* ---- one place ---- */

static int open_socket(const struct target *target, int family)
{
    static const int types[] = {[TRANSPORT_STREAM] = SOCK_STREAM,
                                [TRANSPORT_PACKETS] = SOCK_SEQPACKET,
                                [TRANSPORT_DATAGRAMS] = SOCK_DGRAM};
    int on = 1;
    int fd = socket(family, types[target->transport] | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && target->address.kind == ADDRESS_TCP)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd < 0 ? -errno : fd;
}

/* A Unix datagram is replied to only where its sender has a name: the system finds one. */
static int take_name(int fd)
{
    const struct sockaddr_un unnamed = {.sun_family = AF_UNIX};
    return bind(fd, (const struct sockaddr *)&unnamed, sizeof unnamed.sun_family) ? -errno : 0;
}

int connector_socket(const struct target *target, const struct place *place)
{
    int fd = open_socket(target, place->any.sa_family);
    int result = fd >= 0 && target->address.kind == ADDRESS_UNIXGRAM ? take_name(fd) : 0;
    if (result < 0)
        close(fd);
    return result < 0 ? result : fd;
}

static void close_socket(struct connector *connector)
{
    if (connector->fd >= 0)
        engine_close(connector->engine, connector->fd, false);
    connector->fd = -1;
    connector->connected = false;
}

/* Begin to connect to a place: 0 or -errno. */
static int try_place(struct connector *connector, const struct place *place)
{
    connector->connect.to = *place;
    int fd = connector_socket(connector->target, place);
    if (fd < 0)
        return fd;
    connector->fd = fd;
    engine_connect(connector->engine, &connector->connect, fd);
    return 0;
}

bool connector_is_itself(int fd)
{
    struct place ours = {.size = sizeof ours.ipv6}, theirs = {.size = sizeof theirs.ipv6};
    memset(&ours.ipv6, 0, sizeof ours.ipv6);
    memset(&theirs.ipv6, 0, sizeof theirs.ipv6);
    if (getsockname(fd, &ours.any, &ours.size) || getpeername(fd, &theirs.any, &theirs.size))
        return false;
    return place_port(&ours) != 0 && ours.size == theirs.size &&
           memcmp(&ours.any, &theirs.any, ours.size) == 0;
}

/* ---- rounds ---- */

static void note(struct connector *connector, int number)
{
    connector->number = number;
    connector->again = connector->again || may_pass(number);
}

static bool may_wait(const struct connector *connector)
{
    return connector->again && connector->wait_ns > 0 && !connector->expired;
}

static void end_round(struct connector *connector)
{
    struct engine *engine = connector->engine;
    if (!may_wait(connector)) {
        give_up(connector);
        return;
    }
    engine_timer_set(engine, &connector->retry, engine->now_ns + connector->delay_ns);
    connector->delay_ns *= 2;
    if (connector->delay_ns > MOST_DELAY_NS)
        connector->delay_ns = MOST_DELAY_NS;
    connector->next = 0;
    connector->again = false;
}

/* Try the next place that can be tried at all. */
static void go_on(struct connector *connector)
{
    int result = -1;
    while (result != 0 && connector->next < connector->places.count) {
        result = try_place(connector, &connector->places.list[connector->next++]);
        if (result != 0)
            note(connector, -result);
    }
    if (result != 0)
        end_round(connector);
}

static int find_places(struct connector *connector)
{
    const struct address *address = &connector->target->address;
    if (address->kind == ADDRESS_TCP || address->kind == ADDRESS_UDP)
        return places_find(&connector->places, address, true, &connector->lookup);
    connector->places.list[0] = place_of_unix(address->path);
    connector->places.count = 1;
    return GT_DONE;
}

/* The places are looked up until they are found, once. */
static void look_up(struct connector *connector)
{
    bool found = find_places(connector) == GT_DONE;
    connector->number = found ? 0 : CONNECTOR_NO_HOST;
    connector->again = !found;
    if (found)
        go_on(connector);
    else
        end_round(connector);
}

static void on_connected(struct op *op, int64_t result)
{
    struct connect_op *connect = list_item(op, struct connect_op, op);
    struct connector *connector = list_item(connect, struct connector, connect);
    if (result == 0 && connector_is_itself(connector->fd))
        result = -ECONNREFUSED;
    connector->connected = result == 0;
    if (connector->connected)
        return;
    close_socket(connector);
    if (result != -ECANCELED)
        note(connector, (int)-result);
    if (connector->expired)
        give_up(connector);
    else if (result != -ECANCELED)
        go_on(connector);
}

static void on_retry(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    struct connector *connector = list_item(timer, struct connector, retry);
    if (connector->number == CONNECTOR_NO_HOST)
        look_up(connector);
    else
        go_on(connector);
}

static void on_deadline(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    struct connector *connector = list_item(timer, struct connector, deadline);
    connector->expired = true;
    if (connector->connected)
        return;
    engine_cancel(connector->engine, &connector->connect.op);
    if (!timer_is_set(&connector->retry))
        return;
    engine_timer_stop(connector->engine, &connector->retry);
    give_up(connector);
}

/* ---- what others call ---- */

void connector_begin(struct connector *connector, struct engine *engine,
                     const struct target *target, int64_t wait_ns)
{
    *connector = (struct connector){.engine = engine,
                                    .target = target,
                                    .wait_ns = wait_ns,
                                    .fd = -1,
                                    .connect.op.done = on_connected,
                                    .retry.fire = on_retry,
                                    .deadline.fire = on_deadline,
                                    .delay_ns = FIRST_DELAY_NS};
    if (wait_ns > 0)
        engine_timer_set(engine, &connector->deadline, engine->now_ns + wait_ns);
    look_up(connector);
}

void connector_refused(struct connector *connector, int number)
{
    close_socket(connector);
    note(connector, number);
    if (connector->expired)
        give_up(connector);
    else
        go_on(connector);
}

bool connector_can_go_on(const struct connector *connector)
{
    bool waits = connector->wait_ns > 0 && !connector->expired;
    return waits || connector->next < connector->places.count;
}

bool connector_stop(struct connector *connector)
{
    if (!connector->engine)
        return true;
    engine_timer_stop(connector->engine, &connector->retry);
    engine_timer_stop(connector->engine, &connector->deadline);
    engine_cancel(connector->engine, &connector->connect.op);
    if (connector->connect.op.active)
        return false;
    close_socket(connector);
    return true;
}
