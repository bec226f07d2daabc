/* sim_datagrams.h: what sim_datagrams.c and sim_correspondent.c share: sockets of datagrams, who
 * writes to them, and the datagrams (letters) between them. */
#ifndef ENGINE_SIM_DATAGRAMS_H
#define ENGINE_SIM_DATAGRAMS_H

#include "engine/sim_parts.h"

#define UDP_LARGEST ((size_t)65507)

/* A datagram: on its way, or arrived. */
struct letter {
    struct list link;
    struct sim_correspondent *correspondent; /* whose it is, or for whom */
    struct local_address local;
    size_t size;
    uint8_t bytes[];
};

/* Letters to one receiver. */
struct letters {
    struct list flying;
    struct list arrived;
    size_t flying_count;
    size_t arrived_count;
    size_t most; /* that wait to be read */
};

struct datagram_socket {
    struct descriptor descriptor;
    bool local;             /* a Unix socket */
    bool waited;            /* the send has waited for the next datagram already */
    struct letters letters; /* to the engine */
    struct list correspondents;
    unsigned correspondent_count;
    unsigned strays; /* sent to places of nobody */
};

struct sim_correspondent {
    struct list link;
    struct datagram_socket *socket;
    struct peer peer;
    struct place place; /* size 0: nameless */
    struct letters letters;
    struct letter *read;  /* the last that was read */
    int64_t latest_ns;    /* when the last letter to the engine arrives */
    size_t arrived_count; /* at the socket */
    bool gone;
    sim_act *act;
    void *context;
    uint64_t number;
};

/* The socket behind a descriptor, closed or not; asserted to be one. */
struct datagram_socket *sim_datagram_socket(const struct engine *engine, int fd);

void letters_init(struct letters *letters);
void letters_free(struct letters *letters);

/* How many wait to be read or are on their way. */
size_t letters_count(const struct letters *letters);

/* A copy of these bytes. */
struct letter *letter_make(struct sim_correspondent *correspondent, struct slice bytes,
                           struct local_address local);

/* Put it on its way: act(letter) is called when it arrives, and calls letters_arrive. */
void letters_fly(struct letters *letters, struct letter *letter, int64_t arrival_ns, sim_act *act);

/* It has arrived, and waits to be read, unless it is not wanted. */
void letters_arrive(struct letters *letters, struct letter *letter, bool wanted);

/* The next to be read, now the caller's; or NULL. */
struct letter *letters_take(struct letters *letters);

#endif
