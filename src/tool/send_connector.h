/* send_connector.h: a socket that is connected to the server, however often it must be tried.
 *
 * Every kind of socket is connected, those for datagrams too: then only the server's datagrams
 * come, and errors that come back are told. */
#ifndef TOOL_SEND_CONNECTOR_H
#define TOOL_SEND_CONNECTOR_H

#include "engine/engine.h"
#include "tool/send_options.h"

#define SEND_NO_HOST (-1) /* instead of an errno */

struct send_connector {
    struct engine *engine;
    const struct send_options *options;
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
    int number;          /* the last errno, or SEND_NO_HOST */
    struct error lookup; /* why the host was not found */
    struct error error;  /* it is over */
};

/* Look the address up and begin to connect; connected or error says how it went, within a pass or
 * at once. A look-up blocks, as long as the system's resolver takes. */
void send_connector_begin(struct send_connector *connector, struct engine *engine,
                          const struct send_options *options);

/* The connection that was made is none (a datagram came back): goes on with the next place. fd is
 * closed; no operation may be active on it. */
void send_connector_refused(struct send_connector *connector, int number);

/* Whether a refusal is not yet the end: there are other places, or time. */
bool send_connector_can_go_on(const struct send_connector *connector);

/* "port 9999 (127.0.0.1:9999)": where it is, or tried last, for sentences. Returns text. */
char *send_connector_describe(const struct send_connector *connector, char *text, size_t size);

/* Why it is not connected, where number is not 0. Returns text or what connector holds. */
const char *send_connector_reason(const struct send_connector *connector, char *text, size_t size);

/* End what is under way and close: true once nothing is active; else ask again after a pass. */
bool send_connector_stop(struct send_connector *connector);

#endif
