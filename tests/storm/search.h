/* search.h: seed after seed, in several processes at once.
 *
 * Each process takes the next few seeds that nobody has, so that all are busy to the end. A run
 * that dies takes its process with it, and its last words tell the seed. */
#ifndef STORM_SEARCH_H
#define STORM_SEARCH_H

#include "run.h"
#include "tally.h"

typedef bool search_run_fn(uint64_t seed, const char *plant, bool verbose, struct tally *tally,
                           char found[STORM_TEXT_SIZE]);

struct search {
    search_run_fn *run;  /* one seed */
    const char *variant; /* the option that says which run that is, and a space; or "" */
    uint64_t from, to;   /* seeds, both included */
    const char *plant;   /* or NULL */
    bool verbose;        /* tell each run in full; in one process */
    bool on;             /* go on after a failure */
    unsigned processes;
};

struct search_sum {
    uint64_t runs;
    uint64_t failures; /* runs that found something or died */
    struct tally tally;
};

/* Last words for runs that never come back: call once. */
void search_expect_death(void);

/* Run one seed. */
bool search_run(const struct search *search, uint64_t seed, struct tally *tally,
                char found[STORM_TEXT_SIZE]);

/* Run all seeds; failures are printed with the command that replays them. */
void search_all(const struct search *search, struct search_sum *sum);

/* Call work(context, i) for each i below count, in so many processes; whether all said true. */
bool search_share(unsigned processes, unsigned count, bool (*work)(const void *context, unsigned i),
                  const void *context);

#endif
