/* Whatever addresses are listened on, and wherever NOTIFY_SOCKET points: what would be sent to the
 * service manager is whole lines within its bound, READY=1 first. Nothing is sent.
 *
 * The input: NOTIFY_SOCKET, then the addresses, with NULs between. */
#include "fuzz.h"

#include <sys/socket.h>

static struct slice told;

/* In the place of the system's. */
static ssize_t sendto_nobody(int fd, const void *text, size_t size, int flags,
                             const struct sockaddr *place, socklen_t place_size)
{
    (void)fd, (void)flags, (void)place;
    require(place_size > sizeof(sa_family_t) && place_size <= sizeof(struct sockaddr_storage));
    told = slice_of(text, size);
    return (ssize_t)size;
}

#define sendto sendto_nobody
#include "tool/notify.c"

#define ADDRESS_MOST 200 /* bytes */

static void check_ready(struct notify *notify, const char *first)
{
    static const char head[] = "READY=1\nSTATUS=listening on ";
    struct error error = {0};
    struct gt_event ready = {.kind = GT_EVENT_READY, .name = "ready", .text = ""};
    told = slice_of(NULL, 0);
    if (notify_event(notify, &ready, &error) != GT_DONE)
        require_sentence(&error);
    require(notify->size < sizeof notify->text && strlen(notify->text) == notify->size);
    require(told.size == 0 || told.size == notify->size);
    if (!first || told.size == 0)
        return;
    require(memcmp(notify->text, head, strlen(head)) == 0);
    require(memcmp(notify->text + strlen(head), first, strlen(first)) == 0);
}

static char *next_address(struct slice *input)
{
    size_t most = input->size < ADDRESS_MOST ? input->size : ADDRESS_MOST;
    return text_of(next_bytes(input, strnlen((const char *)input->data, most)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct notify notify = {0};
    char *where = text_of(next_word(&input, 0));
    char *first = NULL;
    require((*where ? setenv("NOTIFY_SOCKET", where, 1) : unsetenv("NOTIFY_SOCKET")) == 0);
    while (input.size > 0) {
        char *address = next_address(&input);
        struct gt_event event = {
            .kind = GT_EVENT_LISTENING, .name = "listening", .text = "", .listener = address};
        next_byte(&input);
        require(notify_event(&notify, &event, NULL) == GT_DONE);
        if (first)
            free(address);
        else
            first = address;
    }
    check_ready(&notify, first);
    free(where);
    free(first);
    return 0;
}
