/* Sources: what of an address counts, how many connections it may have, and how fast it may send;
 * the table keeps what it must and forgets the rest. */
#include "serve/sources.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS  INT64_C(1000000)
#define SEC INT64_C(1000000000)

static struct peer at(const char *address)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(99)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(99)};
    if (inet_pton(AF_INET, address, &ipv4.sin_addr) == 1)
        return peer_of_sockaddr((struct sockaddr *)&ipv4, sizeof ipv4);
    assert_int_equal(inet_pton(AF_INET6, address, &ipv6.sin6_addr), 1);
    return peer_of_sockaddr((struct sockaddr *)&ipv6, sizeof ipv6);
}

/* The n-th of many addresses. */
static struct peer numbered(unsigned n)
{
    char address[32];
    snprintf(address, sizeof address, "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
    return at(address);
}

static struct sources *make(unsigned connections, int64_t interval_ns)
{
    struct sources_bounds bounds = {.connections = connections, .interval_ns = interval_ns};
    struct sources *sources = sources_create(bounds, 10, 12345);
    assert_non_null(sources);
    return sources;
}

static bool enters(struct sources *sources, const char *address, struct source **source)
{
    struct peer peer = at(address);
    return sources_enter(sources, &peer, 0, source);
}

/* ---- how many ---- */

static void as_many_as_allowed(void **state)
{
    (void)state;
    struct sources *sources = make(2, 0);
    struct source *first, *second, *third, *other;
    assert_true(enters(sources, "192.0.2.1", &first));
    assert_true(enters(sources, "192.0.2.1", &second));
    assert_ptr_equal(first, second);
    assert_false(enters(sources, "192.0.2.1", &third));
    assert_null(third);
    assert_true(enters(sources, "192.0.2.2", &other));
    assert_ptr_not_equal(first, other);
    sources_leave(sources, &second, 0);
    assert_null(second);
    assert_true(enters(sources, "192.0.2.1", &third));
    assert_false(enters(sources, "192.0.2.1", &second));
    sources_destroy(&sources);
    assert_null(sources);
}

static void ipv6_counts_by_its_network(void **state)
{
    (void)state;
    struct sources *sources = make(1, 0);
    struct source *source;
    assert_true(enters(sources, "2001:db8:1:2:3::1", &source));
    assert_false(enters(sources, "2001:db8:1:2:ffff::2", &source));
    assert_true(enters(sources, "2001:db8:1:3:3::1", &source));
    sources_destroy(&sources);
}

static void a_mapped_address_is_the_ipv4_one(void **state)
{
    (void)state;
    struct sources *sources = make(1, 0);
    struct source *source;
    assert_true(enters(sources, "::ffff:192.0.2.1", &source));
    assert_false(enters(sources, "192.0.2.1", &source));
    assert_true(enters(sources, "::ffff:192.0.2.2", &source)); /* not all of them one /64 */
    sources_destroy(&sources);
}

/* The same first bytes, of another kind. */
static void kinds_are_told_apart(void **state)
{
    (void)state;
    struct sources *sources = make(1, 0);
    struct source *source;
    assert_true(enters(sources, "32.1.13.184", &source));
    assert_true(enters(sources, "2001:db8::", &source));
    sources_destroy(&sources);
}

static void who_has_no_address_is_not_counted(void **state)
{
    (void)state;
    struct sources *sources = make(1, SEC);
    struct peer unix_peer = {.kind = PEER_UNIX}, nobody = {.kind = PEER_NONE};
    struct source *source = NULL;
    for (int i = 0; i < 3; i++) {
        assert_true(sources_enter(sources, &unix_peer, 0, &source));
        assert_null(source);
        assert_true(sources_enter(sources, &nobody, 0, &source));
        assert_true(sources_admit(sources, &unix_peer, 0));
    }
    sources_leave(sources, &source, 0);
    sources_destroy(&sources);
}

/* ---- how fast ---- */

static void a_full_bucket_is_a_second_worth(void **state)
{
    (void)state;
    struct sources *sources = make(0, 100 * MS);
    struct source *source;
    assert_true(sources_rated(sources));
    assert_true(enters(sources, "192.0.2.1", &source));
    int64_t now = 1000 * SEC;
    for (int i = 0; i < 10; i++)
        assert_int_equal(source_pay(sources, source, now), now);
    assert_int_equal(source_pay(sources, source, now), now + 100 * MS);
    assert_int_equal(source_pay(sources, source, now), now + 200 * MS); /* behind the other */
    now += 300 * MS;
    assert_int_equal(source_pay(sources, source, now), now);
    assert_int_equal(source_pay(sources, source, now), now + 100 * MS);
    now += 3600 * SEC; /* full again, and no fuller */
    for (int i = 0; i < 10; i++)
        assert_int_equal(source_pay(sources, source, now), now);
    assert_int_equal(source_pay(sources, source, now), now + 100 * MS);
    sources_destroy(&sources);
}

static void a_slow_rate_lets_one_through(void **state)
{
    (void)state;
    struct sources *sources = make(0, 60 * SEC);
    struct source *source;
    assert_true(enters(sources, "192.0.2.1", &source));
    assert_int_equal(source_pay(sources, source, SEC), SEC);
    assert_int_equal(source_pay(sources, source, SEC), 61 * SEC);
    sources_destroy(&sources);
}

static void what_is_refunded_is_paid_once(void **state)
{
    (void)state;
    struct sources *sources = make(0, SEC);
    struct source *source;
    assert_true(enters(sources, "192.0.2.1", &source));
    assert_int_equal(source_pay(sources, source, SEC), SEC);
    assert_int_equal(source_pay(sources, source, SEC), 2 * SEC);
    source_refund(sources, source);
    assert_int_equal(source_pay(sources, source, SEC), 2 * SEC);
    sources_destroy(&sources);
}

static void sources_pay_each_for_itself(void **state)
{
    (void)state;
    struct sources *sources = make(0, SEC);
    struct source *first, *second;
    assert_true(enters(sources, "192.0.2.1", &first));
    assert_true(enters(sources, "192.0.2.2", &second));
    assert_int_equal(source_pay(sources, first, SEC), SEC);
    assert_int_equal(source_pay(sources, second, SEC), SEC);
    sources_destroy(&sources);
}

static void a_datagram_is_admitted_now_or_not_at_all(void **state)
{
    (void)state;
    struct sources *sources = make(0, 500 * MS);
    struct peer peer = numbered(1), other = numbered(2);
    int64_t now = 1000 * SEC;
    assert_true(sources_admit(sources, &peer, now));
    assert_true(sources_admit(sources, &peer, now));
    for (int i = 0; i < 100; i++) /* what was refused is not paid for */
        assert_false(sources_admit(sources, &peer, now));
    assert_true(sources_admit(sources, &other, now));
    assert_true(sources_admit(sources, &peer, now + 500 * MS));
    assert_false(sources_admit(sources, &peer, now + 500 * MS));
    sources_destroy(&sources);
}

/* ---- the table ---- */

static void a_source_without_debts_is_forgotten(void **state)
{
    (void)state;
    struct sources *sources = make(1, 0);
    for (unsigned i = 0; i < 10 * SOURCES_SPARE; i++) {
        struct peer peer = numbered(i);
        struct source *source;
        assert_true(sources_enter(sources, &peer, 0, &source));
        sources_leave(sources, &source, 0);
    }
    sources_destroy(&sources);
}

/* Going and coming back does not fill the bucket. */
static void a_source_in_debt_is_remembered(void **state)
{
    (void)state;
    struct sources *sources = make(0, SEC);
    struct peer peer = numbered(1);
    struct source *source;
    assert_true(sources_enter(sources, &peer, SEC, &source));
    assert_int_equal(source_pay(sources, source, SEC), SEC);
    sources_leave(sources, &source, SEC);
    assert_false(sources_admit(sources, &peer, SEC + MS));
    assert_true(sources_enter(sources, &peer, SEC + MS, &source));
    assert_int_equal(source_pay(sources, source, SEC + MS), 2 * SEC);
    sources_destroy(&sources);
}

/* More of them than there is room for, all in debt: everybody is served, who came last is known,
 * and who is connected is never forgotten. */
static void forged_addresses_do_not_stop_anybody(void **state)
{
    (void)state;
    struct sources *sources = make(1, SEC);
    struct peer connected = at("192.0.2.1");
    struct source *source, *another;
    int64_t now = SEC;
    assert_true(sources_enter(sources, &connected, now, &source));
    for (unsigned i = 0; i < 4 * SOURCES_SPARE; i++) {
        struct peer peer = numbered(i);
        assert_true(sources_admit(sources, &peer, now));
    }
    struct peer first = numbered(0), last = numbered(4 * SOURCES_SPARE - 1);
    assert_false(sources_admit(sources, &last, now));
    assert_true(sources_admit(sources, &first, now)); /* forgotten: it begins anew */
    assert_false(sources_enter(sources, &connected, now, &another));
    assert_int_equal(source_pay(sources, source, now), now);
    assert_int_equal(source_pay(sources, source, now), now + SEC);
    sources_leave(sources, &source, now);
    sources_destroy(&sources);
}

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS  20000

static atomic_uint inside, most_inside;

static void *come_and_go(void *context)
{
    struct sources *sources = context;
    struct peer peer = numbered(1);
    for (int i = 0; i < ROUNDS; i++) {
        struct source *source;
        if (!sources_enter(sources, &peer, 0, &source))
            continue;
        unsigned now = atomic_fetch_add(&inside, 1) + 1;
        unsigned most = atomic_load(&most_inside);
        while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now))
            ;
        atomic_fetch_sub(&inside, 1);
        sources_leave(sources, &source, 0);
    }
    return NULL;
}

static void *pay_often(void *context)
{
    struct sources *sources = context;
    struct peer peer = numbered(2);
    struct source *source;
    assert_true(sources_enter(sources, &peer, SEC, &source));
    for (int i = 0; i < ROUNDS; i++)
        source_pay(sources, source, SEC);
    sources_leave(sources, &source, SEC);
    return NULL;
}

static void run_threads(struct sources *sources, void *(*work)(void *))
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, sources);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void both_are_exact_between_threads(void **state)
{
    (void)state;
    struct sources *sources = make(2, MS);
    run_threads(sources, come_and_go);
    assert_in_range(atomic_load(&most_inside), 1, 2);
    sources_destroy(&sources);
    sources = make(THREADS, SEC);
    run_threads(sources, pay_often);
    struct peer peer = numbered(2);
    struct source *source;
    assert_true(sources_enter(sources, &peer, SEC, &source));
    assert_int_equal(source_pay(sources, source, SEC), (THREADS * ROUNDS + 1) * SEC);
    sources_destroy(&sources);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_allowed),
        cmocka_unit_test(ipv6_counts_by_its_network),
        cmocka_unit_test(a_mapped_address_is_the_ipv4_one),
        cmocka_unit_test(kinds_are_told_apart),
        cmocka_unit_test(who_has_no_address_is_not_counted),
        cmocka_unit_test(a_full_bucket_is_a_second_worth),
        cmocka_unit_test(a_slow_rate_lets_one_through),
        cmocka_unit_test(what_is_refunded_is_paid_once),
        cmocka_unit_test(sources_pay_each_for_itself),
        cmocka_unit_test(a_datagram_is_admitted_now_or_not_at_all),
        cmocka_unit_test(a_source_without_debts_is_forgotten),
        cmocka_unit_test(a_source_in_debt_is_remembered),
        cmocka_unit_test(forged_addresses_do_not_stop_anybody),
        cmocka_unit_test(both_are_exact_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
