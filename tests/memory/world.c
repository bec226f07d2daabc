/* world.c: one run: the server is set and started, talked to, told to stop, judged.
 *
 * When those who talk are done, memory comes back, and one more talker comes, who must be served.
 * Then the server is told to stop, if it has no goal. Where it does not even start, it must say so;
 * then it is started again, with memory. */
#include "world.h"

#include "allocations.h"
#include "serve/server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SECOND_NS   INT64_C(1000000000)
#define LATER_NS    INT64_C(3000000)
#define PASSES_MOST 300000
#define PATIENCE_S  600

void world_break(struct world *world, const char *format, ...)
{
    va_list arguments;
    if (world->broken[0])
        return;
    va_start(arguments, format);
    vsnprintf(world->broken, sizeof world->broken, format, arguments);
    va_end(arguments);
}

/* ---- what the server says ---- */

static struct talker *talker_of(struct world *world, const char *peer)
{
    char name[PEER_NAME_SIZE];
    for (unsigned i = 0; peer && i < world->talker_count; i++) {
        struct peer known = sim_client_peer(world->talkers[i].client);
        if (strcmp(peer_name(&known, name), peer) == 0)
            return &world->talkers[i];
    }
    return NULL;
}

static void told(const struct gt_event *event, void *context)
{
    struct world *world = context;
    struct talker *talker = talker_of(world, event->peer);
    if (world->verbose)
        printf("%9.3f ms  %s: %s\n", (double)sim_now(world->engine) / 1e6 - 1000, event->name,
               event->text);
    if (event->kind == GT_EVENT_CONNECTED && talker)
        talker->connected = true;
    if (event->kind == GT_EVENT_ENDED && talker)
        snprintf(talker->reason, sizeof talker->reason, "%s", event->reason);
    world->lost += world->scene->writers && event->kind == GT_EVENT_NOTE && event->peer;
}

/* ---- the application ---- */

struct later {
    const struct scene *scene;
    gt_turn *turn;
    unsigned talker, message;
};

static void reply_to(const struct scene *scene, gt_turn *turn, unsigned talker, unsigned message)
{
    struct slice words = reply_text(scene, talker, message);
    gt_reply(turn, words.data, words.size);
}

static void reply_later(void *context, uint64_t number)
{
    struct later *later = context;
    (void)number;
    reply_to(later->scene, later->turn, later->talker, later->message);
    free(later);
}

/* Every third reply comes later. */
static void heard(gt_turn *turn, const struct gt_message *message, void *context)
{
    struct world *world = context;
    unsigned talker, number;
    if (!message_find(slice_of(message->bytes, message->size), &talker, &number)) {
        world_break(world, "a message is heard that nobody said");
        gt_reply_none(turn);
        return;
    }
    if ((talker + number) % 3) {
        reply_to(world->scene, turn, talker, number);
        return;
    }
    struct later *later = malloc(sizeof *later);
    if (!later)
        abort();
    *later = (struct later){world->scene, turn, talker, number};
    sim_after(world->engine, sim_random(world->engine, 0, LATER_NS), reply_later, later, 0);
}

/* ---- the clock ---- */

static bool all_done(const struct world *world)
{
    bool done = true;
    for (unsigned i = 0; i < world->talker_count; i++)
        done &= talker_done(&world->talkers[i]);
    for (unsigned i = 0; i < world->scene->writers; i++)
        done &= writer_done(&world->writers[i]);
    return done;
}

/* One comes late; where there is a goal, as many as it takes. */
static bool comes_late(const struct world *world)
{
    return !world->late || (world->scene->count && world->talker_count < TALKERS_MOST);
}

/* Once a second. */
static void look_around(void *context, uint64_t seconds)
{
    struct world *world = context;
    if (world->over)
        return;
    bool patient = seconds < PATIENCE_S;
    if (patient && !all_done(world)) {
        sim_after(world->engine, SECOND_NS, look_around, world, seconds + 1);
    } else if (patient && comes_late(world)) {
        allocations_succeed();
        world->late = true;
        talker_connect(world, false, true);
        sim_after(world->engine, SECOND_NS, look_around, world, seconds + 1);
    } else {
        allocations_succeed();
        gt_stop(world->server);
    }
}

/* ---- beginning ---- */

static struct sim_faults moody(void)
{
    struct sim_faults faults = sim_faults_none();
    faults.short_receive = 0.2;
    faults.tiny_packet = 0.1;
    faults.short_send = 0.2;
    faults.send_later = 0.3;
    faults.write_later = 0.3;
    faults.write_ns = (struct sim_range){1000, 500000};
    return faults;
}

static void make_shown(struct world *world)
{
    bool slow = world->scene->shown_slowly;
    world->shown_fd = slow ? sim_stream(world->engine, 8192) : sim_file(world->engine);
    if (slow)
        sim_stream_pace(world->engine, world->shown_fd, 4096, 200000);
    world->server->outlet =
        (struct outlet){.fd = world->shown_fd, .mode = slow ? WRITE_STREAM : WRITE_FILE};
}

static int listen_on(struct world *world, int *fd, int type, const char *name)
{
    bool letters = type == SOCK_DGRAM;
    *fd = letters ? sim_datagrams(world->engine, name[0] == 'd' ? SIM_UDP : SIM_UNIX)
                  : sim_listen(world->engine);
    return server_listen_on(world->server, *fd, type, name);
}

static int listen_all(struct world *world)
{
    const struct scene *scene = world->scene;
    int status = listen_on(world, &world->stream_fd, SOCK_STREAM, "stream");
    if (status == GT_DONE && scene->packets)
        status = listen_on(world, &world->packets_fd, SOCK_SEQPACKET, "packets");
    if (status == GT_DONE && scene->writers)
        status = listen_on(world, &world->letter_fds[0], SOCK_DGRAM, "datagrams");
    if (status == GT_DONE && scene->writers)
        status = listen_on(world, &world->letter_fds[1], SOCK_DGRAM, "unix datagrams");
    return status;
}

/* The talk file of the scene. */
static int set_talk(struct world *world)
{
    char path[40];
    const char *talk = world->scene->talk;
    int fd = memfd_create("talk", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    bool written = fd >= 0 && write(fd, talk, strlen(talk)) == (ssize_t)strlen(talk);
    int status = gt_set(world->server, "talk", path);
    close(fd);
    return written ? status : GT_WRONG;
}

/* The settings, the listeners, the start: GT_DONE, or what the server says. */
static int set_and_start(struct world *world)
{
    int status = world->scene->talk ? set_talk(world) : GT_DONE;
    const char *const *pair = world->scene->settings;
    for (; *pair && status == GT_DONE; pair += 2)
        status = gt_set(world->server, pair[0], pair[1]);
    if (world->scene->replies == REPLIES_BY_APPLICATION)
        gt_on_message(world->server, heard, world);
    if (status == GT_DONE)
        status = listen_all(world);
    return status == GT_DONE ? server_start(world->server, world->engine) : status;
}

static bool make_server(struct world *world)
{
    world->engine = engine_sim_create(1);
    *sim_faults(world->engine) = moody();
    world->server = gt_create();
    if (!world->server) {
        engine_destroy(&world->engine);
        return false;
    }
    gt_on_event(world->server, GT_DETAIL, told, world);
    make_shown(world);
    return true;
}

/* It has not started: it must have said why. The engine is the server's once it tried to start. */
static void give_up(struct world *world, int status)
{
    if (status != GT_FAILED || !*gt_error(world->server) || allocations_failed() == 0)
        world_break(world, "it does not start, with status %d: %s", status,
                    gt_error(world->server));
    bool taken_over = world->server->engine != NULL;
    gt_free(&world->server);
    if (!taken_over)
        engine_destroy(&world->engine);
}

/* Start, again with memory where there was none. */
static bool start(struct world *world)
{
    for (int tries = 0; tries < 2 && !world->broken[0]; tries++) {
        int status = GT_FAILED;
        if (make_server(world)) {
            status = set_and_start(world);
            if (status == GT_DONE)
                return true;
            give_up(world, status);
        }
        allocations_succeed();
    }
    world_break(world, "it does not start, though there is memory");
    return false;
}

static void begin_talks(struct world *world)
{
    const struct scene *scene = world->scene;
    for (unsigned i = 0; i < scene->talkers; i++)
        talker_connect(world, false, i % 2);
    for (unsigned i = 0; i < scene->packets; i++)
        talker_connect(world, true, i % 2);
    for (unsigned i = 0; i < scene->writers; i++)
        writer_begin(world, i, world->letter_fds[i % 2]);
    sim_after(world->engine, SECOND_NS, look_around, world, 0);
}

/* ---- the run ---- */

static void let_run(struct world *world)
{
    for (unsigned passes = 0; !server_over(world->server) && !world->broken[0]; passes++) {
        server_step(world->server, -1);
        world_look(world);
        if (passes > PASSES_MOST)
            world_break(world, "the server does not come to an end");
    }
    world->over = true;
    for (unsigned passes = 0; !sim_idle(world->engine) && passes < PASSES_MOST; passes++)
        engine_pass(world->engine, -1);
}

bool world_run(const struct scene *scene, bool verbose, char found[FOUND_SIZE])
{
    static struct world world;
    int64_t held_before = allocations_held();
    world = (struct world){.scene = scene, .verbose = verbose};
    if (start(&world)) {
        begin_talks(&world);
        let_run(&world);
        allocations_succeed();
        if (!world.broken[0])
            world_judge(&world, server_finish(world.server));
        gt_free(&world.server);
    }
    if (!world.broken[0] && allocations_held() != held_before)
        world_break(&world, "%lld blocks of memory are left behind",
                    (long long)(allocations_held() - held_before));
    snprintf(found, FOUND_SIZE, "%s", world.broken);
    return !world.broken[0];
}
