/* search.c: the processes share one page: the next seed, and what was found so far.
 *
 * Without -k the first failure stops all of them, each after the run it is in. Ways to fail: a
 * process dies (counted as a failure; the others go on); none can be made (the storm is over). */
#include "search.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* A run takes a millisecond; one that takes so long hangs. */
#define HANGS_SECONDS 120

/* Seeds that a process takes at once. */
#define HANDFUL 16

/* ---- runs that never come back ---- */

static char last_words[300];

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

void search_expect_death(void)
{
    signal(SIGABRT, on_death);
    signal(SIGSEGV, on_death);
    signal(SIGFPE, on_death);
    signal(SIGALRM, on_death);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(on_sanitizer);
}

/* ---- one run ---- */

static int replay_words(const struct search *search, uint64_t seed, char *words, size_t size)
{
    unsigned long long number = seed;
    if (search->plant)
        return snprintf(words, size, "replay: storm %s--plant %s --seed %llu -v\n", search->variant,
                        search->plant, number);
    if (search->variant[0])
        return snprintf(words, size, "replay: storm %s--seed %llu -v\n", search->variant, number);
    return snprintf(words, size, "replay: make storm SEED=%llu (storm --seed %llu -v)\n", number,
                    number);
}

bool search_run(const struct search *search, uint64_t seed, struct tally *tally,
                char found[STORM_TEXT_SIZE])
{
    int length = snprintf(last_words, sizeof last_words, "seed %llu: died (or hung for %d s)\n",
                          (unsigned long long)seed, HANGS_SECONDS);
    replay_words(search, seed, last_words + length, sizeof last_words - (size_t)length);
    alarm(HANGS_SECONDS);
    return search->run(seed, search->plant, search->verbose, tally, found);
}

static void print_found(const struct search *search, uint64_t seed, const char *found)
{
    char words[120];
    replay_words(search, seed, words, sizeof words);
    printf("seed %llu: %s\n%s", (unsigned long long)seed, found, words);
    fflush(stdout);
}

/* ---- many ---- */

struct board {
    atomic_uint_fast64_t next; /* the first seed, or piece of work, that nobody has taken */
    atomic_uint_fast64_t runs;
    atomic_uint_fast64_t failures;
    atomic_bool lock; /* of the tally */
    struct tally tally;
};

static struct board *board_make(uint64_t first)
{
    struct board *board =
        mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED) {
        perror("storm");
        exit(1);
    }
    atomic_store(&board->next, first);
    return board;
}

static void board_add(struct board *board, const struct tally *tally)
{
    while (atomic_exchange(&board->lock, true))
        usleep(10);
    tally_add(&board->tally, tally);
    atomic_store(&board->lock, false);
}

static void run_handful(const struct search *search, struct board *board, uint64_t seed)
{
    char found[STORM_TEXT_SIZE];
    struct tally tally = {0};
    uint64_t end = seed + HANDFUL - 1 < search->to ? seed + HANDFUL : search->to + 1;
    for (; seed < end && (search->on || atomic_load(&board->failures) == 0); seed++) {
        atomic_fetch_add(&board->runs, 1);
        if (search_run(search, seed, &tally, found))
            continue;
        atomic_fetch_add(&board->failures, 1);
        print_found(search, seed, found);
    }
    board_add(board, &tally);
}

static void run_some(const struct search *search, struct board *board)
{
    for (;;) {
        uint64_t seed = atomic_fetch_add(&board->next, HANDFUL);
        if (seed > search->to || (!search->on && atomic_load(&board->failures) > 0))
            return;
        run_handful(search, board, seed);
    }
}

/* A child: never comes back here. */
static pid_t begin_process(void)
{
    fflush(stdout);
    pid_t process = fork();
    if (process < 0) {
        perror("storm");
        exit(1);
    }
    return process;
}

/* Wait for so many children: how many did not end well. */
static unsigned wait_for(unsigned processes)
{
    unsigned bad = 0;
    for (unsigned i = 0; i < processes; i++) {
        int status = 0;
        bad += wait(&status) < 0 || status != 0;
    }
    return bad;
}

void search_all(const struct search *search, struct search_sum *sum)
{
    struct board *board = board_make(search->from);
    if (search->processes > 1) {
        for (unsigned i = 0; i < search->processes; i++) {
            if (begin_process() > 0)
                continue;
            run_some(search, board);
            exit(0);
        }
        atomic_fetch_add(&board->failures, wait_for(search->processes));
    } else {
        run_some(search, board);
    }
    sum->runs = atomic_load(&board->runs);
    sum->failures = atomic_load(&board->failures);
    sum->tally = board->tally;
    munmap(board, sizeof *board);
}

bool search_share(unsigned processes, unsigned count, bool (*work)(const void *context, unsigned i),
                  const void *context)
{
    struct board *board = board_make(0);
    for (unsigned i = 0; i < processes; i++) {
        if (begin_process() > 0)
            continue;
        for (uint64_t at = atomic_fetch_add(&board->next, 1); at < count;
             at = atomic_fetch_add(&board->next, 1))
            if (!work(context, (unsigned)at))
                atomic_fetch_add(&board->failures, 1);
        exit(0);
    }
    unsigned died = wait_for(processes);
    bool all = died == 0 && atomic_load(&board->failures) == 0;
    munmap(board, sizeof *board);
    return all;
}
