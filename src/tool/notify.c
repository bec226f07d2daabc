/* notify.c: one datagram of lines "WHAT=VALUE" to a Unix socket that the environment names.
 *
 * Of very many addresses the first ones are told, so that READY arrives in any case. Failing: the
 * name is not one of a Unix socket, nobody is there, its queue is full, it is not for us. */
#include "tool/notify.h"

#include "base/escape.h"
#include "base/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An absolute path, or "@" and an abstract name. */
static bool names_socket(const char *where)
{
    return (where[0] == '/' || where[0] == '@') && where[1] &&
           strlen(where) < sizeof(((struct place *)0)->local.sun_path);
}

/* 0 or -errno. */
static int send_to(const struct place *place, const char *text)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    ssize_t sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL, &place->any, place->size);
    int result = sent < 0 ? -errno : 0;
    close(fd);
    return result;
}

static int tell(const char *text, struct error *error)
{
    char shown[128];
    const char *where = getenv("NOTIFY_SOCKET");
    if (!where)
        return GT_DONE;
    escape_string(shown, sizeof(shown), slice_of_text(where));
    if (!names_socket(where))
        return error_set(error, GT_FAILED,
                         "cannot notify '%s': NOTIFY_SOCKET is neither a path nor @NAME", shown);
    struct place place = place_of_unix(where);
    int result = send_to(&place, text);
    if (result < 0)
        return error_errno(error, -result, "cannot notify %s (NOTIFY_SOCKET)", shown);
    return GT_DONE;
}

static void append(struct notify *notify, const char *text)
{
    size_t size = strlen(text);
    memcpy(notify->text + notify->size, text, size + 1);
    notify->size += size;
}

/* Whole addresses, as long as there is room for them and for the sign that there are more. */
static void add_address(struct notify *notify, const char *address)
{
    static const char more[] = ", ...";
    const char *before = notify->size == 0 ? "READY=1\nSTATUS=listening on " : ", ";
    size_t size = notify->size + strlen(before) + strlen(address) + sizeof(more);
    if (notify->cut)
        return;
    notify->cut = size > sizeof(notify->text);
    append(notify, notify->cut ? more : before);
    if (!notify->cut)
        append(notify, address);
}

int notify_event(struct notify *notify, const struct gt_event *event, struct error *error)
{
    switch (event->kind) {
    case GT_EVENT_LISTENING:
        add_address(notify, event->listener);
        return GT_DONE;
    case GT_EVENT_READY:
        return tell(notify->text, error);
    case GT_EVENT_STOPPING:
        return tell("STOPPING=1\nSTATUS=finishing what is in hand", error);
    default:
        return GT_DONE;
    }
}
