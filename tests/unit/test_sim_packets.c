/* test_sim_packets.c: the simulated engine's connections of packets. What every engine holds to is
 * in the contract tests. */
#include "engine/sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define PASSES_MOST 200000

static void settle(struct engine *engine)
{
    for (int i = 0; i < PASSES_MOST && !sim_idle(engine); i++) {
        assert_int_equal(engine_pass(engine, -1), 0);
        assert_null(sim_check(engine));
    }
    assert_true(sim_idle(engine));
}

struct end {
    struct receive_op receive;
    struct send_op send;
    struct iovec parts[3];
    char heard[100]; /* what came, each packet in brackets */
    size_t size;     /* of the last packet */
    bool truncated;
    int64_t end;
    int64_t sent;
};

static void on_packet(struct op *op, int64_t result)
{
    struct end *end = list_item(op, struct end, receive.op);
    if (result <= 0) {
        end->end = result;
        return;
    }
    end->size = (size_t)result;
    end->truncated = op->flags & OP_TRUNCATED;
    strcat(end->heard, "[");
    if (result < 20)
        strncat(end->heard, (const char *)end->receive.data, (size_t)result);
    strcat(end->heard, "]");
}

static void on_packet_sent(struct op *op, int64_t result)
{
    list_item(op, struct end, send.op)->sent = result;
}

static struct sim_client *meet(struct engine *engine, struct end *end, int *fd)
{
    *end = (struct end){.end = 1, .sent = -1000};
    end->receive.op.done = on_packet;
    end->receive.op.flags = OP_PACKETS;
    end->send.op.done = on_packet_sent;
    end->send.parts = end->parts;
    struct sim_client *client = sim_packets(engine, fd);
    engine_receive(engine, &end->receive, *fd);
    return client;
}

static void part(struct end *end, unsigned at, char *text)
{
    end->parts[at] = (struct iovec){text, strlen(text)};
    end->send.part_count = at + 1;
}

static void part_ways(struct engine *engine, struct end *end, int fd)
{
    engine_cancel(engine, &end->receive.op);
    engine_cancel(engine, &end->send.op);
    settle(engine);
    engine_close(engine, fd, false);
    engine_destroy(&engine);
}

static void a_packet_stays_whole(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct engine *engine = engine_sim_create(seed);
        struct sim_faults *faults = sim_faults(engine);
        faults->short_receive = faults->short_send = faults->tiny_packet = 0.5;
        faults->packet_most = faults->window_to_server = faults->window_to_client = 4;
        struct end end;
        int fd;
        struct sim_client *client = meet(engine, &end, &fd);
        char one[] = "one", two[] = "two", three[] = "three and four";
        sim_client_send(client, slice_of_text("first"));
        sim_client_send(client, slice_of_text("the second"));
        sim_client_shutdown(client);
        part(&end, 0, one);
        part(&end, 1, two);
        part(&end, 2, three);
        if (engine_send(engine, &end.send, fd))
            end.sent = end.send.op.result;
        settle(engine);
        assert_string_equal(end.heard, "[first][the second]");
        assert_int_equal(end.end, 0);
        assert_int_equal(end.sent, 20);
        assert_int_equal(end.send.transferred, 20);
        assert_true(sim_client_state(client).readable > 0);
        assert_int_equal(sim_client_read(client, 6), 6); /* and the rest of it is lost */
        assert_int_equal(sim_client_read(client, 100), 0);
        assert_true(slice_equal(sim_client_received(client), slice_of_text("onetwo")));
        part_ways(engine, &end, fd);
    }
}

static void a_packet_waits_for_room(void **state)
{
    (void)state;
    struct engine *engine = engine_sim_create(1);
    sim_faults(engine)->send_buffer = 20;
    sim_faults(engine)->window_to_client = 20;
    struct end end;
    int fd;
    struct sim_client *client = meet(engine, &end, &fd);
    char text[] = "longer than any buffer here";
    part(&end, 0, text);
    assert_true(engine_send(engine, &end.send, fd));
    part(&end, 0, text);
    assert_false(engine_send(engine, &end.send, fd));
    settle(engine);
    assert_int_equal(end.sent, 27);
    part(&end, 0, text);
    assert_false(engine_send(engine, &end.send, fd));
    settle(engine);
    assert_true(end.send.op.active); /* the second waits for the reader, and this one for it */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sim_client_read(client, 100), 27);
        settle(engine);
    }
    assert_false(end.send.op.active);
    part_ways(engine, &end, fd);
}

static void a_packet_may_be_too_long(void **state)
{
    (void)state;
    struct engine *engine = engine_sim_create(1);
    struct end end;
    int fd;
    struct sim_client *client = meet(engine, &end, &fd);
    uint8_t *bytes = calloc(1, PACKET_MAX + 1);
    assert_non_null(bytes);
    sim_client_send(client, slice_of(bytes, PACKET_MAX + 1));
    settle(engine);
    assert_int_equal(end.size, PACKET_MAX);
    assert_true(end.truncated);
    sim_client_send(client, slice_of(bytes, PACKET_MAX));
    settle(engine);
    assert_false(end.truncated);
    end.parts[0] = (struct iovec){bytes, PACKET_MAX + 1};
    end.send.part_count = 1;
    assert_true(engine_send(engine, &end.send, fd));
    assert_int_equal(end.send.op.result, -EMSGSIZE);
    free(bytes);
    part_ways(engine, &end, fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_stays_whole),
        cmocka_unit_test(a_packet_waits_for_room),
        cmocka_unit_test(a_packet_may_be_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
