/* Places: written down, and looked up; what the resolver says is made up where it has to be. */
#include "base/place.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <goodtalk.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* ---- a resolver ---- */

#define FOUND_MOST (PLACES_MAX + 2)

/* What getaddrinfo says while scripted: so many places, these, or an error. */
static struct {
    bool on;
    int result, number;
    struct addrinfo list[FOUND_MOST];
    struct sockaddr_in6 addresses[FOUND_MOST];
    struct addrinfo hints;
} script;

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    script.hints = *hints;
    if (script.on) {
        errno = script.number;
        *found = script.list;
        return script.result;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(host, service, hints, found);
}

void freeaddrinfo(struct addrinfo *found)
{
    void (*real)(struct addrinfo *);
    if (script.on)
        return;
    *(void **)&real = dlsym(RTLD_NEXT, "freeaddrinfo");
    real(found);
}

/* The resolver finds count places, of which those that are the same in numbers are one. */
static void script_places(unsigned count, const unsigned *numbers)
{
    memset(&script, 0, sizeof(script));
    script.on = true;
    for (unsigned i = 0; i < count; i++) {
        struct sockaddr_in6 *address = &script.addresses[i];
        address->sin6_family = AF_INET6;
        address->sin6_addr.s6_addr[15] = (uint8_t)(numbers ? numbers[i] : i);
        script.list[i].ai_family = AF_INET6;
        script.list[i].ai_addrlen = sizeof(*address);
        script.list[i].ai_addr = (struct sockaddr *)address;
        script.list[i].ai_next = i + 1 < count ? &script.list[i + 1] : NULL;
    }
}

static void script_failure(int result, int number)
{
    memset(&script, 0, sizeof(script));
    script.on = true;
    script.result = result;
    script.number = number;
}

static int end_script(void **state)
{
    (void)state;
    script.on = false;
    return 0;
}

/* ---- written down ---- */

static void test_unix_places(void **state)
{
    (void)state;
    char longest[108] = {0};
    struct place place = place_of_unix("/run/x");
    assert_int_equal(place.local.sun_family, AF_UNIX);
    assert_string_equal(place.local.sun_path, "/run/x");
    assert_int_equal(place.size, offsetof(struct sockaddr_un, sun_path) + 7);
    place = place_of_unix("@name");
    assert_memory_equal(place.local.sun_path, "\0name", 5);
    assert_int_equal(place.size, offsetof(struct sockaddr_un, sun_path) + 5);
    memset(longest, 'x', 107);
    place = place_of_unix(longest);
    assert_string_equal(place.local.sun_path, longest);
    assert_int_equal(place.size, sizeof(struct sockaddr_un));
    assert_int_equal(place_port(&place), 0);
}

static void test_every_address(void **state)
{
    (void)state;
    struct place place = place_of_every(AF_INET, 9999);
    assert_int_equal(place.size, sizeof(struct sockaddr_in));
    assert_int_equal(place.ipv4.sin_family, AF_INET);
    assert_int_equal(place.ipv4.sin_addr.s_addr, htonl(INADDR_ANY));
    assert_int_equal(ntohs(place.ipv4.sin_port), 9999);
    place = place_of_every(AF_INET6, 80);
    assert_int_equal(place.size, sizeof(struct sockaddr_in6));
    assert_int_equal(place.ipv6.sin6_family, AF_INET6);
    assert_memory_equal(&place.ipv6.sin6_addr, &in6addr_any, 16);
    assert_int_equal(ntohs(place.ipv6.sin6_port), 80);
}

static void test_ports(void **state)
{
    (void)state;
    const struct place none = {0};
    struct place ipv4 = place_of_every(AF_INET, 1), ipv6 = place_of_every(AF_INET6, 2);
    assert_int_equal(place_port(&none), 0);
    assert_int_equal(place_port(&ipv4), 1);
    assert_int_equal(place_port(&ipv6), 2);
    place_set_port(&ipv4, 65535);
    place_set_port(&ipv6, 0x1234);
    assert_int_equal(place_port(&ipv4), 65535);
    assert_int_equal(place_port(&ipv6), 0x1234);
}

/* ---- looked up ---- */

static struct places find(const char *text, enum address_family family, bool to_connect)
{
    struct address address;
    struct error error = {0};
    struct places places = {.count = 77};
    assert_int_equal(address_parse(&address, text, family, &error), GT_DONE);
    assert_int_equal(places_find(&places, &address, to_connect, &error), GT_DONE);
    assert_string_equal(error.text, "");
    assert_true(places.count > 0);
    for (unsigned i = 0; i < places.count; i++)
        assert_int_equal(place_port(&places.list[i]), address.port);
    return places;
}

static void fails(const char *text, const char *sentence)
{
    struct address address;
    struct error error = {0};
    struct places places;
    assert_int_equal(address_parse(&address, text, FAMILY_ANY, &error), GT_DONE);
    assert_int_equal(places_find(&places, &address, true, &error), GT_FAILED);
    assert_string_equal(error.text, sentence);
}

static void assert_ipv4(const struct place *place, uint32_t address)
{
    assert_int_equal(place->any.sa_family, AF_INET);
    assert_int_equal(ntohl(place->ipv4.sin_addr.s_addr), address);
}

static void test_numbers(void **state)
{
    (void)state;
    struct places places = find("127.0.0.1:9999", FAMILY_ANY, true);
    assert_int_equal(places.count, 1);
    assert_ipv4(&places.list[0], INADDR_LOOPBACK);
    assert_int_equal(script.hints.ai_socktype, SOCK_STREAM);
    assert_int_equal(script.hints.ai_flags & AI_PASSIVE, 0);
    places = find("udp:[::1]:53", FAMILY_ANY, false);
    assert_int_equal(places.count, 1);
    assert_memory_equal(&places.list[0].ipv6.sin6_addr, &in6addr_loopback, 16);
    assert_int_equal(script.hints.ai_socktype, SOCK_DGRAM);
}

static void test_no_host(void **state)
{
    (void)state;
    struct places places = find("80", FAMILY_IPV4, true);
    assert_int_equal(places.count, 1);
    assert_ipv4(&places.list[0], INADDR_LOOPBACK);
    places = find("80", FAMILY_IPV4, false);
    assert_int_equal(places.count, 1);
    assert_ipv4(&places.list[0], INADDR_ANY);
    places = find("tcp6:80", FAMILY_ANY, true);
    assert_int_equal(places.count, 1);
    assert_memory_equal(&places.list[0].ipv6.sin6_addr, &in6addr_loopback, 16);
}

static void test_a_family(void **state)
{
    (void)state;
    struct places places = find("localhost:1", FAMILY_IPV4, true);
    for (unsigned i = 0; i < places.count; i++)
        assert_int_equal(places.list[i].any.sa_family, AF_INET);
}

static void test_each_place_once(void **state)
{
    (void)state;
    static const unsigned numbers[] = {7, 3, 7, 3, 9};
    script_places(5, numbers);
    struct places places = find("host:0", FAMILY_ANY, true);
    assert_int_equal(places.count, 3);
    assert_int_equal(places.list[0].ipv6.sin6_addr.s6_addr[15], 7);
    assert_int_equal(places.list[1].ipv6.sin6_addr.s6_addr[15], 3);
    assert_int_equal(places.list[2].ipv6.sin6_addr.s6_addr[15], 9);
}

static void test_only_ip(void **state)
{
    (void)state;
    script_places(2, NULL);
    script.list[0].ai_family = AF_UNIX;
    assert_int_equal(find("host:0", FAMILY_ANY, true).count, 1);
    script.list[1].ai_family = AF_UNIX;
    fails("host:1", "cannot find the host host: it has no IP address");
}

static void test_too_many(void **state)
{
    (void)state;
    script_places(PLACES_MAX, NULL);
    assert_int_equal(find("host:0", FAMILY_ANY, true).count, PLACES_MAX);
    script_places(PLACES_MAX + 1, NULL);
    fails("many\x1b:1", "many\\x1b is more than 64 addresses");
}

static void test_nobody(void **state)
{
    (void)state;
    script_failure(EAI_NONAME, 0);
    fails("nobody:1", "cannot find the host nobody: Name or service not known");
    script_failure(EAI_SYSTEM, EMFILE);
    fails("\x1b[2J:1", "cannot find the host \\x1b[2J: Too many open files (EMFILE, errno 24)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unix_places),
        cmocka_unit_test(test_every_address),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_no_host),
        cmocka_unit_test(test_a_family),
        cmocka_unit_test_teardown(test_each_place_once, end_script),
        cmocka_unit_test_teardown(test_only_ip, end_script),
        cmocka_unit_test_teardown(test_too_many, end_script),
        cmocka_unit_test_teardown(test_nobody, end_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
