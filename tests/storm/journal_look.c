/* journal_look.c: what is in the journal, held against what was sent and what was replied to. */
#include "journal_parts.h"

#include "base/peer.h"
#include "record/journal_series.h"

#include <inttypes.h>
#include <stdio.h>

/* Whose message it says it is: false when nobody's. */
static bool read_name(const struct journal_world *world, struct slice body, unsigned *talker,
                      unsigned *number)
{
    char name[32] = "";
    memcpy(name, body.data, body.size < sizeof name ? body.size : sizeof name - 1);
    return sscanf(name, "%u.%u:", talker, number) == 2 && *talker < world->talker_count;
}

static void look_at(struct journal_world *world, const struct message *message)
{
    unsigned number = 0, place = 0;
    if (message->sequence != ++world->messages)
        journal_break(world, "message %" PRIu64 " of the journal says that it is %" PRIu64,
                      world->messages, message->sequence);
    if (!read_name(world, message->body, &number, &place)) {
        journal_break(world, "message %" PRIu64 " is nobody's", message->sequence);
        return;
    }
    struct talker *talker = &world->talkers[number];
    if (place != talker->recorded)
        journal_break(world, "of client %u message %u stands where %u is due", number, place,
                      talker->recorded);
    else if (place >= talker->sent)
        journal_break(world, "message %u of client %u was not sent", place, number);
    else if (!slice_equal(message->body, journal_text(world, number, place)))
        journal_break(world, "message %u of client %u is not what was sent", place, number);
    else if (message->peer->port != talker->port || strcmp(message->listener, "tcp:sim") != 0)
        journal_break(world, "message %u of client %u came from elsewhere", place, number);
    talker->recorded++;
}

static void read_all(struct journal_world *world)
{
    struct journal_place place;
    struct journal_index index = {0};
    struct journal_series series;
    struct journal_found found;
    struct error error = {0};
    enum journal_step step;
    journal_place_open(&place, "platter", &error);
    if (journal_index_read(&index, &place) < 0)
        journal_break(world, "the journal cannot be listed");
    journal_series_begin(&series, &place, 0, 0);
    while ((step = journal_series_next(&series, &index, &found)) == JOURNAL_STEP_FRAME)
        if (found.head.kind == JOURNAL_MESSAGE) {
            struct message message = journal_reader_message(&series.reader, &found);
            look_at(world, &message);
        }
    if (step != JOURNAL_STEP_END)
        journal_break(world, "the journal that was made fit is not: %s",
                      series.why ? series.why : "it cannot be read");
    journal_series_end(&series);
    journal_index_free(&index);
    journal_place_close(&place);
}

/* What was there once stays, for a start makes it durable. */
void journal_look(struct journal_world *world)
{
    unsigned before[TALKERS_MOST];
    world->messages = 0;
    for (unsigned i = 0; i < world->talker_count; i++) {
        struct talker *talker = &world->talkers[i];
        before[i] = talker->promised;
        talker->recorded = 0;
    }
    read_all(world);
    for (unsigned i = 0; i < world->talker_count; i++)
        if (world->talkers[i].recorded < before[i])
            journal_break(world,
                          "of client %u %u messages were replied to or recorded, and %u are left",
                          i, before[i], world->talkers[i].recorded);
    for (unsigned i = 0; i < world->talker_count; i++)
        world->talkers[i].durable = world->talkers[i].promised = world->talkers[i].recorded;
}
