/* choose.h: what a seed makes of a run: the server's settings, the world's faults, the clients'
 * plan. */
#ifndef STORM_CHOOSE_H
#define STORM_CHOOSE_H

#include "scenario.h"

#include <goodtalk.h>

/* How messages are shown. */
enum show_kind {
    SHOWN_AT_ONCE,    /* to a file */
    SHOWN_LATER,      /* to a file whose writes are short and take their time */
    SHOWN_SLOWLY,     /* to a pipe with a slow reader */
    SHOWN_WITH_A_GAP, /* to a pipe whose reader does nothing for a while */
    SHOWN_ON_FAILING, /* to a file, and some write fails */
    SHOWN_TO_LEAVING  /* to a pipe whose reader goes */
};

struct choice {
    struct scenario_plan plan;
    enum show_kind show;
    size_t capacity;     /* of the pipe, bytes */
    int64_t count;       /* messages; 0: no limit */
    int64_t connections; /* to hear out; 0: no limit */
    int64_t drain_timeout_ns;
    bool little_memory;
    double want;        /* an allocation's chance to fail */
    bool greets;        /* a greeting is set */
    int64_t stop_ns;    /* when the server is told to stop; -1: when the clients are done */
    struct bytes words; /* the settings, for people; owned */
};

/* Choose, set the server's settings and the engine's faults, open the listeners. */
void choose(struct choice *choice, struct engine *engine, gt_server *server);

/* want.c: from now on allocations fail as was chosen; until it ends; whether any has. */
void want_begin(const struct choice *choice, uint64_t seed);
void want_end(void);
bool want_was_felt(void);

/* What messages are shown on: a descriptor. size: of all the clients' bytes, about. */
int choose_shown(const struct choice *choice, struct engine *engine);
void choose_pace(const struct choice *choice, struct engine *engine, int shown_fd, size_t size);

#endif
