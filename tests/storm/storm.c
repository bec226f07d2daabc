/* storm.c: a whole server in a simulated world, thousands of times.
 *
 *     storm [SEEDS]            seeds 1 to SEEDS (1000)
 *     storm FROM-TO
 *     storm --seed N [-v]      one run, told in full with -v
 *     storm -k ...             go on after a failure
 *     storm -j N ...           in so many processes (as many as there are CPUs)
 *     storm --tally ...        print what happened in how many runs
 *     storm --controls         put in each planted bug in turn: the storm must find every one
 *     storm --plant NAME ...   any of the above with that bug put in
 *     storm --journal ...      any of the above with servers that record on a disk that loses its
 *                              power (journal.h); with bugs of its own
 *
 * A seed decides everything: the server's settings, what the network, the disk and the clocks do to
 * it, the clients and when it is told to stop. While it runs, its clients check what comes
 * (scenario.h), and after each pass everything the server holds is looked at (check.h); afterwards
 * it is checked that nothing is missing and nothing was left behind. A failure prints its seed,
 * which replays it. Many runs must together have met everything there is to meet (tally.h).
 *
 * Exit status: 0 nothing was found; 1 something was (with --controls: something was not); 2 wrong
 * usage. */
#include "search.h"

#include "journal.h"
#include "plant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Every planted bug is found within so many seeds. */
#define CONTROL_SEEDS 10000

/* So many runs meet everything. */
#define WHOLE_RUNS 10000

struct orders {
    struct search search;
    bool controls;
    bool tally;
};

/* Which bugs there are for this run. */
static const struct plant *plants_of(const struct search *search)
{
    return search->run == journal_storm_run ? journal_plants : plants;
}

static int usage(void)
{
    fputs("usage: storm [-k] [-j N] [--tally] [--plant NAME] [SEEDS | FROM-TO | --seed N [-v]]\n"
          "       storm [-j N] --controls\n"
          "       storm --journal ...\n",
          stderr);
    for (const struct plant *plant = plants; plant->name; plant++)
        fprintf(stderr, "  %-22s %s\n", plant->name, plant->what);
    for (const struct plant *plant = journal_plants; plant->name; plant++)
        fprintf(stderr, "  %-22s %s\n", plant->name, plant->what);
    return 2;
}

/* ---- the storm ---- */

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double cpu_seconds(void)
{
    struct rusage own, children;
    getrusage(RUSAGE_SELF, &own);
    getrusage(RUSAGE_CHILDREN, &children);
    return seconds_of(own.ru_utime) + seconds_of(own.ru_stime) + seconds_of(children.ru_utime) +
           seconds_of(children.ru_stime);
}

static double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_sum(const struct search_sum *sum, double seconds)
{
    double cpu = cpu_seconds();
    printf("storm: %llu seeds, %llu failures (%.0f seeds a second, %.0f a second of CPU)\n",
           (unsigned long long)sum->runs, (unsigned long long)sum->failures,
           (double)sum->runs / (seconds > 0.001 ? seconds : 0.001),
           (double)sum->runs / (cpu > 0.001 ? cpu : 0.001));
}

static int storm(const struct orders *orders)
{
    struct search_sum sum;
    double start = clock_seconds();
    search_all(&orders->search, &sum);
    print_sum(&sum, clock_seconds() - start);
    if (orders->tally)
        tally_print(&sum.tally);
    bool whole = sum.runs < WHOLE_RUNS || orders->search.plant || orders->search.variant[0] ||
                 tally_is_whole(&sum.tally);
    return sum.failures || !whole ? 1 : 0;
}

/* ---- controls ---- */

/* The first seed that finds something, or 0. */
static uint64_t find(const struct search *search, char found[STORM_TEXT_SIZE])
{
    struct tally tally = {0};
    for (uint64_t seed = search->from; seed <= search->to; seed++)
        if (!search_run(search, seed, &tally, found))
            return seed;
    return 0;
}

/* Put in one bug: it must be found, and its seed must find the same again. */
static bool control(const void *context, unsigned number)
{
    struct search search = *(const struct search *)context;
    const struct plant *plant = &plants_of(&search)[number];
    struct tally tally = {0};
    char found[STORM_TEXT_SIZE] = "", again[STORM_TEXT_SIZE] = "";
    search.plant = plant->name;
    uint64_t seed = find(&search, found);
    bool same = seed > 0 && !search_run(&search, seed, &tally, again) && strcmp(found, again) == 0;
    if (seed == 0)
        printf("%s (%s): not found\n", plant->name, plant->what);
    else
        printf("%s (%s): found with seed %llu%s: %.*s\n", plant->name, plant->what,
               (unsigned long long)seed, same ? "" : ", which does NOT REPLAY it",
               (int)strcspn(found, "\n"), found);
    return same;
}

static int controls(const struct orders *orders)
{
    unsigned count = 0;
    while (plants_of(&orders->search)[count].name)
        count++;
    return search_share(orders->search.processes, count, control, &orders->search) ? 0 : 1;
}

/* ---- orders ---- */

static bool read_number(const char *text, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == 0 && *number > 0;
}

/* "SEEDS" or "FROM-TO" */
static bool read_seeds(const char *text, struct search *search)
{
    unsigned long long from, to;
    char rest;
    if (read_number(text, &search->to))
        return true;
    if (sscanf(text, "%llu-%llu%c", &from, &to, &rest) != 2 || from == 0 || to < from)
        return false;
    search->from = from;
    search->to = to;
    return true;
}

/* A word that stands alone: false when it is none. */
static bool read_word(const char *word, struct orders *orders)
{
    if (strcmp(word, "--journal") == 0) {
        orders->search.run = journal_storm_run;
        orders->search.variant = "--journal ";
    } else if (strcmp(word, "-v") == 0)
        orders->search.verbose = true;
    else if (strcmp(word, "-k") == 0)
        orders->search.on = true;
    else if (strcmp(word, "--tally") == 0)
        orders->tally = true;
    else if (strcmp(word, "--controls") == 0)
        orders->controls = true;
    else
        return read_seeds(word, &orders->search);
    return true;
}

/* A word with a value: false when it is none, or the value is wrong. */
static bool read_pair(const char *word, const char *value, struct search *search)
{
    uint64_t number;
    if (strcmp(word, "--plant") == 0) {
        search->plant = value;
        return true;
    }
    if (!read_number(value, &number))
        return false;
    if (strcmp(word, "-j") == 0)
        search->processes = (unsigned)number;
    else if (strcmp(word, "--seed") == 0)
        search->from = search->to = number;
    else
        return false;
    return true;
}

/* Read one argument, and what belongs to it: how many were read; 0: it is wrong. */
static int read_order(char **arguments, struct orders *orders)
{
    if (read_word(arguments[0], orders))
        return 1;
    return arguments[1] && read_pair(arguments[0], arguments[1], &orders->search) ? 2 : 0;
}

static bool plant_exists(const struct search *search, const char *name)
{
    for (const struct plant *plant = plants_of(search); plant->name; plant++)
        if (strcmp(plant->name, name) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    struct orders orders = {.search = {.run = storm_run,
                                       .variant = "",
                                       .from = 1,
                                       .to = 1000,
                                       .processes = cpus > 0 ? (unsigned)cpus : 1}};
    search_expect_death();
    for (int i = 1, read; i < argc; i += read) {
        read = read_order(argv + i, &orders);
        if (read == 0)
            return usage();
    }
    if (orders.search.plant && !plant_exists(&orders.search, orders.search.plant))
        return usage();
    if (orders.search.verbose)
        orders.search.processes = 1;
    if (orders.controls)
        orders.search.to = CONTROL_SEEDS;
    return orders.controls ? controls(&orders) : storm(&orders);
}
