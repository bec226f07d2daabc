/* relp-load -c CONNECTIONS -p WINDOW -b BYTES -d MILLISECONDS --warmup MILLISECONDS tcp:HOST:PORT:
 * the load for a server of RELP, whose reply to a message says that it was taken. The options and
 * the line of JSON are those of `goodtalk bench`, as far as the runner needs them.
 *
 * Each connection has a thread, since librelp's client sends one message and waits. It does not
 * tell when a reply comes, only lets a call wait while the window is full: a call returned for
 * message n says that message n - window is acknowledged, and that is what is counted and timed.
 * The least window that it has is two.
 *
 * Connections are opened one after the other, for the queue of those who wait is short on many a
 * server. They are not closed in order: whoever runs this ends the server too. */
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <librelp.h> /* last: it takes for granted what the others declare */

#define PATIENCE_SECONDS 10
#define LONGEST_US       (PATIENCE_SECONDS * 1000000)
#define LARGEST_MESSAGE  65536
#define LEAST_WINDOW     2 /* librelp takes a window of one for none and has 128 in its place */
#define STACK_BYTES      262144

enum phase { WARMING_UP, MEASURING, OVER };

struct load {
    unsigned connections;
    unsigned window;
    unsigned bytes; /* of a message, with the end of line that the server writes after it */
    unsigned milliseconds;
    unsigned warmup;
    unsigned char *host, *port;
};

struct connection {
    relpClt_t *client;
    double *sent_at; /* of the messages in the window */
};

static struct load load = {1, 1, 256, 1000, 300, NULL, NULL};
static unsigned char message[LARGEST_MESSAGE];
static atomic_int phase;
static atomic_uint broken, timed_out;
static atomic_uint latencies[LONGEST_US + 1]; /* how many took so many microseconds */

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "relp-load: %s\n", what);
    exit(1);
}

static void count(double took_us)
{
    if (atomic_load(&phase) == MEASURING)
        atomic_fetch_add(&latencies[took_us < LONGEST_US ? (unsigned)took_us : LONGEST_US], 1);
}

/* Send until it is over; the first failure is the connection's last. */
static void *talk(void *argument)
{
    struct connection *connection = argument;
    for (size_t number = 0; atomic_load(&phase) != OVER; number++) {
        double *sent_at = &connection->sent_at[number % load.window];
        relpRetVal result = relpCltSendSyslog(connection->client, message, load.bytes - 1);
        if (result != RELP_RET_OK) {
            atomic_fetch_add(result == RELP_RET_TIMED_OUT ? &timed_out : &broken, 1);
            return NULL;
        }
        double now = now_us();
        if (number >= load.window)
            count(now - *sent_at);
        *sent_at = now;
    }
    return NULL;
}

/* librelp calls this whether one wants to debug or not, and wants its type to be just so. */
static void be_silent(char *format, ...) /* NOLINT(readability-non-const-parameter) */
{
    (void)format;
}

/* An engine for each client: they share nothing then, and no lock. */
static void open_connection(struct connection *connection)
{
    static unsigned char command[] = "syslog";
    relpEngine_t *engine;
    connection->sent_at = calloc(load.window, sizeof *connection->sent_at);
    if (!connection->sent_at || relpEngineConstruct(&engine) != RELP_RET_OK ||
        relpEngineSetDbgprint(engine, be_silent) != RELP_RET_OK ||
        relpEngineSetEnableCmd(engine, command, eRelpCmdState_Required) != RELP_RET_OK ||
        relpEngineCltConstruct(engine, &connection->client) != RELP_RET_OK ||
        relpCltSetTimeout(connection->client, PATIENCE_SECONDS) != RELP_RET_OK ||
        relpCltSetConnTimeout(connection->client, PATIENCE_SECONDS) != RELP_RET_OK ||
        relpCltSetWindowSize(connection->client, (int)load.window) != RELP_RET_OK)
        fail("a client cannot be made");
    if (relpCltConnect(connection->client, AF_INET, load.port, load.host) != RELP_RET_OK)
        fail("cannot connect");
}

static void start_thread(struct connection *connection)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (pthread_create(&thread, &attributes, talk, connection) != 0)
        fail("a thread cannot be started");
    pthread_attr_destroy(&attributes);
}

static void wait_for(unsigned milliseconds)
{
    struct timespec left = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0)
        ;
}

static double cpu_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static size_t messages_counted(void)
{
    size_t total = 0;
    for (size_t us = 0; us <= LONGEST_US; us++)
        total += atomic_load(&latencies[us]);
    return total;
}

/* The least time that this part of the messages, or more, was done in. */
static size_t percentile(size_t messages, double part)
{
    size_t seen = 0, us = 0;
    for (; us < LONGEST_US; us++) {
        seen += atomic_load(&latencies[us]);
        if ((double)seen >= part * (double)messages)
            break;
    }
    return us;
}

static void tell(double seconds, double cpu)
{
    size_t messages = messages_counted();
    printf("{\"seconds\":%.6f,\"messages\":%zu,\"rate\":%.1f,\"failed\":%u,\"failures\":{"
           "\"broken\":%u,\"timed_out\":%u},\"cpu_seconds\":%.6f,\"latency_us\":{\"p50\":%zu,"
           "\"p99\":%zu}}\n",
           seconds, messages, (double)messages / seconds, broken + timed_out, broken, timed_out,
           cpu, percentile(messages, 0.5), percentile(messages, 0.99));
}

/* -c and its like: a number from 1 on. */
static unsigned number(const char *text)
{
    unsigned long value = strtoul(text, NULL, 10);
    if (value < 1 || value > 1000000)
        fail("a number is out of range");
    return (unsigned)value;
}

static void read_address(char *text)
{
    char *colon = strrchr(text, ':');
    if (strncmp(text, "tcp:", 4) != 0 || colon < text + 4)
        fail("the address is not tcp:HOST:PORT");
    *colon = '\0';
    load.host = (unsigned char *)text + 4;
    load.port = (unsigned char *)colon + 1;
}

static void read_options(int argc, char **argv)
{
    static const struct option names[] = {{"warmup", required_argument, NULL, 'w'}, {0}};
    for (int option; (option = getopt_long(argc, argv, "c:p:b:d:", names, NULL)) != -1;) {
        if (option == '?')
            exit(2);
        *(option == 'c'   ? &load.connections
          : option == 'p' ? &load.window
          : option == 'b' ? &load.bytes
          : option == 'd' ? &load.milliseconds
                          : &load.warmup) = number(optarg);
    }
    if (optind != argc - 1)
        fail("one address is wanted");
    if (load.window < LEAST_WINDOW)
        load.window = LEAST_WINDOW;
    read_address(argv[optind]);
}

/* What syslog wants to stand at the beginning of a message, and filling. */
static void make_message(void)
{
    static const char beginning[] = "<13>1 2026-01-01T00:00:00Z load load - - - ";
    if (load.bytes < sizeof beginning || load.bytes > sizeof message)
        fail("messages of this size cannot be made");
    memset(message, 'v', load.bytes);
    memcpy(message, beginning, sizeof beginning - 1);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    make_message();
    struct connection *connections = calloc(load.connections, sizeof *connections);
    if (!connections)
        fail("memory");
    for (unsigned i = 0; i < load.connections; i++)
        open_connection(&connections[i]);
    for (unsigned i = 0; i < load.connections; i++)
        start_thread(&connections[i]);
    wait_for(load.warmup);
    double began = now_us(), cpu_before = cpu_seconds();
    atomic_store(&phase, MEASURING);
    wait_for(load.milliseconds);
    atomic_store(&phase, OVER);
    double seconds = (now_us() - began) / 1e6, cpu = cpu_seconds() - cpu_before;
    tell(seconds, cpu);
    fflush(stdout);
    _exit(0); /* with all threads: many of them wait for what counts no more */
}
