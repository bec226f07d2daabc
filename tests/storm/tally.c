/* tally.c: one table of everything that is counted, for adding, printing and finding gaps. */
#include "tally.h"

#include <stdio.h>

static const char *const event_names[] = {
#define EVENT(name, words) words,
    TALLY_EVENTS(EVENT)
#undef EVENT
};
static const char *const speech_names[] = {"talk",
                                           "line",
                                           "crlf",
                                           "nul",
                                           "delim",
                                           "length",
                                           "varint",
                                           "netstring",
                                           "octet",
                                           "fixed",
                                           "eof",
                                           "chunk",
                                           "packets and datagrams"};
static const char *const socket_names[] = {"tcp", "unixpacket", "udp", "unixgram"};
static const char *const show_names[] = {"talk", "raw", "json", "hex", "none"};
static const char *const malice_names[] = {"none",        "silent",   "probes",
                                           "half-closes", "trickles", "deaf",
                                           "never ends",  "floods",   "resets"};

struct group {
    const char *name;
    size_t at; /* in struct tally */
    unsigned count;
    const char *const *names; /* NULL: reasons */
};

static const struct group groups[] = {
    {"run", offsetof(struct tally, events), TALLY_EVENT_COUNT, event_names},
    {"framing", offsetof(struct tally, speeches), TALLY_SPEECHES, speech_names},
    {"socket", offsetof(struct tally, sockets), TALLY_SOCKETS, socket_names},
    {"show", offsetof(struct tally, shows), TALLY_SHOWS, show_names},
    {"malice", offsetof(struct tally, malices), MALICES, malice_names},
    {"ended", offsetof(struct tally, reasons), REASON_COUNT, NULL},
};

#define GROUPS (sizeof groups / sizeof *groups)

static uint64_t *counts_of(struct tally *tally, const struct group *group)
{
    return (uint64_t *)(void *)((char *)tally + group->at);
}

static const char *name_of(const struct group *group, unsigned i)
{
    return group->names ? group->names[i] : reason_row((enum reason)i)->word;
}

/* ---- counting ---- */

/* Once for each run. */
static void meet(uint64_t *count, bool *met)
{
    *count += !*met;
    *met = true;
}

static void tally_listeners(struct tally *tally, const struct scenario_plan *plan)
{
    bool speeches[TALLY_SPEECHES] = {false}, sockets[TALLY_SOCKETS] = {false};
    for (unsigned i = 0; i < plan->listener_count; i++) {
        const struct scenario_listener *listener = &plan->listeners[i];
        meet(&tally->speeches[listener->speech.kind], &speeches[listener->speech.kind]);
        meet(&tally->sockets[listener->socket], &sockets[listener->socket]);
    }
}

static void tally_reason(struct tally *tally, const char *word, bool met[REASON_COUNT])
{
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (strcmp(reason_row((enum reason)i)->word, word) == 0)
            meet(&tally->reasons[i], &met[i]);
}

void tally_clients(struct tally *tally, const struct scenario *scenario)
{
    bool malices[MALICES] = {false}, reasons[REASON_COUNT] = {false};
    bool aborted = false, broken = false;
    tally->runs++;
    tally->shows[scenario->plan.show]++;
    tally_listeners(tally, &scenario->plan);
    for (unsigned i = 0; i < scenario->plan.clients; i++) {
        const struct scenario_client *client = &scenario->clients[i];
        meet(&tally->malices[client->malice], &malices[client->malice]);
        if (!client->sim)
            continue;
        tally_reason(tally, client->reason, reasons);
        if (sim_client_state(client->sim).aborted)
            meet(&tally->events[TALLY_ABORTED], &aborted);
        if (sim_client_state(client->sim).broken)
            meet(&tally->events[TALLY_BROKEN], &broken);
    }
}

void tally_add(struct tally *to, const struct tally *tally)
{
    const uint64_t *from = (const uint64_t *)(const void *)tally;
    uint64_t *sums = (uint64_t *)(void *)to;
    for (size_t i = 0; i < sizeof *tally / sizeof *sums; i++)
        sums[i] += from[i];
}

/* ---- telling ---- */

void tally_print(const struct tally *tally)
{
    struct tally copy = *tally;
    for (const struct group *group = groups; group < groups + GROUPS; group++)
        for (unsigned i = 0; i < group->count; i++)
            printf("%-8s %-40s %10llu\n", group->name, name_of(group, i),
                   (unsigned long long)counts_of(&copy, group)[i]);
}

/* What only happens where memory is out, a system fails in ways that the simulation does not,
 * somebody leaves at once, or a script or command has the word. */
static bool is_beyond_us(const struct group *group, unsigned i)
{
    static const enum reason beyond[] = {
        REASON_NONE,           REASON_NO_MEMORY,    REASON_ABANDONED, REASON_UNFRAMED,
        REASON_SOCKET_ERROR,   REASON_TALKED,       REASON_UNMET,     REASON_SCRIPT_FAILED,
        REASON_COMMAND_FAILED, REASON_COMMAND_ENDED};
    for (unsigned j = 0; !group->names && j < sizeof beyond / sizeof *beyond; j++)
        if (beyond[j] == i)
            return true;
    return false;
}

bool tally_is_whole(const struct tally *tally)
{
    struct tally copy = *tally;
    bool whole = true;
    for (const struct group *group = groups; group < groups + GROUPS; group++)
        for (unsigned i = 0; i < group->count; i++) {
            if (counts_of(&copy, group)[i] > 0 || is_beyond_us(group, i))
                continue;
            printf("never met: %s: %s\n", group->name, name_of(group, i));
            whole = false;
        }
    return whole;
}
