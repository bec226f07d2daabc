/* bench_make.c: all that a load needs is allocated before it begins: the block that is sent from,
 * the connections, the batches of each. Failing: memory. */
#include "tool/bench_make.h"

#include "tool/bench_connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

/* The block that is sent from: a stream takes all that may be in flight in one piece. */
static int make_block(struct bench_load *load)
{
    const struct bench_options *options = load->options;
    struct bytes *block = &load->block;
    struct slice request = bytes_slice(&options->request);
    if (options->target.transport != TRANSPORT_STREAM)
        return bytes_append(block, slice_after(request, request.size - options->request_bytes));
    for (int64_t i = 0; i < options->depth; i++) {
        if (bytes_append(block, request) != 0)
            return -ENOMEM;
    }
    return 0;
}

static int make_datagrams(struct bench_connection *connection)
{
    const struct bench_options *options = connection->load->options;
    size_t count = options->depth < DATAGRAMS_MAX ? (size_t)options->depth : DATAGRAMS_MAX;
    if (options->target.transport != TRANSPORT_DATAGRAMS)
        return 0;
    connection->datagrams = calloc(count, sizeof *connection->datagrams);
    return connection->datagrams ? 0 : -ENOMEM;
}

static int make_connections(struct bench_load *load)
{
    size_t depth = (size_t)load->options->depth, count = (size_t)load->options->connections;
    load->connections = calloc(count, sizeof *load->connections);
    load->batches = calloc(count * depth, sizeof *load->batches);
    if (!load->connections || !load->batches)
        return -ENOMEM;
    for (; load->connection_count < count; load->connection_count++) {
        size_t i = load->connection_count;
        bench_connection_begin(&load->connections[i], load, load->batches + i * depth);
        if (make_datagrams(&load->connections[i]) != 0)
            return -ENOMEM;
    }
    return 0;
}

int bench_load_begin(struct bench_load *load, struct engine *engine,
                     const struct bench_options *options)
{
    load->options = options;
    load->engine = engine;
    load->request_bytes = options->request_bytes;
    bench_pattern_begin(&load->pattern, &options->framing, (size_t)options->expect_bytes,
                        (unsigned)options->depth);
    return make_block(load) != 0 || make_connections(load) != 0 ? -ENOMEM : 0;
}

static bool is_loopback(const struct place *place)
{
    return place->any.sa_family == AF_INET && ntohl(place->ipv4.sin_addr.s_addr) >> 24 == 127;
}

void bench_load_place(struct bench_load *load, const struct place *place)
{
    load->place = *place;
    load->spreads = load->options->brief && is_loopback(place);
}

bool bench_load_stop(struct bench_load *load)
{
    bool stopped = true;
    load->over = true;
    for (size_t i = 0; i < load->connection_count; i++)
        stopped &= bench_connection_stop(&load->connections[i]);
    return stopped;
}

void bench_load_free(struct bench_load *load)
{
    for (size_t i = 0; i < load->connection_count; i++)
        bench_connection_free(&load->connections[i]);
    free(load->connections);
    free(load->batches);
    bytes_free(&load->block);
    bench_pattern_free(&load->pattern);
}
