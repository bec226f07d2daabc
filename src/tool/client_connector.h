/* client_connector.h: a socket that is connected to the server, however often it must be tried.
 *
 * Every kind of socket is connected, those for datagrams too: then only the server's datagrams
 * come, and errors that come back are told. */
#ifndef TOOL_CLIENT_CONNECTOR_H
#define TOOL_CLIENT_CONNECTOR_H

#include "engine/engine.h"
#include "tool/client_target.h"

#define CONNECTOR_NO_HOST (-1) /* instead of an errno */

struct connector {
    struct engine *engine;
    const struct target *target;
    int64_t wait_ns;      /* how long to keep trying; -1: one try */
    struct places places; /* where the server may be */
    unsigned next;        /* of places: the one to try next */
    int fd;               /* being connected, or connected; -1: none */
    bool connected;
    bool again;   /* this round, some place had a reason that may pass */
    bool expired; /* --wait has passed */
    struct connect_op connect;
    struct timer retry;
    struct timer deadline;
    int64_t delay_ns;    /* before the next round */
    int number;          /* the last errno, or CONNECTOR_NO_HOST */
    struct error lookup; /* why the host was not found */
    struct error error;  /* it is over */
};

/* Look the address up and begin to connect; connected or error says how it went, within a pass or
 * at once. A look-up blocks, as long as the system's resolver takes. */
void connector_begin(struct connector *connector, struct engine *engine,
                     const struct target *target, int64_t wait_ns);

/* The connection that was made is none (a datagram came back): goes on with the next place. fd is
 * closed; no operation may be active on it. */
void connector_refused(struct connector *connector, int number);

/* Whether a refusal is not yet the end: there are other places, or time. */
bool connector_can_go_on(const struct connector *connector);

/* "port 9999 (127.0.0.1:9999)": where it is, or tried last, for sentences. Returns text. */
char *connector_describe(const struct connector *connector, char *text, size_t size);

/* Why it is not connected, where number is not 0. Returns text or what connector holds. */
const char *connector_reason(const struct connector *connector, char *text, size_t size);

/* End what is under way and close: true once nothing is active; else ask again after a pass. */
bool connector_stop(struct connector *connector);

/* A socket to connect to this place with, non-blocking: its descriptor, or -errno. That of a Unix
 * datagram has a name, so that it can be replied to. */
int connector_socket(const struct target *target, const struct place *place);

/* Whether a socket that was connected has met itself: nobody listens there. */
bool connector_is_itself(int fd);

#endif
