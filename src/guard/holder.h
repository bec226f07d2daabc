/* holder.h: who holds a port or a Unix socket, as /proc tells it. */
#ifndef GUARD_HOLDER_H
#define GUARD_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Write who listens on this port of TCP (type SOCK_STREAM) or has bound it of UDP (SOCK_DGRAM), or
 * who has this Unix socket (a path, or "@name"), as a sentence part: "nginx (pid 812)", "this
 * process", "a process of another user (uid 33)", "several processes, among them nginx (pid 812)".
 * Names are escaped. False when nothing can be known; text is "" then. */
bool holder_of_port(int type, uint16_t port, char *text, size_t size);
bool holder_of_unix(const char *name, char *text, size_t size);

#endif
