/* check_parts.h: what the files behind check.h share; nobody else includes it. */
#ifndef STORM_CHECK_PARTS_H
#define STORM_CHECK_PARTS_H

#include "check.h"
#include "serve/affected.h"
#include "serve/post.h"
#include "serve/server.h"

/* What was found on the way through everything. */
struct check_sum {
    size_t memory; /* bytes */
    size_t turns;
    size_t awaited; /* turns whose reply is not known */
    size_t held;    /* turns and parcels that wait for the recorder */
    size_t parcels; /* of their pools */
    size_t stagings;
    const struct staging *staging; /* the one counted last */
    size_t affected;
    size_t outputs;
    size_t talkers;
};

/* Each: NULL, or what is broken. */

/* ---- check_output.c ---- */
const char *check_output(const struct output *output, struct check_sum *sum);
const char *check_post(const struct post *post, struct check_sum *sum);
size_t check_exchange_memory(const struct exchange *exchange);
/* A turn with an owner, that of a connection or an exchange. */
const char *check_turn(const struct gt_turn *turn, const struct worker *worker,
                       struct check_sum *sum);

/* ---- check_connection.c ---- */
const char *check_connection(const struct connection *connection, struct check_sum *sum);
/* The same of one that has ended and is not freed yet. */
const char *check_ended(const struct connection *connection, struct check_sum *sum);

/* ---- check_deadline.c ---- */
const char *check_deadlines(const struct connection *connection);

#endif
