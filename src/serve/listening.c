/* listening.c: gt_listen: an address becomes open sockets, and these listeners of the server.
 *
 * The happy path: the address is read, the settings as they are now are sealed, the sockets are
 * opened, each becomes a listener, which is told. What a talk file lists is listened on as if it
 * had been given, with the settings that it has for that address. Ways to fail: no address,
 * settings that do not fit together, a socket that cannot be opened; whatever was opened by then
 * for this address is closed again. */
#include "reply/talk.h"
#include "serve/draft.h"
#include "serve/server.h"
#include "serve/socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_ADDRESS "9999"

/* What is being listened on. */
struct opening {
    gt_server *server;
    const struct settings *draft;
    struct settings *sealed; /* of streams */
    struct origin *origin;   /* or NULL: there is no talk file to load again */
};

/* ---- listeners ---- */

static int add_listener(struct opening *opening, const struct listening_socket *socket)
{
    gt_server *server = opening->server;
    struct settings *sealed =
        socket->type == SOCK_STREAM
            ? settings_keep(opening->sealed)
            : draft_seal(opening->draft, socket->type, socket->name, &server->error);
    if (!sealed)
        return server->error.status;
    struct listener *listener = listener_create(socket, sealed);
    settings_release(&sealed);
    if (!listener)
        return error_set(&server->error, GT_FAILED, "cannot listen on %s: out of memory",
                         socket->name);
    listener->origin = opening->origin;
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
static int add_listeners(struct opening *opening, const struct listening_socket *sockets,
                         unsigned count)
{
    gt_server *server = opening->server;
    for (unsigned i = 0; i < count; i++) {
        if (add_listener(opening, &sockets[i]) == GT_DONE)
            continue;
        drop_sockets(server, sockets, count, i);
        return server->error.status;
    }
    struct list *link = server->listeners.previous;
    for (unsigned i = 1; i < count; i++)
        link = link->previous;
    for (; link != &server->listeners; link = link->next)
        tell_listening(server, list_item(link, struct listener, link));
    return GT_DONE;
}

/* ---- an address ---- */

static int open_address(struct opening *opening, const struct address *address)
{
    gt_server *server = opening->server;
    struct listening_socket sockets[SOCKETS_MAX];
    unsigned count = 0;
    int status = sockets_open(address, opening->sealed, sockets, &count, &server->error);
    if (status == GT_DONE)
        status = check_new(server, sockets, count);
    return status == GT_DONE ? add_listeners(opening, sockets, count) : status;
}

static int listen_on(gt_server *server, const struct settings *draft, const char *text,
                     struct origin *origin)
{
    struct address address;
    struct opening opening = {.server = server, .draft = draft, .origin = origin};
    int status = address_parse(&address, text, (enum address_family)draft->family, &server->error);
    if (status != GT_DONE)
        return status;
    opening.sealed = settings_seal(draft, FRAMING_STREAM, &server->error);
    if (!opening.sealed)
        return server->error.status;
    status = open_address(&opening, &address);
    settings_release(&opening.sealed);
    return status;
}

/* Remember how the listeners to come were made, for when the talk file is loaded again. */
static int add_origin(gt_server *server, const char *text, const struct talk_settings *own,
                      struct origin **added)
{
    struct error *error = &server->error;
    struct origin *origin = calloc(1, sizeof *origin);
    if (!origin)
        return error_set(error, GT_FAILED, "memory is out");
    *added = origin;
    list_append(&server->origins, &origin->link);
    origin->listed = own != NULL;
    origin->address = strdup(text);
    if (!origin->address || (own && talk_settings_copy(&origin->own, own) < 0))
        return error_set(error, GT_FAILED, "memory is out");
    return given_copy(&origin->given, &server->given, error);
}

static int listen_given(gt_server *server, const char *text)
{
    struct origin *origin = NULL;
    int status = server->talk ? add_origin(server, text, NULL, &origin) : GT_DONE;
    return status == GT_DONE ? listen_on(server, &server->settings, text, origin) : status;
}

/* On an address of the talk file's, with the settings of its own. */
static int listen_listed(gt_server *server, const struct talk_address *entry)
{
    struct origin *origin = NULL;
    struct settings draft;
    struct draft_parts parts = {
        .given = &server->given, .talk = server->talk, .own = &entry->settings};
    int status = add_origin(server, entry->address, &entry->settings, &origin);
    if (status == GT_DONE)
        status = draft_compose(&draft, &parts, &server->error);
    if (status != GT_DONE)
        return status;
    status = listen_on(server, &draft, entry->address, origin);
    settings_clear(&draft);
    return status;
}

static int listen_on_all_listed(gt_server *server)
{
    int status = GT_DONE;
    const struct talk_words *words = &server->talk->words;
    for (size_t i = 0; status == GT_DONE && i < words->address_count; i++)
        status = listen_listed(server, &words->addresses[i]);
    return status;
}

const char *gt_listed_at(const gt_server *server, size_t index)
{
    if (!server->talk || server->talk->words.listen_line == 0)
        return index == 0 ? DEFAULT_ADDRESS : NULL;
    const struct talk_words *words = &server->talk->words;
    return index < words->address_count ? words->addresses[index].address : NULL;
}

int gt_listen(gt_server *server, const char *text)
{
    if (text)
        return listen_given(server, text);
    bool listed = server->talk && server->talk->words.listen_line > 0;
    return listed ? listen_on_all_listed(server) : listen_given(server, DEFAULT_ADDRESS);
}

int server_listen_on(gt_server *server, int fd, int type, const char *name)
{
    struct opening opening = {.server = server, .draft = &server->settings};
    enum framing_kind framing = type == SOCK_STREAM ? FRAMING_STREAM : FRAMING_PACKETS;
    opening.sealed = settings_seal(&server->settings, framing, &server->error);
    if (!opening.sealed)
        return server->error.status;
    struct listening_socket socket = {.fd = fd, .type = type};
    snprintf(socket.name, sizeof socket.name, "%s", name);
    int status = add_listener(&opening, &socket);
    settings_release(&opening.sealed);
    return status;
}

void origin_free(struct origin *origin)
{
    list_remove(&origin->link);
    given_free(&origin->given);
    talk_settings_free(&origin->own);
    free(origin->address);
    free(origin);
}
