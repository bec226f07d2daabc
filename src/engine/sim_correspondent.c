/* sim_correspondent.c: those who write to a socket of datagrams, as a test plays them.
 *
 * Everyone has a socket of their own: with a place, where they can be written to, or (Unix)
 * without one. They stay until the engine goes, so that what they were sent can be looked at. What
 * chance does to datagrams on their way in, and what full queues do, is told in sim_datagrams.c. */
#include "engine/sim_datagrams.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_PID 100

static void name_unix(struct sim_correspondent *correspondent, bool named, unsigned number)
{
    correspondent->peer = (struct peer){.kind = PEER_UNIX};
    correspondent->peer.credentials.pid = (int32_t)(FIRST_PID + number);
    if (!named)
        return;
    struct place *place = &correspondent->place;
    place->local.sun_family = AF_UNIX;
    int length = snprintf(place->local.sun_path + 1, sizeof place->local.sun_path - 1, "sim-%d-%u",
                          correspondent->socket->descriptor.fd, number);
    place->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

static void name_udp(struct sim_correspondent *correspondent, bool far)
{
    static const uint8_t here[4] = {127, 0, 0, 1}, there[4] = {198, 51, 100, 7};
    struct peer *peer = &correspondent->peer;
    struct place *place = &correspondent->place;
    *peer = (struct peer){.kind = PEER_IPV4};
    peer->port = correspondent->socket->descriptor.sim->next_port++;
    memcpy(peer->address, far ? there : here, 4);
    place->ipv4.sin_family = AF_INET;
    place->ipv4.sin_port = htons(peer->port);
    memcpy(&place->ipv4.sin_addr, peer->address, 4);
    place->size = sizeof place->ipv4;
}

struct sim_correspondent *sim_correspondent(struct engine *engine, int fd,
                                            enum sim_correspondent_kind kind)
{
    struct sim_correspondent *correspondent = sim_allocate(sizeof *correspondent);
    struct datagram_socket *socket = sim_datagram_socket(engine, fd);
    assert(kind != SIM_NAMELESS || socket->local);
    correspondent->socket = socket;
    letters_init(&correspondent->letters);
    if (socket->local)
        name_unix(correspondent, kind != SIM_NAMELESS, socket->correspondent_count);
    else
        name_udp(correspondent, kind == SIM_FAR);
    socket->correspondent_count++;
    list_append(&socket->correspondents, &correspondent->link);
    return correspondent;
}

struct place sim_correspondent_place(const struct sim_correspondent *correspondent)
{
    return correspondent->place;
}

struct peer sim_correspondent_peer(const struct sim_correspondent *correspondent)
{
    return correspondent->peer;
}

static void arrives_at_socket(void *subject, uint64_t number)
{
    struct letter *letter = subject;
    struct datagram_socket *socket = letter->correspondent->socket;
    (void)number;
    const struct letters *letters = &socket->letters;
    bool room = socket->local || letters->arrived_count < letters->most;
    sim_note(socket->descriptor.sim, 8, letter->size);
    letter->correspondent->arrived_count++;
    letters_arrive(&socket->letters, letter, room && socket->descriptor.open);
    sim_try(socket->descriptor.sim, socket->descriptor.input);
}

size_t sim_correspondent_arrived(const struct sim_correspondent *correspondent)
{
    return correspondent->arrived_count;
}

/* Put a letter on its way. One that others may overtake does not hold up those after it. */
static void post(struct sim_correspondent *correspondent, struct letter *letter)
{
    struct datagram_socket *socket = correspondent->socket;
    struct sim *sim = socket->descriptor.sim;
    int64_t arrival_ns = sim->engine.now_ns + sim_within(sim, sim->faults.latency_ns);
    if (!socket->local && sim_happens(sim, sim->faults.datagram_late))
        arrival_ns += sim_between(sim, 0, 4 * sim->faults.latency_ns.high);
    else
        arrival_ns = sim_in_order(sim, &correspondent->latest_ns, arrival_ns);
    letters_fly(&socket->letters, letter, arrival_ns, arrives_at_socket);
}

bool sim_correspondent_send(struct sim_correspondent *correspondent, struct slice bytes,
                            struct local_address to)
{
    struct datagram_socket *socket = correspondent->socket;
    struct sim *sim = socket->descriptor.sim;
    assert(bytes.size <= (socket->local ? PACKET_MAX : UDP_LARGEST));
    bool open = socket->descriptor.open && !correspondent->gone;
    bool full = letters_count(&socket->letters) >= socket->letters.most;
    if (socket->local && (!open || full))
        return false;
    if (!open || (!socket->local && sim_happens(sim, sim->faults.datagram_lost)))
        return true;
    if (!socket->local && sim_happens(sim, sim->faults.datagram_doubled))
        post(correspondent, letter_make(correspondent, bytes, to));
    post(correspondent, letter_make(correspondent, bytes, to));
    return true;
}

bool sim_correspondent_read(struct sim_correspondent *correspondent, struct sim_letter *letter)
{
    struct letter *next = letters_take(&correspondent->letters);
    if (!next)
        return false;
    free(correspondent->read);
    correspondent->read = next;
    *letter = (struct sim_letter){slice_of(next->bytes, next->size), next->local};
    return true;
}

void sim_correspondent_room(struct sim_correspondent *correspondent, size_t most)
{
    correspondent->letters.most = most;
}

void sim_correspondent_leave(struct sim_correspondent *correspondent)
{
    correspondent->gone = true;
}

void sim_correspondent_watch(struct sim_correspondent *correspondent, sim_act *act, void *context,
                             uint64_t number)
{
    correspondent->act = act;
    correspondent->context = context;
    correspondent->number = number;
}
