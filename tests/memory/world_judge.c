/* world_judge.c: what is shown, and what has become of everybody at the end. */
#include "world.h"

#include "allocations.h"
#include "serve/server.h"

/* ---- what is shown ---- */

static void see_writers(struct world *world, unsigned number, unsigned message)
{
    struct writer *writer = &world->writers[number - TALKERS_MOST];
    if (number - TALKERS_MOST >= world->scene->writers || message >= writer->sent ||
        writer->shown[message]++)
        world_break(world, "message %u of writer %u is shown, out of place", message, number);
}

static void see_talkers(struct world *world, unsigned number, unsigned message)
{
    struct talker *talker = &world->talkers[number];
    if (number >= world->talker_count || message >= talker->sent || message != talker->shown)
        world_break(world, "message %u of talker %u is shown, out of place", message, number);
    else
        talker->shown++;
}

static void see(struct world *world, struct slice line)
{
    unsigned number, message;
    bool found = message_find(line, &number, &message);
    struct slice right = found ? message_text(world->scene, number, message) : line;
    if (!found || !memmem(line.data, line.size, right.data, right.size))
        world_break(world, "shown, and said by nobody: %.*s", (int)(line.size % 100),
                    (const char *)line.data);
    else if (number >= TALKERS_MOST)
        see_writers(world, number, message);
    else
        see_talkers(world, number, message);
    world->shown_count++;
}

void world_look(struct world *world)
{
    struct slice shown = slice_after(sim_content(world->engine, world->shown_fd), world->looked_at);
    const uint8_t *end;
    while (shown.size > 0 && (end = memchr(shown.data, '\n', shown.size))) {
        size_t size = (size_t)(end - shown.data);
        see(world, slice_of(shown.data, size));
        shown = slice_after(shown, size + 1);
        world->looked_at += size + 1;
    }
}

/* ---- the end ---- */

/* A message that is shown may have lost its reply with its connection, or at the goal. */
static void judge_talker(struct world *world, const struct talker *talker, bool to_the_end)
{
    unsigned all = world->scene->messages;
    if (talker_hit(talker) || (!to_the_end && !talker->connected))
        return;
    if (to_the_end && (talker->shown != all || talker->replied != all))
        world_break(world, "talker %u: of %u messages %u are shown, %u replied to; it ended: %s",
                    talker->number, all, talker->shown, talker->replied, talker->reason);
    if (talker->replied != talker->shown)
        world_break(world, "talker %u: %u messages are shown, %u replied to; it ended: %s",
                    talker->number, talker->shown, talker->replied, talker->reason);
}

/* Datagrams that were not taken, or not replied to, and those alone, were told. */
static void judge_writers(struct world *world)
{
    unsigned missing = 0;
    for (unsigned i = 0; i < world->scene->writers; i++)
        for (unsigned j = 0; j < world->scene->messages; j++)
            missing += !world->writers[i].replied[j];
    if (missing != world->lost)
        world_break(world, "%u datagrams had no reply, %u were told of", missing, world->lost);
}

static void judge_hits(struct world *world)
{
    unsigned hit = 0;
    for (unsigned i = 0; i < world->talker_count; i++)
        hit += talker_hit(&world->talkers[i]);
    if (hit + world->lost > allocations_failed())
        world_break(world, "%u connections and %u datagrams are lost for %llu allocations", hit,
                    world->lost, (unsigned long long)allocations_failed());
}

static void judge_left_behind(struct world *world)
{
    const struct worker *worker = &world->server->crew.workers[0];
    size_t turns = worker->turns.taken - (worker->at_hand != NULL);
    size_t others = worker->connections.taken + worker->outputs.taken + worker->parcels.taken +
                    worker->stagings.taken + worker->exchanges.taken + worker->affected.taken;
    if (turns + others + worker->memory_bytes || sim_open_count(world->engine) != 1)
        world_break(world, "%zu turns, %zu others, %zu bytes, %u descriptors are left", turns,
                    others, worker->memory_bytes, sim_open_count(world->engine) - 1);
}

/* A one-shot whose reply was lost with its connection says so. */
static void judge_status(struct world *world, int status)
{
    uint64_t count = world->scene->count;
    bool lost = count == 1 && world->server->crew.workers[0].reply_lost;
    if (status != (lost ? GT_FAILED : GT_DONE))
        world_break(world, "it ended with status %d: %s", status, gt_error(world->server));
    if (count && world->shown_count != count)
        world_break(world, "of %llu messages %u are shown", (unsigned long long)count,
                    world->shown_count);
    if (world->shown_count != gt_message_count(world->server))
        world_break(world, "%u messages are shown, %llu are counted", world->shown_count,
                    (unsigned long long)gt_message_count(world->server));
}

/* Whoever was replied nothing to a message that was shown, in a one-shot that is done. */
static void judge_one_shot(struct world *world, int status)
{
    unsigned replied = 0;
    for (unsigned i = 0; i < world->talker_count; i++)
        replied += world->talkers[i].replied;
    if (world->scene->count == 1 && status == GT_DONE && replied != 1)
        world_break(world, "it is done with its one message, and %u replies came", replied);
}

void world_judge(struct world *world, int status)
{
    world_look(world);
    judge_status(world, status);
    judge_one_shot(world, status);
    for (unsigned i = 0; i < world->talker_count; i++)
        judge_talker(world, &world->talkers[i], world->scene->count == 0);
    judge_writers(world);
    judge_hits(world);
    judge_left_behind(world);
    if (world->scene->count == 0 && !world->late)
        world_break(world, "nobody came late");
}
