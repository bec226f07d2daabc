/* nc.h: fingers trained on nc are caught, not betrayed.
 *
 * What nc's -l -p -u -U -c say, goodtalk says with its address, or does by itself. Whoever uses
 * them is told the command that does here what was meant. */
#ifndef TOOL_NC_H
#define TOOL_NC_H

#include "base/error.h"
#include "tool/given.h"

#include <stdbool.h>

/* nc's letters that mean nothing here, as getopt writes them. */
#define NC_LETTERS "lp:uUc:"

/* What was said in nc's words. All zeros: nothing. Strings are not owned. */
struct nc {
    char letter; /* the first of nc's letters, or 0 */
    bool udp;
    bool unix_socket;
    bool keep; /* a -k among nc's letters */
    const char *port;
    const char *command;
};

/* Note one of NC_LETTERS, with its argument or NULL. */
void nc_note(struct nc *nc, char letter, const char *argument);

/* -n takes a number here and nothing in nc: whether its argument is more of nc's letters, as in
 * -nlp 8080 and -lvnp 8080. They are noted then. */
bool nc_note_cluster(struct nc *nc, const char *argument);

/* Whether two of the addresses, in a row, are a HOST and a PORT: localhost 8080. */
bool nc_has_host_port(const struct given *given);

/* Say the right command for what was noted and given: GT_WRONG; GT_FAILED when memory is out. */
int nc_refuse(const struct nc *nc, const struct given *given, struct error *error);

#endif
