/* notify.h: telling the service manager how far the program is: NOTIFY_SOCKET, as sd_notify(3)
 * describes it. */
#ifndef TOOL_NOTIFY_H
#define TOOL_NOTIFY_H

#include "base/error.h"

#include <goodtalk.h>
#include <stdbool.h>

/* A manager takes no more than a page at once. */
#define NOTIFY_SIZE 2048

/* One run, all zeros at the start. */
struct notify {
    char text[NOTIFY_SIZE]; /* what will be said when the server is ready, with a NUL */
    size_t size;            /* of it, without the NUL */
    bool cut;               /* there are more addresses than fit */
};

/* Take note of an event, and tell the manager of those that concern it: READY=1, with the addresses
 * that are listened on as its status, and STOPPING=1. Nothing waits. GT_DONE, also where there is
 * no manager; GT_FAILED with a sentence: the program serves all the same. */
int notify_event(struct notify *notify, const struct gt_event *event, struct error *error);

#endif
