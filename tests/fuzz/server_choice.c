/* server_choice.c: what the first bytes of an input choose: a bit or a few for each setting, so
 * that zeros are a server as it is by default. */
#include "server_world.h"

#include <stdio.h>

static void set(struct world *world, const char *name, const char *value)
{
    if (gt_set(world->server, name, value) != GT_DONE)
        require_sentence(&world->server->error);
}

static void set_number(struct world *world, const char *name, size_t number, const char *unit)
{
    char text[40];
    snprintf(text, sizeof text, "%zu%s", number, unit);
    set(world, name, text);
}

static void choose_framing(struct world *world)
{
    static const char *const frames[] = {
        "talk",     "line",       "crlf",         "nul",        "delim:ab",  "delim:aab",
        "length:1", "length:2le", "length:2@1-2", "varint",     "netstring", "octet",
        "fixed:3",  "eof",        "chunk",        "length:1+1",
    };
    world->frame = frames[next_byte(&world->input) % (sizeof frames / sizeof *frames)];
    world->max_message = (size_t)next_byte(&world->input) + 3;
    set(world, "frame", world->frame);
    set_number(world, "max-message", world->max_message, "");
}

static void choose_replies(struct world *world)
{
    uint8_t byte = next_byte(&world->input);
    world->replies = byte % 4;
    world->greeting = byte & 4 ? "hello\r\n" : NULL;
    world->close = byte & 8;
    world->pauses = byte & 16;
    if (world->replies == REPLIES_ECHO)
        set(world, "echo", NULL);
    if (world->replies == REPLIES_NOTHING)
        set(world, "silent", NULL);
    if (world->replies == REPLIES_BY_US)
        gt_on_message(world->server, world_heard, world);
    if (world->greeting)
        set(world, "greeting", world->greeting);
    set(world, "close", world->close ? "on" : "off");
    set(world, "pause", world->pauses ? "20ms" : "none");
}

static void choose_timeouts(struct world *world)
{
    uint8_t byte = next_byte(&world->input);
    world->drain_timeout_ns = (byte & 8 ? 1 : 30) * SECOND_NS;
    if (byte & 1)
        set(world, "idle-timeout", "50ms");
    if (byte & 2)
        set(world, "message-timeout", "30ms");
    if (byte & 4)
        set(world, "write-timeout", "70ms");
    set_number(world, "drain-timeout", (size_t)(world->drain_timeout_ns / SECOND_NS), "s");
}

static void choose_limits(struct world *world)
{
    uint8_t byte = next_byte(&world->input);
    world->max_memory = byte & 16 ? 3000 + (size_t)next_byte(&world->input) * 64 : (size_t)1 << 28;
    world->has_goal = byte & 12;
    if (byte & 3)
        set_number(world, "max-connections", byte & 3, "");
    if (byte & 4)
        set_number(world, "count", byte >> 5, "");
    if (byte & 8)
        set_number(world, "connections", byte >> 5, "");
    set_number(world, "max-memory", world->max_memory, "");
}

/* ---- the world ---- */

static double odds(struct world *world)
{
    return (double)(next_byte(&world->input) % 5) / 8;
}

static void choose_faults(struct world *world)
{
    struct sim_faults *faults = sim_faults(world->engine);
    uint8_t byte = next_byte(&world->input);
    if (byte & 1) {
        faults->short_receive = odds(world);
        faults->short_send = odds(world);
        faults->send_later = odds(world);
        faults->shuffle = odds(world);
    }
    if (byte & 2)
        faults->late_input = faults->reset_destroys = 0.5;
    if (byte & 4)
        faults->accept_refused = faults->accept_aborted = 0.2;
    if (byte & 8) {
        faults->window_to_server = faults->window_to_client = 40;
        faults->send_buffer = 60;
    }
    if (byte & 16)
        faults->datagrams_refused = faults->datagram_fails = faults->datagram_late = 0.3;
    world->doubles = byte & 32;
    faults->datagram_doubled = world->doubles ? 0.5 : 0;
    if (byte & 64)
        world->engine->receive_size = (size_t)next_byte(&world->input) % 16 + 1;
    if (byte & 128)
        faults->latency_ns = (struct sim_range){100000, 3000000};
}

/* What messages are shown on: a file, a reader who reads by and by, one who reads when told. */
static void choose_shown(struct world *world)
{
    static const char *const formats[] = {"none", "talk", "raw", "json", "hex"};
    struct sim_faults *faults = sim_faults(world->engine);
    uint8_t byte = next_byte(&world->input);
    world->show = formats[byte % 5];
    world->shown_in_file = byte % 3 == 0;
    set(world, "show", world->show);
    if (byte & 64)
        faults->write_later = faults->write_short = 0.5;
    if (byte & 128)
        faults->fail_write_at = 3, faults->fail_write_with = ENOSPC;
    if (world->shown_in_file) {
        world->shown_fd = sim_file(world->engine);
    } else {
        world->shown_fd = sim_stream(world->engine, 200);
        sim_stream_pace(world->engine, world->shown_fd, byte % 3 == 1 ? 50 : 0, SECOND_NS / 1000);
    }
    world->server->outlet = (struct outlet){
        .fd = world->shown_fd, .mode = world->shown_in_file ? WRITE_FILE : WRITE_STREAM};
}

static void choose_listeners(struct world *world)
{
    static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
    uint8_t byte = next_byte(&world->input);
    world->unix_kinds = byte & 128;
    world->listener_count = 1 + (size_t)byte % LISTENERS_MOST;
    for (size_t i = 0; i < world->listener_count; i++) {
        int type = types[(byte / 3 + i) % 3];
        world->listeners[i].type = type;
        world->listeners[i].fd =
            type == SOCK_DGRAM
                ? sim_datagrams(world->engine, world->unix_kinds ? SIM_UNIX : SIM_UDP)
                : sim_listen(world->engine);
    }
}

static bool listen_and_start(struct world *world)
{
    int status = GT_DONE;
    for (size_t i = 0; status == GT_DONE && i < world->listener_count; i++)
        status = server_listen_on(world->server, world->listeners[i].fd, world->listeners[i].type,
                                  "tcp:simulated");
    if (status == GT_DONE)
        status = server_start(world->server, world->engine);
    if (status != GT_DONE)
        require_sentence(&world->server->error);
    return status == GT_DONE;
}

bool world_begin(struct world *world)
{
    world->server = gt_create();
    require(world->server != NULL);
    choose_framing(world);
    choose_replies(world);
    choose_timeouts(world);
    choose_limits(world);
    world->engine = engine_sim_create(next_byte(&world->input) + (uint64_t)1);
    choose_faults(world);
    choose_shown(world);
    choose_listeners(world);
    return listen_and_start(world);
}
