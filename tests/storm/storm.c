/* storm.c: a whole server in a simulated world, thousands of times.
 *
 *     storm [SEEDS]            seeds 1 to SEEDS (1000)
 *     storm --seeds FROM-TO
 *     storm --seed N [-v]      one run, told in full with -v
 *     storm -k ...             go on after a failure
 *     storm --controls         put in each planted bug in turn: the storm must find every one
 *     storm --plant NAME ...   any of the above with that bug put in
 *
 * A seed decides everything: the server's settings, what the network and the disk do to it, the
 * clients and when it is told to stop. While it runs, its clients check what comes (scenario.h);
 * afterwards it is checked that nothing is missing and nothing was left behind. A failure prints
 * its seed, which replays it.
 *
 * Exit status: 0 nothing was found; 1 something was (with --controls: something was not); 2 wrong
 * usage. */
#include "run.h"

#include "plant.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Every planted bug is found within so many seeds. */
#define CONTROL_SEEDS 2000

/* A run takes a millisecond; one that takes so long hangs. */
#define HANGS_SECONDS 120

struct orders {
    uint64_t from, to;
    bool verbose;
    bool controls;
    bool on;           /* go on after a failure */
    const char *plant; /* or NULL */
};

static int usage(void)
{
    fputs("usage: storm [-k] [--plant NAME] [SEEDS | --seeds FROM-TO | --seed N [-v]]\n"
          "       storm --controls\n",
          stderr);
    for (const struct plant *plant = plants; plant->name; plant++)
        fprintf(stderr, "  %-22s %s\n", plant->name, plant->what);
    return 2;
}

/* ---- runs that never come back ---- */

static char last_words[200];

/* An assertion failed, or a run hangs: say at least which. */
static void on_death(int number)
{
    ssize_t written = write(STDOUT_FILENO, last_words, strlen(last_words));
    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

/* A sanitizer has found something, where the storm is built with one. */
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void on_sanitizer(void)
{
    on_death(SIGABRT);
}

static void expect_death(void)
{
    signal(SIGABRT, on_death);
    signal(SIGSEGV, on_death);
    signal(SIGALRM, on_death);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(on_sanitizer);
}

static bool run_seed(const struct orders *orders, uint64_t seed, char found[STORM_TEXT_SIZE])
{
    snprintf(last_words, sizeof last_words,
             "seed %llu: died (or hung for %d s)\nreplay: storm%s%s --seed %llu -v\n",
             (unsigned long long)seed, HANGS_SECONDS, orders->plant ? " --plant " : "",
             orders->plant ? orders->plant : "", (unsigned long long)seed);
    alarm(HANGS_SECONDS);
    return storm_run(seed, orders->plant, orders->verbose, found);
}

/* ---- the storm ---- */

/* Run the seeds from one on: the first that finds something, or 0. */
static uint64_t search(const struct orders *orders, uint64_t from, char found[STORM_TEXT_SIZE])
{
    for (uint64_t seed = from; seed <= orders->to; seed++)
        if (!run_seed(orders, seed, found))
            return seed;
    return 0;
}

static void print_found(const struct orders *orders, uint64_t seed, const char *found)
{
    printf("seed %llu: %s\n", (unsigned long long)seed, found);
    printf("replay: storm%s%s --seed %llu -v\n", orders->plant ? " --plant " : "",
           orders->plant ? orders->plant : "", (unsigned long long)seed);
    fflush(stdout);
}

static int storm(const struct orders *orders)
{
    char found[STORM_TEXT_SIZE];
    clock_t start = clock();
    uint64_t count = orders->to - orders->from + 1;
    unsigned failures = 0;
    for (uint64_t seed = orders->from; (seed = search(orders, seed, found)) > 0; seed++) {
        print_found(orders, seed, found);
        failures++;
        if (!orders->on)
            return 1;
    }
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    printf("storm: %llu seeds, %u failures (%.0f seeds a second of CPU)\n",
           (unsigned long long)count, failures,
           (double)count / (seconds > 0.001 ? seconds : 0.001));
    return failures ? 1 : 0;
}

/* Put in one bug: it must be found, and its seed must find the same again. */
static bool control(struct orders orders, const struct plant *plant)
{
    char found[STORM_TEXT_SIZE], again[STORM_TEXT_SIZE];
    orders.plant = plant->name;
    uint64_t seed = search(&orders, orders.from, found);
    if (seed == 0) {
        printf("%s (%s): not found\n", plant->name, plant->what);
        return false;
    }
    bool same = !run_seed(&orders, seed, again) && strcmp(found, again) == 0;
    printf("%s (%s): found with seed %llu: %s%s\n", plant->name, plant->what,
           (unsigned long long)seed, found, same ? "" : "; and NOT REPLAYED by it");
    return same;
}

static int controls(const struct orders *orders)
{
    bool all = true;
    for (const struct plant *plant = plants; plant->name; plant++)
        all &= control(*orders, plant);
    return all ? 0 : 1;
}

static bool read_number(const char *text, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == 0;
}

static bool read_range(const char *text, struct orders *orders)
{
    unsigned long long from, to;
    char rest;
    if (sscanf(text, "%llu-%llu%c", &from, &to, &rest) != 2 || from == 0 || to < from)
        return false;
    orders->from = from;
    orders->to = to;
    return true;
}

/* Read one argument, and what belongs to it: how many were read; 0: it is wrong. */
static int read_order(char **arguments, struct orders *orders)
{
    const char *word = arguments[0], *value = arguments[1];
    if (strcmp(word, "-v") == 0) {
        orders->verbose = true;
        return 1;
    }
    if (strcmp(word, "-k") == 0) {
        orders->on = true;
        return 1;
    }
    if (strcmp(word, "--controls") == 0) {
        orders->controls = true;
        orders->to = CONTROL_SEEDS;
        return 1;
    }
    if (read_number(word, &orders->to))
        return orders->to > 0;
    if (value && strcmp(word, "--seeds") == 0)
        return read_range(value, orders) ? 2 : 0;
    if (value && strcmp(word, "--seed") == 0) {
        bool right = read_number(value, &orders->from);
        orders->to = orders->from;
        return right && orders->from > 0 ? 2 : 0;
    }
    if (value && strcmp(word, "--plant") == 0) {
        orders->plant = value;
        return 2;
    }
    return 0;
}

static bool plant_exists(const char *name)
{
    for (const struct plant *plant = plants; plant->name; plant++)
        if (strcmp(plant->name, name) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    struct orders orders = {.from = 1, .to = 1000};
    expect_death();
    for (int i = 1, read; i < argc; i += read) {
        read = read_order(argv + i, &orders);
        if (read == 0)
            return usage();
    }
    if (orders.plant && !plant_exists(orders.plant))
        return usage();
    return orders.controls ? controls(&orders) : storm(&orders);
}
