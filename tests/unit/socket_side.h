/* socket_side.h: opening sockets in tests, for every kind alike. */
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

/* The port in its name; a socket's option, or -1; whether there is an IPv6 loopback here. */
uint16_t port_of(const struct listening_socket *socket);
int option_of(int fd, int level, int option);
bool has_ipv6(void);

/* A test's folder, of its own and left again: set up, and torn down, which fails where something
 * was left behind. */
int enter_folder(void **state);
int leave_folder(void **state);
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

/* A socket of ours bound to a path or an "@name", as others bind theirs. */
int unix_socket(const char *path, int type);

/* Do this in a child: its status must be 0. */
void assert_in_child(int (*job)(const void *), const void *argument);

#endif
