/* A host of several addresses is a socket for each, all on one port: TCP and UDP alike. The
 * resolver is made up, and bind fails when it is told to. */
#include "socket_side.h"

#include "base/place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a resolver, and a bind that fails ---- */

static struct place found_places[3];
static struct addrinfo found_list[3];

/* Every host is these three addresses. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    (void)host;
    (void)hints;
    for (unsigned i = 0; i < 3; i++) {
        struct place *place = &found_places[i];
        *place = place_of_every(AF_INET, (uint16_t)strtoul(service, NULL, 10));
        place->ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i);
        found_list[i] = (struct addrinfo){.ai_family = AF_INET,
                                          .ai_addr = &place->any,
                                          .ai_addrlen = place->size,
                                          .ai_next = i < 2 ? &found_list[i + 1] : NULL};
    }
    *found = found_list;
    return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
    assert_ptr_equal(found, found_list);
}

static int binds, fails_from, fails_until; /* of the calls of bind, counted from 1 */

int bind(int fd, const struct sockaddr *address, socklen_t size)
{
    binds++;
    if (binds >= fails_from && binds < fails_until) {
        errno = EADDRINUSE;
        return -1;
    }
    return (int)syscall(SYS_bind, fd, address, size);
}

static void fail_binds(int from, int until)
{
    binds = 0;
    fails_from = from;
    fails_until = until;
}

static int count_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* ---- both protocols ---- */

static const char *const hosts[] = {"host:0", "udp:host:0"};
static const char *const prefixes[] = {"tcp:127.0.0.", "udp:127.0.0."};

static void assert_on_one_port(const struct opened *opened, const char *prefix)
{
    char name[64];
    assert_int_equal(opened->count, 3);
    assert_int_not_equal(port_of(&opened->list[0]), 0);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s%u:%u", prefix, i + 1, port_of(&opened->list[0]));
        assert_string_equal(opened->list[i].name, name);
        assert_true(opened->list[i].chosen);
    }
}

static void test_one_port(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        fail_binds(0, 0);
        struct opened opened = opens(hosts[i], NULL);
        assert_on_one_port(&opened, prefixes[i]);
        close_opened(&opened);
    }
}

/* The choice of the first address is taken on the third: all is let go, and another is made. */
static void test_another_choice(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        fail_binds(3, 4);
        struct opened opened = opens(hosts[i], NULL);
        assert_int_equal(binds, 6);
        assert_on_one_port(&opened, prefixes[i]);
        close_opened(&opened);
    }
}

/* Not for ever; and nothing is left open. */
static void test_no_choice(void **state)
{
    (void)state;
    int before = count_descriptors();
    fail_binds(1, 1000);
    fails("udp:host:0", "cannot listen on udp:host:0 (127.0.0.1:0): Address already in use "
                        "(EADDRINUSE, errno 98)");
    assert_int_equal(binds, 20);
    assert_int_equal(count_descriptors(), before);
}

/* A port that was asked for is asked for once; the address that has it not is told. */
static void test_a_taken_port(void **state)
{
    (void)state;
    char text[64], sentence[200];
    for (int i = 0; i < 2; i++) {
        fail_binds(0, 0);
        struct opened opened = opens(hosts[i], NULL);
        unsigned port = port_of(&opened.list[0]);
        close_opened(&opened);
        int before = count_descriptors();
        snprintf(text, sizeof(text), "%shost:%u", i ? "udp:" : "", port);
        snprintf(sentence, sizeof(sentence),
                 "cannot listen on %s (127.0.0.2:%u): Address already in use", text, port);
        fail_binds(2, 3);
        fails(text, sentence);
        assert_int_equal(binds, 2);
        assert_int_equal(count_descriptors(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_port),
        cmocka_unit_test(test_another_choice),
        cmocka_unit_test(test_no_choice),
        cmocka_unit_test(test_a_taken_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
