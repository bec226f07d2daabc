/* datagram_side.h: the engine's side of the contract tests for datagrams: a post office that keeps
 * what it received and sends what it is given.
 *
 * Every done checks that the engine is not being called; every receive that it has one result per
 * pass, of at most DATAGRAMS_MAX datagrams, none over size_most. */
#ifndef DATAGRAM_SIDE_H
#define DATAGRAM_SIDE_H

#include "engine_side.h"

#define LETTERS_MAX 1000

struct office {
    struct world *world;
    int fd;
    struct receive_datagrams_op receive;
    struct datagram letters[LETTERS_MAX]; /* received; their bytes are copies */
    unsigned count;
    unsigned results;                     /* how many had datagrams */
    unsigned most;                        /* datagrams in the largest */
    unsigned last_pass;                   /* of the last of those */
    unsigned endings;                     /* 0 or 1 per submit */
    int64_t end;                          /* the result that ended it */
    void (*heard)(struct office *office); /* called at the end of each done of the receive, or NULL
                                           */
    struct send_datagrams_op send;
    struct datagram going[DATAGRAMS_MAX];
    bool sending;
    int64_t sent; /* the result */
};

/* For a new datagram socket of the world's, or this one. Nothing is submitted. Free it with
 * office_close. */
struct office *office_open(struct world *world);
struct office *office_of(struct world *world, int fd);

void office_receive(struct office *office, size_t size_most);

/* Send the first count of going. */
void office_send(struct office *office, unsigned count);

/* going[i]: these bytes, which stay the caller's, to that correspondent. */
void office_address(struct office *office, unsigned i, int correspondent, const void *bytes,
                    size_t size);

/* going[i]: these bytes to whom a letter came from, from where it went to. */
void office_reply(struct office *office, unsigned i, const struct datagram *letter,
                  const void *bytes, size_t size);

void office_cancel(struct office *office, struct op *op);

/* Let go of what was received. */
void office_clear(struct office *office);

/* End what is active, close, free. */
void office_close(struct office *office);

/* Have all of it sent by the correspondent, with passes as needed. */
void correspondent_says(struct world *world, int correspondent, const void *bytes, size_t size);

/* The next datagram that the correspondent hears, with passes, must be this one. */
void correspondent_hears(struct world *world, int correspondent, const void *expected, size_t size);

/* The i-th letter must hold these bytes, not truncated. */
void assert_letter(const struct office *office, unsigned i, const void *expected, size_t size);

#endif
