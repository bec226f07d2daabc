/* socket_side.h: opening listening sockets in tests, for TCP and Unix sockets alike. */
#ifndef SOCKET_SIDE_H
#define SOCKET_SIDE_H

#include "serve/socket.h"

/* What an address opened. */
struct opened {
    struct listening_socket list[SOCKETS_MAX];
    unsigned count;
    struct error error;
    int status;
};

/* Open an address with these settings (name, value, name, value, NULL). */
struct opened open_with(const char *text, const char *const *pairs);

/* The same, where it must succeed; and close it all. */
struct opened opens(const char *text, const char *const *pairs);
void close_opened(struct opened *opened);

/* It must fail, with a sentence that begins like this. */
void fails(const char *text, const char *sentence);

/* Do this in a child: its status must be 0. */
void assert_in_child(int (*job)(const void *), const void *argument);

#endif
