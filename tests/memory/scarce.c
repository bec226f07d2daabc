/* scarce.c: a whole server in a simulated world, whose allocations fail in turn.
 *
 *     scarce [--most N] [--step N]     each scene, the first 3000 allocations or N, or each N-th of
 *                                      them; of small scenes all
 *     scarce --scene NAME ...          that scene only
 *     scarce --scene NAME --nth N --count N [-v]   one run
 *     scarce --controls                put in each planted bug in turn: each must be found
 *
 * Each allocation fails once on its own, and once with those after it, COUNT_MANY of them. A run
 * that finds something is told with what replays it.
 *
 * Exit status: 0 nothing was found; 1 something was (with --controls: something was not); 2 wrong
 * usage. */
#include "allocations.h"
#include "start.h"
#include "threads.h"
#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT_MANY 30

/* A run takes milliseconds; one that takes so long hangs. */
#define HANGS_SECONDS 120

struct orders {
    uint64_t most, step, nth, count;
    const char *scene;
    bool verbose;
    bool controls;
};

static char last_words[200];

static int usage(void)
{
    fputs("usage: scarce [--most N] [--step N] [--scene NAME [--nth N --count N [-v]]]\n"
          "       scarce --controls\n",
          stderr);
    return 2;
}

/* ---- runs that never come back ---- */

static void on_death(int number)
{
    ssize_t written = write(STDOUT_FILENO, last_words, strlen(last_words));
    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

/* A sanitizer has found something, where this is built with one. */
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

/* ---- runs ---- */

/* One run, in which count allocations from the nth on fail: whether nothing was found. */
static bool run(const struct scene *scene, uint64_t nth, uint64_t count, bool verbose)
{
    char found[FOUND_SIZE];
    snprintf(last_words, sizeof last_words,
             "scene %s, allocation %llu and %llu after it: died, or hung for %d s\n", scene->name,
             (unsigned long long)nth, (unsigned long long)count - 1, HANGS_SECONDS);
    alarm(HANGS_SECONDS);
    allocations_begin();
    if (nth)
        allocations_fail(nth, count);
    if (world_run(scene, verbose, found))
        return true;
    printf("%s: %s\nreplay: scarce --scene %s --nth %llu --count %llu -v\n", scene->name, found,
           scene->name, (unsigned long long)nth, (unsigned long long)count);
    return false;
}

/* Every step-th allocation of a scene fails in turn: whether nothing was found. */
static bool run_scene(const struct scene *scene, const struct orders *orders)
{
    if (!run(scene, 0, 0, false))
        return false;
    uint64_t counted = allocations_counted(), runs = 0;
    uint64_t most = counted < orders->most ? counted : orders->most;
    uint64_t step = counted < 500 ? 1 : orders->step;
    for (uint64_t nth = 1; nth <= most; nth += step, runs += 2)
        if (!run(scene, nth, 1, false) || !run(scene, nth, COUNT_MANY, false))
            return false;
    printf("%-8s %llu allocations, %llu runs\n", scene->name, (unsigned long long)counted,
           (unsigned long long)runs);
    fflush(stdout);
    return true;
}

static bool is_meant(const struct orders *orders, const char *scene)
{
    return !orders->scene || strcmp(orders->scene, scene) == 0;
}

static int run_all(const struct orders *orders)
{
    bool fine = true;
    bool any = false;
    for (const struct scene *scene = scenes; fine && scene->name; scene++) {
        if (!is_meant(orders, scene->name))
            continue;
        any = true;
        fine = orders->nth ? run(scene, orders->nth, orders->count, orders->verbose)
                           : run_scene(scene, orders);
    }
    if (fine && !orders->nth && is_meant(orders, "start")) {
        any = true;
        alarm(HANGS_SECONDS);
        fine = start_all();
    }
    if (fine && !orders->nth && is_meant(orders, "threads")) {
        any = true;
        alarm(HANGS_SECONDS);
        fine = threads_all();
    }
    return !any ? usage() : !fine;
}

/* ---- controls ---- */

/* In a process of its own, which may die of it. */
static bool is_found(enum allocations_plant plant, const struct orders *orders)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        allocations_plant(plant);
        exit(run_all(orders));
    }
    return child > 0 && waitpid(child, &status, 0) == child && status != 0;
}

static int controls(const struct orders *orders)
{
    bool all = !is_found(PLANT_NONE, orders);
    printf("without a plant %s\n", all ? "nothing is found" : "something is FOUND");
    for (int plant = PLANT_NONE + 1; plant < PLANT_COUNT; plant++) {
        bool found = is_found((enum allocations_plant)plant, orders);
        printf("%s: %s\n", allocations_plant_name((enum allocations_plant)plant),
               found ? "found" : "NOT FOUND");
        all &= found;
    }
    return !all;
}

/* ---- the command line ---- */

/* Read one argument, and what belongs to it: how many were read; 0: it is wrong. */
static int read_order(char **arguments, struct orders *orders)
{
    const char *word = arguments[0], *value = arguments[1];
    uint64_t *numbers[] = {&orders->most, &orders->step, &orders->nth, &orders->count};
    static const char *const names[] = {"--most", "--step", "--nth", "--count"};
    if (strcmp(word, "-v") == 0 || strcmp(word, "--controls") == 0) {
        *(word[1] == 'v' ? &orders->verbose : &orders->controls) = true;
        return 1;
    }
    if (value && strcmp(word, "--scene") == 0) {
        orders->scene = value;
        return 2;
    }
    for (unsigned i = 0; value && i < sizeof names / sizeof *names; i++) {
        if (strcmp(word, names[i]) == 0) {
            *numbers[i] = strtoull(value, NULL, 10);
            return *numbers[i] > 0 ? 2 : 0;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct orders orders = {.most = 3000, .step = 1, .count = 1};
    expect_death();
    for (int i = 1, read; i < argc; i += read) {
        read = read_order(argv + i, &orders);
        if (read == 0)
            return usage();
    }
    return orders.controls ? controls(&orders) : run_all(&orders);
}
