/* journal.c: servers on one disk, one after the other, and how each of them ends. */
#include "journal_parts.h"

#include "serve/server.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MS          INT64_C(1000000)
#define INTERVAL_MS 100
#define PASSES_MOST 200000

enum ending { TOLD_TO_STOP, KILLED, POWER_CUT };

struct life {
    struct journal_world *world;
    gt_server *server;
    int64_t end_ns;
    enum ending ending;
    int64_t interval_ns; /* of syncs; 0: always, -1: never */
    unsigned number;
    bool cut;  /* the power is, when it has ended */
    bool over; /* it ended by itself */
};

const struct plant journal_plants[] = {
    {"journal-reply-before-sync", "now and then messages are replied to before they are synced",
     NULL},
    {"journal-failure-ignored", "a sync that failed counts as one that did not", NULL},
    {"journal-names-forgotten", "the names of new segments are not made durable", NULL},
    {"journal-write-dropped", "now and then a batch is not written", NULL},
    {"journal-cut-too-short", "a start cuts off more than it may", NULL},
    {NULL, NULL, NULL}};

static unsigned bugs_of(const char *plant)
{
    for (unsigned i = 0; plant && journal_plants[i].name; i++)
        if (strcmp(journal_plants[i].name, plant) == 0)
            return 1u << i; /* enum platter_bug has them in this order */
    return 0;
}

void journal_break(struct journal_world *world, const char *format, ...)
{
    va_list arguments;
    if (world->broken[0])
        return;
    va_start(arguments, format);
    vsnprintf(world->broken, sizeof world->broken, format, arguments);
    va_end(arguments);
}

static bool happens(unsigned percent)
{
    return platter_random(100) < percent;
}

static void told(const struct gt_event *event, void *context)
{
    const struct journal_world *world = context;
    if (world->verbose)
        printf("%9.3f ms  %s: %s\n", (double)sim_now(world->engine) / 1e6 - 1000, event->name,
               event->text);
}

/* ---- making one ---- */

static void set(struct life *life, const char *name, const char *value)
{
    if (gt_set(life->server, name, value) != GT_DONE)
        journal_break(life->world, "--%s %s: %s", name, value, gt_error(life->server));
    if (life->world->verbose)
        printf(" --%s %s", name, value);
}

static void choose_sync(struct life *life)
{
    unsigned chance = (unsigned)platter_random(100);
    life->interval_ns = chance < 70 ? 0 : chance < 90 ? INTERVAL_MS * MS : -1;
    set(life, "sync", chance < 70 ? "always" : chance < 90 ? "100ms" : "never");
}

static void choose_faults(struct life *life)
{
    struct sim_faults *faults = sim_faults(life->world->engine);
    struct platter_pace pace = {.write_ns = 2 * MS, .sync_ns = 2 * MS, .later = 0.3};
    if (happens(50))
        pace.sync_ns = 30 * MS;
    if (happens(20))
        pace.write_ns = 20 * MS;
    if (life->interval_ns == 0 && happens(20))
        pace.sync_ns = 200 * MS;
    faults->latency_ns = (struct sim_range){0, (int64_t)platter_random(4) * MS};
    faults->short_receive = happens(50) ? 0.1 : 0;
    faults->short_send = happens(50) ? 0.1 : 0;
    faults->breaks = happens(20) ? 0.01 : 0;
    faults->tiny_packet = happens(20) ? 0.1 : 0;
    platter_serve(life->world->engine, pace);
    if (happens(15))
        platter_fail_sync(1 + (unsigned)platter_random(30));
}

static void fill(void *context, uint64_t full)
{
    (void)context;
    platter_fill(full != 0);
}

static void choose_fullness(struct life *life)
{
    if (!happens(20))
        return;
    int64_t from_ns = (int64_t)platter_random(300) * MS;
    sim_after(life->world->engine, from_ns, fill, NULL, 1);
    sim_after(life->world->engine, from_ns + (int64_t)platter_random(300) * MS, fill, NULL, 0);
}

static void choose_end(struct life *life)
{
    unsigned chance = (unsigned)platter_random(100);
    life->ending = chance < 20 ? TOLD_TO_STOP : chance < 40 ? KILLED : POWER_CUT;
    life->cut = life->ending == POWER_CUT || (life->ending == TOLD_TO_STOP && happens(50));
    life->end_ns = sim_now(life->world->engine) + (int64_t)platter_random(500 * MS);
}

/* Whether it has started; by chance it does not live to see that. */
static bool begin(struct life *life)
{
    struct journal_world *world = life->world;
    world->engine = engine_sim_create(world->seed * 16 + life->number);
    life->server = gt_create();
    int listener = sim_listen(world->engine);
    gt_on_event(life->server, GT_DETAIL, told, world);
    set(life, "keep", "on");
    set(life, "echo", "on");
    set(life, "show", "none");
    set(life, "frame", speech_setting(&world->speech));
    set(life, "record", "platter");
    set(life, "segment-size", "64KiB");
    choose_sync(life);
    choose_faults(life);
    choose_fullness(life);
    choose_end(life);
    if (world->verbose)
        printf(" (run %u)\n", life->number);
    bool dies = life->number > 0 && happens(15);
    if (dies)
        platter_stop(1 + (unsigned)platter_random(20));
    server_listen_on(life->server, listener, SOCK_STREAM, "tcp:sim");
    bool started = server_start(life->server, world->engine) == GT_DONE;
    if (!started && !dies)
        journal_break(world, "it does not start: %s", gt_error(life->server));
    if (dies)
        return false;
    journal_look(world);
    journal_talkers_begin(world, listener);
    return started;
}

/* ---- letting it live ---- */

static bool step_until(struct life *life, int64_t until_ns)
{
    for (int passes = 0; !server_over(life->server); passes++) {
        int64_t left_ns = until_ns - sim_now(life->world->engine);
        if (left_ns <= 0 || life->world->broken[0])
            return false;
        server_step(life->server, left_ns);
        if (passes > PASSES_MOST)
            journal_break(life->world, "it does not come to an end");
    }
    return true;
}

/* Told to stop, it does, and has done everything. */
static void let_end(struct life *life)
{
    struct journal_world *world = life->world;
    if (!life->over && (life->ending == TOLD_TO_STOP || platter_has_failed())) {
        gt_stop(life->server);
        life->over = step_until(life, sim_now(world->engine) + 100000 * MS);
        if (!life->over)
            journal_break(world, "it does not stop");
    }
    if (!life->over)
        return;
    int status = server_finish(life->server);
    if (status != (platter_has_failed() ? GT_FAILED : GT_DONE))
        journal_break(world, "it ends with status %d: %s", status, gt_error(life->server));
    if (platter_was_asked_again())
        journal_break(world, "a file is synced again after that failed");
}

/* What was replied to until then is durable. After a failure nothing is replied to. */
static int64_t durable_until(const struct life *life)
{
    if (life->interval_ns == 0)
        return INT64_MAX;
    if (life->interval_ns < 0)
        return -1;
    if (platter_has_failed())
        return platter_failed_ns() - life->interval_ns;
    return life->over ? INT64_MAX : sim_now(life->world->engine) - life->interval_ns;
}

static void live(struct life *life)
{
    struct journal_world *world = life->world;
    if (begin(life)) {
        life->over = step_until(life, life->end_ns);
        let_end(life);
    }
    if (world->verbose)
        printf("%9.3f ms  %s%s\n", (double)sim_now(world->engine) / 1e6 - 1000,
               life->over ? "it is over" : "it is killed", life->cut ? ", the power is cut" : "");
    journal_talkers_end(world, durable_until(life));
    if (life->cut)
        journal_talkers_cut(world);
    platter_stop(0);
    gt_free(&life->server);
    platter_restart(life->cut);
}

bool journal_storm_run(uint64_t seed, const char *plant, bool verbose, struct tally *tally,
                       char found[STORM_TEXT_SIZE])
{
    static const enum speech_kind kinds[] = {SPEECH_LINE, SPEECH_NUL, SPEECH_LENGTH, SPEECH_VARINT,
                                             SPEECH_NETSTRING};
    struct journal_world world = {.seed = seed, .verbose = verbose};
    (void)tally;
    platter_begin(seed, bugs_of(plant));
    world.speech = (struct speech){.kind = kinds[platter_random(5)], .number_size = 4};
    unsigned lives = 3 + (unsigned)platter_random(3);
    for (unsigned i = 0; i < lives && !world.broken[0]; i++) {
        struct life life = {.world = &world, .number = i};
        live(&life);
    }
    snprintf(found, STORM_TEXT_SIZE, "%s", world.broken);
    bytes_free(&world.scratch);
    platter_end();
    return !world.broken[0];
}
