/* counters.c: the counters' names, and telling what all workers have counted together. */
#include "serve/counters.h"

#include "base/bytes.h"
#include "reply/outcome.h"
#include "serve/server.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const names[COUNTER_COUNT] = {
#define COUNTER(name, word) word,
    COUNTERS(COUNTER)
#undef COUNTER
#define REASON(name, word, fault, text) "ended-" word,
        REASONS(REASON)
#undef REASON
};

const char *counters_name(unsigned counter)
{
    return names[counter];
}

/* A connection that is still open has not ended: that reason counts nothing and is not shown. */
static unsigned counter_at(size_t index)
{
    return (unsigned)index + (index >= COUNTER_ENDED + REASON_NONE);
}

/* What all workers have counted. */
static uint64_t sum_of(const gt_server *server, unsigned counter)
{
    uint64_t sum = 0;
    const struct crew *crew = &server->crew;
    unsigned workers = atomic_load(&crew->countable);
    for (unsigned i = 0; i < workers; i++)
        sum += counters_value(&crew->workers[i].counted, counter);
    return sum;
}

uint64_t gt_message_count(const gt_server *server)
{
    return sum_of(server, COUNTER_MESSAGES);
}

/* Those of talks; 0 after the last. */
static int talk_counter_at(const gt_server *server, size_t index, struct gt_counter *counter)
{
    struct outcome_counts counts = {0};
    const struct outcome *outcome = atomic_load(&server->outcome);
    if (index >= TALK_COUNTER_COUNT)
        return 0;
    if (outcome)
        outcome_count(outcome, &counts);
    const struct gt_counter all[] = {
#define COUNTER(name, word, member) [TALK_COUNTER_##name] = {word, counts.member},
        TALK_COUNTERS(COUNTER)
#undef COUNTER
    };
    *counter = all[index];
    return 1;
}

int gt_counter_at(const gt_server *server, size_t index, struct gt_counter *counter)
{
    unsigned which = counter_at(index);
    if (which >= COUNTER_COUNT)
        return talk_counter_at(server, which - COUNTER_COUNT, counter);
    *counter = (struct gt_counter){counters_name(which), sum_of(server, which)};
    return 1;
}

/* "12 connections, 3 connections-open, ...": those that count something. */
static void sum_up(const struct gt_counter *list, size_t count, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++)
        if (list[i].value > 0)
            used += (size_t)snprintf(text + used, size - used, "%s%" PRIu64 " %s", used ? ", " : "",
                                     list[i].value, list[i].name);
    if (used == 0)
        snprintf(text, size, "nothing has been counted yet");
}

void counters_tell(gt_server *server)
{
    char text[(COUNTER_COUNT + TALK_COUNTER_COUNT) * 48];
    struct gt_counter list[COUNTER_COUNT + TALK_COUNTER_COUNT];
    size_t count = 0;
    while (gt_counter_at(server, count, &list[count]))
        count++;
    sum_up(list, count, text, sizeof text);
    struct gt_event event = {.kind = GT_EVENT_COUNTERS,
                             .level = GT_NOTICE,
                             .name = "counters",
                             .text = text,
                             .counters = list,
                             .counter_count = count};
    if (server->told && server->told_level >= GT_NOTICE)
        tell_event(server, &event);
}
