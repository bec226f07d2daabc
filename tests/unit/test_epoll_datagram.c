/* test_epoll_datagram.c: datagrams as only the kernel has them: addresses to reply from,
 * credentials, descriptors sent along. What sendmmsg may say is in test_epoll_datagram_send.c. */
#include "datagram_side.h"
#include "engine/epoll.h"
#include "world_real.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

/* ---- worlds ---- */

static int udp_world(void **state)
{
    *state = world_tcp.create(&world_tcp, 1);
    return 0;
}

static int unix_world(void **state)
{
    *state = world_unix.create(&world_unix, 1);
    return 0;
}

static int end_world(void **state)
{
    struct world *world = *state;
    world->table->destroy(&world);
    return 0;
}

/* ---- the address that was asked ---- */

static void set_option(int fd, int level, int name, int value)
{
    assert_int_equal(setsockopt(fd, level, name, &value, sizeof value), 0);
}

static int open_everywhere(int family)
{
    int fd = must(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    struct sockaddr_in6 every = {.sin6_family = (sa_family_t)family};
    if (family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    must(bind(fd, (struct sockaddr *)&every, sizeof every), "bind");
    return fd;
}

static struct sockaddr_in6 address_of(const char *text, uint16_t port)
{
    union {
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } address = {.ipv6.sin6_family = AF_INET6, .ipv6.sin6_port = htons(port)};
    if (inet_pton(AF_INET6, text, &address.ipv6.sin6_addr) == 1)
        return address.ipv6;
    address.ipv4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    assert_int_equal(inet_pton(AF_INET, text, &address.ipv4.sin_addr), 1);
    return address.ipv6;
}

/* A client that hears only who answers from this address, connected to the office's port there. */
static int client_of(const struct office *office, const char *address)
{
    struct sockaddr_in6 to = address_of(address, ntohs(place_of(office->fd).ipv6.sin6_port));
    int fd = must(socket(to.sin6_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    set_option(fd, SOL_SOCKET, SO_BROADCAST, 1);
    must(connect(fd, (struct sockaddr *)&to, sizeof to), "connect");
    return add_other(office->world, fd);
}

static void assert_heard(int fd, const char *expected)
{
    char heard[64];
    struct timeval patience = {.tv_sec = 10};
    must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "SO_RCVTIMEO");
    assert_int_equal(recv(fd, heard, sizeof heard, 0), strlen(expected));
    assert_memory_equal(heard, expected, strlen(expected));
}

/* The client asks at this address and is answered from it; what the engine says of it. */
static struct local_address converse(struct office *office, const char *address)
{
    int client = client_of(office, address);
    office_clear(office);
    assert_int_equal(send(client, "who?", 4, 0), 4);
    UNTIL(office->world, office->count == 1);
    assert_letter(office, 0, "who?", 4);
    office_reply(office, 0, &office->letters[0], "me", 2);
    office_send(office, 1);
    UNTIL(office->world, !office->sending);
    assert_int_equal(office->going[0].status, 0);
    assert_heard(client, "me");
    return office->letters[0].local;
}

static void assert_local(struct local_address local, int family, const char *expected)
{
    char text[INET6_ADDRSTRLEN];
    assert_int_equal(local.family, family);
    assert_non_null(inet_ntop(family, local.address, text, sizeof text));
    assert_string_equal(text, expected);
    assert_int_not_equal(local.interface, 0);
}

static void replies_from_the_ipv4_address_asked(void **state)
{
    struct office *office = office_of(*state, open_everywhere(AF_INET));
    set_option(office->fd, IPPROTO_IP, IP_PKTINFO, 1);
    office_receive(office, 100);
    assert_local(converse(office, "127.0.0.2"), AF_INET, "127.0.0.2");
    assert_int_equal(office->letters[0].peer.kind, PEER_IPV4);
    assert_local(converse(office, "127.0.0.1"), AF_INET, "127.0.0.1");
    office_close(office);
}

static void replies_from_the_ipv6_address_asked(void **state)
{
    struct office *office = office_of(*state, open_everywhere(AF_INET6));
    set_option(office->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    office_receive(office, 100);
    assert_local(converse(office, "::1"), AF_INET6, "::1");
    assert_int_equal(office->letters[0].peer.kind, PEER_IPV6);
    assert_local(converse(office, "127.0.0.2"), AF_INET6, "::ffff:127.0.0.2");
    assert_int_equal(office->letters[0].peer.kind, PEER_IPV4);
    assert_local(converse(office, "127.0.0.3"), AF_INET6, "::ffff:127.0.0.3");
    office_close(office);
}

/* A socket for both that is told of both. */
static void replies_with_either_kind_of_address(void **state)
{
    struct office *office = office_of(*state, open_everywhere(AF_INET6));
    set_option(office->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    set_option(office->fd, IPPROTO_IP, IP_PKTINFO, 1);
    office_receive(office, 100);
    assert_local(converse(office, "::1"), AF_INET6, "::1");
    assert_local(converse(office, "127.0.0.2"), AF_INET, "127.0.0.2");
    office_close(office);
}

/* A client that takes an answer from anybody asks at an address that nobody can answer from. */
static void answer_to_many(struct office *office, const char *address)
{
    struct sockaddr_in6 to = address_of(address, ntohs(place_of(office->fd).ipv6.sin6_port));
    struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
    int fd = must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    set_option(add_other(office->world, fd), SOL_SOCKET, SO_BROADCAST, 1);
    must(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &loopback, sizeof loopback),
         "IP_MULTICAST_IF");
    must((int)sendto(fd, "all?", 4, 0, (struct sockaddr *)&to, sizeof to), address);
    UNTIL(office->world, office->count == 1);
    office_reply(office, 0, &office->letters[0], "me", 2);
    office_send(office, 1);
    UNTIL(office->world, !office->sending);
    assert_int_equal(office->going[0].status, 0);
    assert_heard(fd, "me");
    office_clear(office);
}

static void join(const struct office *office, const char *group)
{
    struct ip_mreqn membership = {.imr_address = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(inet_pton(AF_INET, group, &membership.imr_multiaddr), 1);
    must(setsockopt(office->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof membership),
         "IP_ADD_MEMBERSHIP");
}

static void replies_to_many(void **state)
{
    struct office *office = office_of(*state, open_everywhere(AF_INET));
    set_option(office->fd, IPPROTO_IP, IP_PKTINFO, 1);
    join(office, "239.9.9.9");
    office_receive(office, 100);
    answer_to_many(office, "127.255.255.255");
    answer_to_many(office, "239.9.9.9");
    office_close(office);
}

static void replies_to_many_from_an_ipv6_socket(void **state)
{
    struct office *office = office_of(*state, open_everywhere(AF_INET6));
    set_option(office->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    join(office, "239.9.9.9");
    office_receive(office, 100);
    answer_to_many(office, "239.9.9.9");
    set_option(office->fd, IPPROTO_IP, IP_PKTINFO, 1);
    answer_to_many(office, "239.9.9.9");
    answer_to_many(office, "127.255.255.255");
    office_close(office);
}

/* ---- receiving ---- */

static void receives_full_batches(void **state)
{
    struct world *world = *state;
    struct office *office = office_open(world);
    int writer = world->table->datagrams->correspondent(world, office->fd, true);
    office_receive(office, 100);
    steps(world, 3);
    for (unsigned i = 0; i < 3 * DATAGRAMS_MAX + 5; i++)
        correspondent_says(world, writer, "one of many", 11);
    UNTIL(world, office->count == 3 * DATAGRAMS_MAX + 5);
    assert_int_equal(office->results, 4);
    assert_int_equal(office->most, DATAGRAMS_MAX);
    office_close(office);
}

/* Had it blocked, no pass and no send would have returned. */
static void does_not_block_on_a_blocking_socket(void **state)
{
    struct world *world = *state;
    struct office *office = office_open(world);
    int other = world->table->datagrams->correspondent(world, office->fd, true);
    assert_int_equal(fcntl(office->fd, F_SETFL, 0), 0);
    office_receive(office, 100);
    steps(world, 3);
    correspondent_says(world, other, "hello", 5);
    UNTIL(world, office->count == 1);
    for (unsigned sent = 0; sent < 10000 && office->going[0].status == 0; sent++) {
        office_address(office, 0, other, "hello?", 6);
        office_send(office, 1);
    }
    assert_int_equal(office->going[0].status, -EAGAIN);
    office_close(office);
}

/* A longer size makes fewer, larger slots; and back. */
static void receives_with_other_sizes(void **state)
{
    struct world *world = *state;
    struct office *office = office_open(world);
    uint8_t *said = noise(60000);
    int writer = world->table->datagrams->correspondent(world, office->fd, true);
    const size_t sizes[] = {10, 60000, 1, 20000, PACKET_MAX, 64};
    for (unsigned i = 0; i < 6; i++) {
        size_t size = sizes[i] < 60000 ? sizes[i] : 60000;
        for (int n = 0; n < 3; n++)
            correspondent_says(world, writer, said, size);
        office_receive(office, sizes[i]);
        UNTIL(world, office->count == 3);
        for (unsigned n = 0; n < 3; n++)
            assert_letter(office, n, said, size);
        office_clear(office);
        office_cancel(office, &office->receive.op);
        UNTIL(world, !office->receive.op.active);
    }
    office_close(office);
    free(said);
}

/* Two sockets, their receives in turn, use one buffer. */
static void shares_its_buffer_between_sockets(void **state)
{
    struct world *world = *state;
    struct office *small = office_open(world), *large = office_open(world);
    uint8_t *said = noise(5000);
    int to_small = world->table->datagrams->correspondent(world, small->fd, true);
    int to_large = world->table->datagrams->correspondent(world, large->fd, true);
    office_receive(small, 10);
    office_receive(large, 5000);
    for (unsigned i = 1; i <= 5; i++) {
        correspondent_says(world, to_small, said, 10);
        correspondent_says(world, to_large, said, 5000);
        UNTIL(world, small->count == i && large->count == i);
        assert_letter(small, i - 1, said, 10);
        assert_letter(large, i - 1, said, 5000);
    }
    office_close(small);
    office_close(large);
    free(said);
}

/* Nobody is at the other end of a connected socket. */
static void tells_that_nobody_is_there(void **state)
{
    struct world *world = *state;
    struct office *office = office_open(world);
    struct place gone = place_of(office->fd);
    int fd = must(dup(office->fd), "dup");
    int nobody = real_socket(world, SOCK_DGRAM);
    bind_anywhere(nobody, AF_INET);
    gone = place_of(nobody);
    close(nobody);
    must(connect(fd, &gone.any, gone.size), "connect");
    close(fd);
    office_receive(office, 100);
    office->going[0] = (struct datagram){.bytes = slice_of("hello?", 6)};
    office_send(office, 1);
    assert_int_equal(office->sent, 1);
    UNTIL(world, office->endings == 1);
    assert_int_equal(office->end, -ECONNREFUSED);
    office_close(office);
}

static void leaves_a_socket_to_others(void **state)
{
    struct world *world = *state;
    struct epoll_event event;
    struct office *office = office_open(world);
    int other = must(dup(office->fd), "dup");
    int writer = world->table->datagrams->correspondent(world, office->fd, true);
    office_receive(office, 100);
    steps(world, 2);
    office_close(office);
    correspondent_says(world, writer, "hello?", 6);
    assert_int_equal(epoll_wait(engine_descriptor(world->engine), &event, 1, 0), 0);
    close(other);
}

/* Where memory is out, the operation says so, and can be submitted again. (Sanitizers need the
 * address space for themselves.) */
static void survives_running_out_of_memory(void **state)
{
#ifndef SANITIZED
    struct world *world = *state;
    struct rlimit before, none;
    struct office *office = office_open(world);
    int writer = world->table->datagrams->correspondent(world, office->fd, true);
    correspondent_says(world, writer, "hello?", 6);
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    none = before;
    none.rlim_cur = 4096;
    malloc_trim(0);
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    office_receive(office, 100);
    engine_pass(world->engine, 0);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(office->endings, 1);
    assert_int_equal(office->end, -ENOMEM);
    office_receive(office, 100);
    UNTIL(world, office->count == 1);
    assert_letter(office, 0, "hello?", 6);
    office_close(office);
#else
    (void)state;
#endif
}

/* ---- what comes with a Unix datagram ---- */

static void tells_credentials(void **state)
{
    struct world *world = *state;
    struct office *office = office_open(world);
    int writers[2];
    office_receive(office, 100);
    for (unsigned i = 0; i < 2; i++) {
        writers[i] = world->table->datagrams->correspondent(world, office->fd, i == 0);
        correspondent_says(world, writers[i], "me", 2);
        UNTIL(world, office->count == i + 1);
        assert_int_equal(office->letters[i].peer.kind, PEER_UNIX);
        assert_int_equal(office->letters[i].peer.credentials.pid, getpid());
        assert_int_equal(office->letters[i].peer.credentials.uid, getuid());
        assert_int_equal(office->letters[i].peer.credentials.gid, getgid());
    }
    set_option(office->fd, SOL_SOCKET, SO_PASSCRED, 0);
    correspondent_says(world, writers[0], "who", 3);
    UNTIL(world, office->count == 3);
    assert_int_equal(office->letters[2].peer.kind, PEER_UNIX);
    assert_int_equal(office->letters[2].peer.credentials.pid, 0);
    office_close(office);
}

/* Send the writing ends of a pipe along, so many of them, and keep none: the reading end. */
static int send_descriptors(int from, const struct place *to, unsigned count)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(60 * sizeof(int))];
    } control = {.header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    int ends[2];
    struct place place = *to;
    struct iovec part = {.iov_base = ends, .iov_len = 1};
    struct msghdr message = {.msg_name = &place.any,
                             .msg_namelen = place.size,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    must(pipe2(ends, O_CLOEXEC | O_NONBLOCK), "pipe2");
    control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
    for (unsigned i = 0; i < count; i++)
        memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &ends[1], sizeof(int));
    must((int)sendmsg(from, &message, 0), "sendmsg");
    close(ends[1]);
    return ends[0];
}

/* Nobody makes us keep what was sent along: the pipe has no writer any more. */
static void closes_descriptors_sent_along(void **state)
{
    struct world *world = *state;
    const unsigned counts[] = {1, 3, 60};
    char byte;
    struct office *office = office_open(world);
    struct place place = place_of(office->fd);
    int writer = world->table->datagrams->correspondent(world, office->fd, true);
    int fd = real_of(world)->correspondents[writer].fd;
    office_receive(office, 100);
    for (unsigned i = 0; i < 6; i++) {
        set_option(office->fd, SOL_SOCKET, SO_PASSCRED, i % 2);
        int reader = send_descriptors(fd, &place, counts[i / 2]);
        UNTIL(world, office->count == i + 1);
        assert_int_equal(read(reader, &byte, 1), 0);
        close(reader);
    }
    office_close(office);
}

#define UDP(test)  cmocka_unit_test_setup_teardown(test, udp_world, end_world)
#define UNIX(test) cmocka_unit_test_setup_teardown(test, unix_world, end_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UDP(replies_from_the_ipv4_address_asked),
        UDP(replies_from_the_ipv6_address_asked),
        UDP(replies_with_either_kind_of_address),
        UDP(replies_to_many),
        UDP(replies_to_many_from_an_ipv6_socket),
        UDP(receives_full_batches),
        UDP(receives_with_other_sizes),
        UDP(shares_its_buffer_between_sockets),
        UDP(tells_that_nobody_is_there),
        UDP(leaves_a_socket_to_others),
        UDP(survives_running_out_of_memory),
        UNIX(does_not_block_on_a_blocking_socket),
        UNIX(tells_credentials),
        UNIX(closes_descriptors_sent_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
