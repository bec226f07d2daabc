/* plant_parts.h: what the planted bugs share; nobody else includes it. */
#ifndef STORM_PLANT_PARTS_H
#define STORM_PLANT_PARTS_H

#include "plant.h"

struct worker;

/* The engine with its own table, and what stands before it. */
struct plant_state {
    const struct engine_table *real;
    struct engine_table table;
    struct engine *engine;
    op_done *receive_done; /* the server's: the same for all its connections */
    op_done *datagrams_done;
    struct worker *worker; /* whoever received last; NULL: nobody yet */
    int64_t wall_us;       /* how far the wall clock was ahead of the other at the start */
    bool keeping;          /* a packet, or a place, for later */
};

extern struct plant_state plant_here;

/* Now and then. */
bool plant_strikes(void);

/* ---- plant_datagrams.c: each puts its bug into the table ---- */
void plant_datagram_doubled(struct engine_table *table);
void plant_datagram_dropped(struct engine_table *table);
void plant_datagram_uncut(struct engine_table *table);
void plant_datagram_namesake(struct engine_table *table);
void plant_letter_misled(struct engine_table *table);
void plant_letter_elsewhere(struct engine_table *table);
void plant_letter_unsent(struct engine_table *table);
void plant_letter_twice(struct engine_table *table);
void plant_packets_joined(struct engine_table *table);
void plant_packet_split(struct engine_table *table);

/* ---- want.c: likewise, where memory is out ---- */
void plant_want_unrecorded(struct engine_table *table);
void plant_want_unanswered(struct engine_table *table);

/* ---- plant_server.c: likewise, in what the server holds ---- */
void plant_timer_lost(struct engine_table *table);
void plant_turn_lost(struct engine_table *table);
void plant_memory_miscounted(struct engine_table *table);
void plant_deadline_by_wall(struct engine_table *table);
void plant_rate_forgotten(struct engine_table *table);
void plant_end_twice(struct engine_table *table);
void plant_close_forgotten(struct engine_table *table);
void plant_never_sleeps(struct engine_table *table);

#endif
