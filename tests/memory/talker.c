/* talker.c: those who talk to the server, and hold what they get against what they said.
 *
 * A talker acts whenever something has happened to its connection; a writer sends a datagram every
 * so often, whatever became of the one before. */
#include "world.h"

#define WRITES_EVERY_NS INT64_C(2000000)

static const char line_end[] = "\n";

/* ---- talkers ---- */

static void say_round(struct talker *talker)
{
    const struct scene *scene = talker->world->scene;
    for (unsigned i = 0; i < scene->round && talker->sent < scene->messages; i++, talker->sent++) {
        sim_client_send(talker->client, message_text(scene, talker->number, talker->sent));
        if (!talker->packets)
            sim_client_send(talker->client, slice_of_text(line_end));
    }
}

static struct slice greeting_of(const struct talker *talker)
{
    for (const char *const *pair = talker->world->scene->settings; *pair; pair += 2)
        if (strcmp(pair[0], "greeting") == 0)
            return slice_of_text(pair[1]);
    return slice_of(NULL, 0);
}

/* Whether what came begins with as much of this as came of it. */
static bool agrees(struct slice came, struct slice right)
{
    size_t size = came.size < right.size ? came.size : right.size;
    return size == 0 || memcmp(came.data, right.data, size) == 0;
}

/* Hold one more whole reply against what was said: false when it has not come yet. */
static bool hear_one(struct talker *talker, struct slice came)
{
    struct world *world = talker->world;
    struct slice right = reply_text(world->scene, talker->number, talker->replied);
    struct slice end = slice_of_text(talker->packets ? "" : line_end);
    if (talker->replied == talker->sent || talker->replied == talker->shown)
        world_break(world, "talker %u gets %zu bytes after %u replies, to %u messages, %u shown",
                    talker->number, came.size, talker->replied, talker->sent, talker->shown);
    else if (!agrees(came, right))
        world_break(world, "talker %u gets a wrong reply %u: %.60s", talker->number,
                    talker->replied, (const char *)came.data);
    if (world->broken[0] || came.size < right.size + end.size)
        return false;
    talker->replied++;
    talker->replied_bytes += right.size + end.size;
    return true;
}

static void hear(struct talker *talker)
{
    size_t greeting = greeting_of(talker).size;
    while (sim_client_read(talker->client, SIZE_MAX) > 0)
        ;
    struct slice received = sim_client_received(talker->client);
    world_look(talker->world);
    if (!agrees(received, greeting_of(talker)))
        world_break(talker->world, "talker %u is greeted wrongly", talker->number);
    if (received.size < greeting)
        return;
    struct slice came;
    do
        came = slice_after(received, greeting + talker->replied_bytes);
    while (came.size > 0 && hear_one(talker, came));
}

static void happened(void *context, uint64_t number)
{
    struct talker *talker = context;
    (void)number;
    hear(talker);
    struct sim_client_state state = sim_client_state(talker->client);
    if (state.ended || state.reset || state.refused) {
        talker->gone = true;
        sim_client_close(talker->client);
        return;
    }
    if (talker->replied < talker->sent)
        return;
    if (talker->sent < talker->world->scene->messages)
        say_round(talker);
    else if (!talker->stays)
        sim_client_shutdown(talker->client);
}

void talker_connect(struct world *world, bool packets, bool stays)
{
    struct talker *talker = &world->talkers[world->talker_count];
    *talker = (struct talker){
        .world = world, .number = world->talker_count++, .packets = packets, .stays = stays};
    talker->client = packets ? sim_connect_packets(world->engine, world->packets_fd)
                             : sim_connect(world->engine, world->stream_fd);
    sim_client_watch(talker->client, happened, talker, 0);
    say_round(talker);
}

bool talker_done(const struct talker *talker)
{
    return talker->gone || (talker->stays && talker->replied == talker->world->scene->messages);
}

bool talker_hit(const struct talker *talker)
{
    static const char *const reasons[] = {"no-memory", "script-failed", "command-failed"};
    for (unsigned i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(talker->reason, reasons[i]) == 0)
            return true;
    return false;
}

/* ---- writers ---- */

static void writer_read(void *context, uint64_t number)
{
    struct writer *writer = context;
    struct world *world = writer->world;
    struct sim_letter letter;
    unsigned talker, message;
    (void)number;
    world_look(world);
    while (sim_correspondent_read(writer->correspondent, &letter)) {
        if (!message_find(letter.bytes, &talker, &message) || talker != writer->number ||
            message >= writer->sent ||
            !slice_equal(letter.bytes, reply_text(world->scene, talker, message)))
            world_break(world, "writer %u gets a wrong reply", writer->number);
        else if (!writer->shown[message] || writer->replied[message]++)
            world_break(world, "writer %u: message %u is replied to, shown %u times",
                        writer->number, message, writer->shown[message]);
    }
}

static void writer_write(void *context, uint64_t number)
{
    struct writer *writer = context;
    struct world *world = writer->world;
    struct local_address to = {.family = AF_INET, .interface = 1, .address = {127, 0, 0, 1}};
    (void)number;
    if (world->over || writer_done(writer))
        return;
    sim_correspondent_send(writer->correspondent,
                           message_text(world->scene, writer->number, writer->sent++), to);
    sim_after(world->engine, WRITES_EVERY_NS, writer_write, writer, 0);
}

void writer_begin(struct world *world, unsigned number, int fd)
{
    struct writer *writer = &world->writers[number];
    writer->world = world;
    writer->number = TALKERS_MOST + number;
    writer->correspondent = sim_correspondent(world->engine, fd, SIM_NEAR);
    sim_correspondent_watch(writer->correspondent, writer_read, writer, 0);
    sim_after(world->engine, WRITES_EVERY_NS, writer_write, writer, 0);
}

bool writer_done(const struct writer *writer)
{
    return writer->sent == writer->world->scene->messages;
}
