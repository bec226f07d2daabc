/* library_user.c: a program of a user of the library, for test_11_library.py, which tells it what
 * to do by messages.
 *
 *     library_user run|loop|sparing|asking ADDRESS [SETTING VALUE]...
 *
 * run: gt_run. loop: a loop of its own that steps whenever it wakes. sparing: one that wakes all
 * the time for things of its own, and steps only when gt_fd is readable, or gt_timeout_ms, asked
 * once after each step, have passed. asking: likewise, but it asks anew whenever it wakes. What
 * happens is printed, a line each; the exit status is the run's. */
#include <errno.h>
#include <goodtalk.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define HELD_MAX    1024
#define THREADS_MAX 64
#define RELEASERS   8

static gt_server *server;

/* Turns to be replied to by other threads. */
static gt_turn *held[HELD_MAX];
static size_t held_count;

static pthread_t threads[THREADS_MAX];
static unsigned thread_count;

static bool left; /* the loop is left before the run is over */

/* What this program knows of a connection. */
struct person {
    unsigned number;
    unsigned messages;
};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

static void require(bool true_enough, const char *what)
{
    if (true_enough)
        return;
    fprintf(stderr, "library_user: %s: %s\n", what, strerror(errno));
    _exit(99);
}

/* ---- on other threads ---- */

static void start(void *(*work)(void *), void *argument)
{
    require(thread_count < THREADS_MAX, "threads");
    require(pthread_create(&threads[thread_count++], NULL, work, argument) == 0, "a thread");
}

static void *reply_later(void *turn)
{
    require(gt_reply(turn, "from a thread", 13) == GT_DONE, "gt_reply");
    return NULL;
}

/* Each of the releasers replies to its share of what was held, the last first. */
static void *release(void *share)
{
    char text[32];
    for (size_t i = held_count; i-- > 0;)
        if (i % RELEASERS == (size_t)share)
            gt_reply(held[i], text, (size_t)snprintf(text, sizeof text, "held %zu", i));
    return NULL;
}

/* Something that is done when the test says so: it knows that the server sleeps. */
static void wait_until_told(void)
{
    char byte = 0;
    require(read(STDIN_FILENO, &byte, 1) == 1, "standard input");
}

static void *reply_when_told(void *turn)
{
    wait_until_told();
    gt_reply(turn, "told", 4);
    return NULL;
}

static void *stop_when_told(void *unused)
{
    wait_until_told();
    gt_stop(server);
    return unused;
}

static void *count_when_told(void *unused)
{
    wait_until_told();
    gt_tell_counters(server);
    return unused;
}

static void *stop_now(void *unused)
{
    gt_stop(server);
    return unused;
}

static void *count_all_the_time(void *unused)
{
    struct gt_counter counter = {.value = 0};
    for (int i = 0; i < 1000; i++)
        for (size_t index = 0; gt_counter_at(server, index, &counter); index++)
            continue;
    gt_tell_counters(server);
    return unused;
}

/* ---- who somebody is ---- */

static int describe(const struct gt_peer *peer, char *text, size_t size)
{
    char host[64] = "-";
    char port[16] = "-";
    const struct sockaddr *address = (const struct sockaddr *)&peer->address;
    if (address->sa_family != AF_UNIX)
        require(getnameinfo(address, peer->address_size, host, sizeof host, port, sizeof port,
                            NI_NUMERICHOST | NI_NUMERICSERV) == 0,
                "getnameinfo");
    return snprintf(text, size, "%d %s %s %u %d %u %u", address->sa_family, host, port,
                    (unsigned)peer->address_size, (int)peer->pid, (unsigned)peer->uid,
                    (unsigned)peer->gid);
}

static void reply_who(gt_turn *turn, const struct gt_message *message)
{
    struct gt_peer of_turn, of_connection;
    memset(&of_turn, 0xff, sizeof of_turn);
    memset(&of_connection, 0xff, sizeof of_connection);
    gt_turn_peer(turn, &of_turn);
    if (message->connection)
        gt_connection_peer(message->connection, &of_connection);
    char text[256], other[256];
    int size = describe(&of_turn, text, sizeof text);
    describe(message->connection ? &of_connection : &of_turn, other, sizeof other);
    require(strcmp(text, other) == 0, "the peer of the turn is another than the connection's");
    gt_reply(turn, text, (size_t)size);
}

/* ---- messages ---- */

static void hold(gt_turn *turn)
{
    require(held_count < HELD_MAX, "turns to hold");
    held[held_count++] = turn;
}

static void reply_number(gt_turn *turn, size_t number)
{
    char text[16];
    gt_reply(turn, text, (size_t)snprintf(text, sizeof text, "%zu", number));
}

static bool heard_of_threads(gt_turn *turn, const char *word)
{
    if (strcmp(word, "later") == 0)
        start(reply_later, turn);
    else if (strcmp(word, "hold") == 0)
        hold(turn);
    else if (strcmp(word, "later when told") == 0)
        start(reply_when_told, turn);
    else
        return false;
    return true;
}

static void heard_order(const char *word, gt_connection *connection)
{
    if (strcmp(word, "release") == 0)
        for (size_t share = 0; share < RELEASERS; share++)
            start(release, (void *)share);
    else if (strcmp(word, "stop") == 0)
        start(stop_now, NULL);
    else if (strcmp(word, "stop when told") == 0)
        start(stop_when_told, NULL);
    else if (strcmp(word, "count when told") == 0)
        start(count_when_told, NULL);
    else if (strcmp(word, "count") == 0)
        start(count_all_the_time, NULL);
    else if (strcmp(word, "close") == 0)
        gt_connection_close(connection);
    else if (strcmp(word, "leave") == 0)
        left = true;
}

static void heard(gt_turn *turn, const struct gt_message *message, void *context)
{
    require(context == &server, "the context of messages");
    char word[32];
    snprintf(word, sizeof word, "%.*s", (int)message->size, (const char *)message->bytes);
    if (message->connection) /* a datagram has none */
        ((struct person *)gt_connection_data(message->connection))->messages++;
    if (heard_of_threads(turn, word))
        return;
    heard_order(word, message->connection);
    if (strcmp(word, "none") == 0)
        gt_reply_none(turn);
    else if (strcmp(word, "who") == 0)
        reply_who(turn, message);
    else if (strcmp(word, "how many") == 0)
        reply_number(turn, ((struct person *)gt_connection_data(message->connection))->messages);
    else if (strcmp(word, "how many held") == 0)
        reply_number(turn, held_count);
    else
        gt_reply(turn, "at once", 7);
}

/* ---- connections and events ---- */

static void opened(gt_connection *connection, void *context)
{
    static unsigned number;
    require(context == threads, "the context of connections");
    require(gt_connection_data(connection) == NULL, "data that nobody has set");
    struct person *person = calloc(1, sizeof *person);
    require(person, "memory");
    person->number = ++number;
    gt_connection_set_data(connection, person);
    say("opened %u", person->number);
}

static void ended(gt_connection *connection, void *context)
{
    require(context == threads, "the context of connections");
    struct person *person = gt_connection_data(connection);
    say("ended %u with %u", person->number, person->messages);
    free(person); /* twice is what AddressSanitizer sees */
}

static void told(const struct gt_event *event, void *context)
{
    require(context == held, "the context of events");
    require((event->kind == GT_EVENT_COUNTERS) == (event->counters != NULL), "an event's counters");
    say("event %s %s", event->name, event->listener ? event->listener : "-");
    for (size_t i = 0; i < event->counter_count; i++)
        say("told %s %llu", event->counters[i].name, (unsigned long long)event->counters[i].value);
}

static void on_signal(int number)
{
    if (number == SIGUSR1)
        gt_tell_counters(server);
    else
        gt_stop(server);
}

/* ---- the loops ---- */

static int loop(void)
{
    int status = GT_RUNNING;
    while ((status = gt_step(server)) == GT_RUNNING && !left) {
        struct pollfd mine = {.fd = gt_fd(server), .events = POLLIN};
        require(poll(&mine, 1, gt_timeout_ms(server)) >= 0 || errno == EINTR, "poll");
    }
    return status;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until gt_fd is readable or the time has come. A signal, or a tick, is no reason to step: what
 * they ask for must be seen at gt_fd. */
static void wait_sparingly(int fd, int ticking, bool asking)
{
    int timeout_ms = gt_timeout_ms(server);
    int64_t until_ms = now_ms() + timeout_ms;
    struct pollfd both[] = {{.fd = fd, .events = POLLIN}, {.fd = ticking, .events = POLLIN}};
    if (timeout_ms < 0 && thread_count > 0)
        say("sleeps");
    int64_t left_ms = timeout_ms;
    do {
        uint64_t ticks;
        if (poll(both, 2, (int)left_ms) > 0 && !both[0].revents)
            require(read(ticking, &ticks, sizeof ticks) > 0, "a tick");
        if (asking)
            left_ms = gt_timeout_ms(server);
        else if (timeout_ms >= 0)
            left_ms = until_ms > now_ms() ? until_ms - now_ms() : 0;
    } while (!(both[0].revents & POLLIN) && left_ms != 0);
}

static int open_ticking(void)
{
    struct itimerspec often = {.it_interval = {.tv_nsec = 500000}, .it_value = {.tv_nsec = 1}};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    require(timer >= 0 && timerfd_settime(timer, 0, &often, NULL) == 0, "a timer");
    return timer;
}

static int loop_sparingly(bool asking)
{
    int fd = gt_fd(server);
    int ticking = open_ticking();
    require(fd >= 0, "gt_fd");
    unsigned long steps = 1;
    int status = GT_RUNNING;
    for (; (status = gt_step(server)) == GT_RUNNING; steps++) {
        require(gt_fd(server) == fd, "gt_fd is another now");
        wait_sparingly(fd, ticking, asking);
    }
    close(ticking);
    say("steps %lu", steps);
    return status;
}

static int serve(const char *how)
{
    if (strcmp(how, "run") == 0)
        return gt_run(server);
    return strcmp(how, "loop") == 0 ? loop() : loop_sparingly(strcmp(how, "asking") == 0);
}

/* ---- */

static void set_up(char **settings)
{
    server = gt_create();
    require(server, "gt_create");
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    gt_on_message(server, heard, &server);
    gt_on_connection(server, opened, ended, threads);
    gt_on_event(server, GT_DETAIL, told, held);
    for (; settings[0]; settings += 2)
        require(gt_set(server, settings[0], settings[1]) == GT_DONE, gt_error(server));
}

static void tell_counters(void)
{
    struct gt_counter counter = {.value = 0};
    for (size_t i = 0; gt_counter_at(server, i, &counter); i++)
        say("counter %s %llu", counter.name, (unsigned long long)counter.value);
    require(!gt_counter_at(server, 1000, &counter), "no end of the counters");
    say("messages %llu", (unsigned long long)gt_message_count(server));
}

int main(int argc, char **argv)
{
    require(argc >= 3 && argc % 2 == 1, "usage");
    set_up(argv + 3);
    if (gt_listen(server, argv[2]) != GT_DONE) {
        fprintf(stderr, "%s\n", gt_error(server));
        return 12;
    }
    int status = serve(argv[1]);
    for (unsigned i = 0; i < thread_count; i++)
        pthread_join(threads[i], NULL);
    tell_counters();
    signal(SIGTERM, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    gt_free(&server);
    say("freed");
    return server ? 13 : status;
}
