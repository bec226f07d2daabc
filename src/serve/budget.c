/* budget.c: what everything may come to, and whether it fits.
 *
 * The happy path: the sum of the defaults is far less than what there is. Where it is not, it is
 * first max-script-memory and max-memory that become less, then the number of connections, unless
 * they were asked for. What was asked for and does not fit even so is refused, and the sentence
 * says what would. */
#include "serve/budget.h"

#include "base/units.h"
#include "guard/memory.h"
#include "serve/handover.h"
#include "serve/server.h"
#include "serve/sources.h"
#include "serve/talker.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>

/* What a worker's recorders gather before intake pauses, and what is being written meanwhile. */
#define RECORDED_BYTES ((int64_t)2 * 1024 * 1024)

/* Less than this for messages is not worth a start. */
#define MESSAGES_LEAST ((int64_t)1024 * 1024)

/* ---- counting ---- */

/* Where there is a talk file, each may hold a conversation; where a command is named, be handed to
 * it. */
static int64_t place_bytes(const gt_server *server)
{
    const struct engine *engine = atomic_load(&server->engine);
    size_t talker = server->settings.talk ? sizeof(struct talker) : 0;
    size_t handover = server->hands_over ? sizeof(struct handover) : 0;
    return (int64_t)(sizeof(struct connection) + sizeof(struct output) + talker + handover +
                     engine->slot_bytes);
}

static int64_t worker_bytes(const struct engine *engine)
{
    return (int64_t)(sizeof(struct worker) + engine->own_bytes) + RECORDED_BYTES;
}

static int64_t source_bytes(const struct settings *settings, int64_t connections)
{
    bool by_source = settings->max_per_source > 0 || settings->rate_interval_ns > 0;
    return by_source ? (int64_t)sources_memory((size_t)connections) : 0;
}

static int64_t size_of(int fd, int option)
{
    int size = 0;
    socklen_t length = sizeof size;
    return getsockopt(fd, SOL_SOCKET, option, &size, &length) == 0 ? size : 0;
}

/* What the system keeps for each connection, at most, of the listener that lets it keep most; 0:
 * where one leaves it to the system. */
static int64_t system_bytes(gt_server *server)
{
    int64_t most = 0;
    struct list *listeners = &server->listeners;
    for (struct list *link = listeners->next; link != listeners; link = link->next) {
        const struct listener *listener = list_item(link, struct listener, link);
        int fd = listener->socket.fd;
        if (listener->post)
            continue;
        if (listener->settings->count > 0 || listener->settings->connections > 0)
            return 0;
        int64_t both = size_of(fd, SO_SNDBUF) + size_of(fd, SO_RCVBUF);
        most = both > most ? both : most;
    }
    return most;
}

static void count(struct budget *budget, const gt_server *server, int64_t connections)
{
    const struct engine *engine = atomic_load(&server->engine);
    budget->connections = connections;
    budget->places = connections * place_bytes(server);
    budget->of_workers = budget->workers * worker_bytes(engine);
    budget->of_sources = source_bytes(&server->settings, connections);
}

/* All but messages. */
static int64_t fixed(const struct budget *budget)
{
    return budget->places + budget->of_workers + budget->of_sources + budget->of_scripts;
}

/* ---- fitting ---- */

static int refuse_memory(gt_server *server, const struct budget *budget, struct memory_limit limit)
{
    char asked[32], allowed[32], most[32];
    int64_t fits = limit.bytes - fixed(budget);
    units_size_words(asked, sizeof asked, budget->messages);
    units_size_words(allowed, sizeof allowed, limit.bytes);
    return error_set(&server->error, GT_FAILED,
                     "--max-memory %s: does not fit into the %s that this process may have (%s); "
                     "%s would",
                     asked, allowed, limit.what,
                     units_size_words(most, sizeof most, fits > 0 ? fits : 0));
}

static int refuse_workers(gt_server *server, const struct budget *budget, struct memory_limit limit)
{
    char buffers[32], memory[32];
    int64_t each = budget->of_workers / budget->workers;
    return error_set(
        &server->error, GT_FAILED,
        "--workers %u: their buffers take %s, which does not fit into the %s that this "
        "process may have (%s); %" PRId64 " would",
        budget->workers, units_size_words(buffers, sizeof buffers, budget->of_workers),
        units_size_words(memory, sizeof memory, limit.bytes), limit.what,
        (limit.bytes - MESSAGES_LEAST) / each);
}

static int refuse_scripts(gt_server *server, const struct budget *budget, struct memory_limit limit)
{
    char asked[32], all[32], memory[32];
    return error_set(&server->error, GT_FAILED,
                     "--max-script-memory %s: for %u worker%s that is %s, which does not fit into "
                     "the %s that this process may have (%s)",
                     units_size_words(asked, sizeof asked, server->settings.max_script_memory),
                     budget->workers, budget->workers == 1 ? "" : "s",
                     units_size_words(all, sizeof all, budget->of_scripts),
                     units_size_words(memory, sizeof memory, limit.bytes), limit.what);
}

/* What a talk file's scripts may hold: where that was not asked for, a quarter of all. */
static int count_scripts(gt_server *server, struct budget *budget, struct memory_limit limit)
{
    if (!server->talk)
        return GT_DONE;
    int64_t *each = &server->settings.max_script_memory;
    int64_t share = limit.bytes / 4 / budget->workers;
    if (!server->settings.max_script_memory_given && *each > share)
        *each = share > SCRIPT_MEMORY_LEAST ? share : SCRIPT_MEMORY_LEAST;
    budget->of_scripts = budget->workers * *each;
    bool fits = budget->of_scripts + budget->of_workers + MESSAGES_LEAST <= limit.bytes;
    return fits ? GT_DONE : refuse_scripts(server, budget, limit);
}

/* How many connections fit beside the rest. */
static int64_t connections_that_fit(const gt_server *server, const struct budget *budget,
                                    int64_t allowed)
{
    int64_t left = allowed - budget->messages - (fixed(budget) - budget->places);
    int64_t count = left / place_bytes(server);
    return count > 0 ? count : 0;
}

static int refuse_connections(gt_server *server, const struct budget *budget,
                              struct memory_limit limit, int64_t fit)
{
    char memory[32], messages[32];
    return error_set(&server->error, GT_FAILED,
                     "--max-connections %" PRId64 ": with %s for messages they do not fit into the "
                     "%s that this process may have (%s); %" PRId64 " would",
                     budget->connections,
                     units_size_words(messages, sizeof messages, budget->messages),
                     units_size_words(memory, sizeof memory, limit.bytes), limit.what, fit);
}

/* It does not fit, and max-memory cannot become less: fewer connections. */
static int fit_connections(gt_server *server, struct budget *budget, struct memory_limit limit)
{
    int64_t connections = connections_that_fit(server, budget, limit.bytes);
    if (connections == 0 && server->settings.max_memory_given)
        return refuse_memory(server, budget, limit);
    if (connections == 0 || server->settings.max_connections > 0)
        return refuse_connections(server, budget, limit, connections);
    count(budget, server, connections);
    return GT_DONE;
}

/* Let what was not asked for become less: what is for messages has half of all, or what is left. */
static int fit(gt_server *server, struct budget *budget, struct memory_limit limit)
{
    if (!server->settings.max_memory_given) {
        int64_t left = limit.bytes - fixed(budget);
        int64_t most = left < limit.bytes / 2 ? left : limit.bytes / 2;
        budget->messages = budget->messages < most ? budget->messages : most;
        if (budget->messages < MESSAGES_LEAST)
            budget->messages = MESSAGES_LEAST;
    }
    bool fits = budget->messages + fixed(budget) <= limit.bytes;
    return fits ? GT_DONE : fit_connections(server, budget, limit);
}

int budget_make(gt_server *server, unsigned workers, int64_t connections, bool simulated,
                struct budget *budget)
{
    *budget = (struct budget){.workers = workers, .messages = server->settings.max_memory};
    count(budget, server, connections);
    if (simulated)
        return GT_DONE;
    budget->of_system = budget->connections * system_bytes(server);
    struct memory_limit limit = memory_allowed("");
    if (workers > 1 && budget->of_workers + MESSAGES_LEAST > limit.bytes)
        return refuse_workers(server, budget, limit);
    if (count_scripts(server, budget, limit) != GT_DONE)
        return GT_FAILED;
    if (server->settings.max_memory_given && budget->messages > limit.bytes)
        return refuse_memory(server, budget, limit);
    return fit(server, budget, limit);
}

/* ---- telling ---- */

void budget_tell(gt_server *server, const struct budget *budget)
{
    char sum[32], messages[32], places[32], workers[32], sources[32], scripts[32], of_system[64];
    int64_t own = budget->messages + fixed(budget);
    units_size_words(of_system, sizeof of_system, budget->of_system);
    tell(server, GT_EVENT_NOTE, GT_DETAIL, (struct event_origin){.reason = REASON_NONE},
         "memory, at most: %s: %s for unfinished messages and waiting replies, %s for %" PRId64
         " connections, %s for buffers of %u worker%s, %s for sources, %s for scripts; and of the "
         "system's own %s "
         "for the buffers of connections",
         units_size_words(sum, sizeof sum, own),
         units_size_words(messages, sizeof messages, budget->messages),
         units_size_words(places, sizeof places, budget->places), budget->connections,
         units_size_words(workers, sizeof workers, budget->of_workers), budget->workers,
         budget->workers == 1 ? "" : "s",
         units_size_words(sources, sizeof sources, budget->of_sources),
         units_size_words(scripts, sizeof scripts, budget->of_scripts),
         budget->of_system > 0 ? of_system : "what it finds fit");
}
