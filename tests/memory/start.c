/* start.c: the real engines, real sockets, several workers: all that the simulated scenes leave
 * out.
 *
 * A server is made, set, listens, runs for a millisecond and is freed. Whoever fails must say that
 * memory is out; one that has begun to run may not fail for it. */
#include "start.h"

#include "allocations.h"

#include <dirent.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define READY_FD  1000
#define LOG_FD    1001
#define TALK_FD   1002
#define HANDED_FD 3

/* A script collects its garbage and asks again. */
#define COUNT_SCRIPT 9
#define STEP_SCRIPT  8 /* there are thousands; so each fails among others */

struct way {
    const char *engine;
    const char *workers;
    const char *addresses[3];
    const char *talk; /* what the talk file holds, if there is one */
};

static const char rules[] =
    "backlog = 9\n"
    "listen = { { 'tcp:127.0.0.1:0', frame = 'chunk' } }\n"
    "local last = {}\n"
    "reply {\n"
    "  { '^a(?<name>b+)', '$peer says ${name}', delay = '1s', times = 3 },\n"
    "  { 'c', replies = { 'd', { 'e', close = true } } },\n"
    "  function (message) last[1] = message return ('x'):rep(99) end,\n"
    "}\n";
static const char conversation[] = "shared.names = {}\n"
                                   "talk(function (peer)\n"
                                   "  peer:expect '^HELO (.*)'\n"
                                   "  peer:say 'good-bye'\n"
                                   "end)\n";

static const struct way ways[] = {
    {"epoll", "1", {"tcp:127.0.0.1:0", "udp:127.0.0.1:0", NULL}, NULL},
    {"epoll", "3", {"tcp:127.0.0.1:0", "unix:@goodtalk-start-%d", NULL}, NULL},
    {"auto", "2", {"tcp:127.0.0.1:0", "unixpacket:@goodtalk-start-%d", NULL}, NULL},
    {"epoll", "1", {"systemd", NULL}, NULL},
    {"epoll", "2", {"tcp:127.0.0.1:0", NULL}, rules},
    {"epoll", "1", {"tcp:127.0.0.1:0", NULL}, conversation},
};

/* The descriptors of this process. */
static unsigned descriptors(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count;
}

static int set_all(gt_server *server, const struct way *way)
{
    const char *const pairs[][2] = {
        {"engine", way->engine},
        {"workers", way->workers},
        {"timeout", "1ms"},
        {"count", "0"},
        {way->talk ? "talk" : "reply", way->talk ? "/proc/self/fd/1002" : "so be it"},
        {"greeting", "good day\\n"},
        {"frame", "line"},
        {"show", "talk"},
        {"ready", "fd:1000"},
        {"log", "/proc/self/fd/1001"},
        {"max-per-source", "9"},
    };
    int status = GT_DONE;
    for (unsigned i = 0; i < sizeof pairs / sizeof *pairs && status == GT_DONE; i++)
        status = gt_set(server, pairs[i][0], pairs[i][1]);
    return status;
}

static int listen_on(gt_server *server, const struct way *way)
{
    int status = GT_DONE;
    char address[64];
    for (unsigned i = 0; way->addresses[i] && status == GT_DONE; i++) {
        snprintf(address, sizeof address, "%s", way->addresses[i]);
        char *number = strstr(address, "%d");
        if (number)
            snprintf(number, sizeof address - (size_t)(number - address), "%d", (int)getpid());
        status = gt_listen(server, address);
    }
    return status;
}

/* Under this number. */
static void place(int fd, int number)
{
    if (fd != number) {
        dup2(fd, number);
        close(fd);
    }
}

/* What the server is given: a descriptor that readiness can be told to, a file for its log, its
 * talk file, and two sockets as of a service manager. */
static void open_given(const char *talk)
{
    char number[16];
    place(memfd_create("talk", 0), TALK_FD);
    if (talk && write(TALK_FD, talk, strlen(talk)) < 0)
        perror("talk");
    place(open("/dev/null", O_WRONLY), READY_FD);
    place(memfd_create("log", 0), LOG_FD);
    for (int fd = HANDED_FD; fd < HANDED_FD + 2; fd++) {
        struct sockaddr_un nameless = {.sun_family = AF_UNIX};
        place(socket(AF_UNIX, SOCK_STREAM, 0), fd);
        bind(fd, (struct sockaddr *)&nameless, sizeof nameless.sun_family);
        listen(fd, 1);
    }
    snprintf(number, sizeof number, "%d", (int)getpid());
    setenv("LISTEN_PID", number, 1);
    setenv("LISTEN_FDS", "2", 1);
}

static void close_given(void)
{
    close(READY_FD);
    close(LOG_FD);
    close(TALK_FD);
    close(HANDED_FD);
    close(HANDED_FD + 1);
}

/* Whoever cannot listen on all that an address means, listens on none of it. */
static bool listens_on_none(gt_server *server, const struct way *way)
{
    return way->addresses[1] || gt_run(server) == GT_WRONG;
}

/* Whether it worked, or failed as it should. */
static bool start_once(const struct way *way)
{
    gt_server *server = gt_create();
    if (!server)
        return allocations_failed() > 0;
    int status = set_all(server, way);
    bool listens = status == GT_DONE && listen_on(server, way) == GT_DONE;
    if (listens)
        status = gt_run(server);
    else
        status = GT_FAILED;
    bool failed_well =
        status == GT_FAILED && allocations_failed() > 0 && strstr(gt_error(server), "emory");
    if (status != GT_DONE && !failed_well)
        printf("start with %s, %s workers: status %d: %s\n", way->engine, way->workers, status,
               gt_error(server));
    if (!listens && !listens_on_none(server, way)) {
        printf("start on %s: it failed and listens\n", way->addresses[0]);
        failed_well = false;
    }
    gt_free(&server);
    return status == GT_DONE || failed_well;
}

/* count: of allocations that fail, one after the other. */
static bool start_in_turn(const struct way *way, uint64_t count)
{
    uint64_t nth = 0, step = way->talk ? STEP_SCRIPT : 1;
    do {
        close_given();
        unsigned open_before = descriptors();
        int64_t held_before = allocations_held();
        allocations_begin();
        allocations_fail(nth += step, count);
        open_given(way->talk);
        bool well = start_once(way);
        close_given();
        if (!well || allocations_held() != held_before || descriptors() != open_before) {
            printf("start with %s, %s workers, allocation %llu: %lld blocks, %d descriptors left\n",
                   way->engine, way->workers, (unsigned long long)nth,
                   (long long)(allocations_held() - held_before),
                   (int)descriptors() - (int)open_before);
            return false;
        }
    } while (allocations_failed() > 0);
    printf("start    %llu allocations with %s, %s workers%s\n", (unsigned long long)nth - step,
           way->engine, way->workers, way->talk ? ", and a talk file" : "");
    return true;
}

bool start_all(void)
{
    bool fine = true;
    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++)
        fine &=
            start_in_turn(&ways[i], 1) && (!ways[i].talk || start_in_turn(&ways[i], COUNT_SCRIPT));
    return fine;
}
