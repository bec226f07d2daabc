/* sim_datagrams.c: sockets of datagrams, and those who write to them and read what they send.
 *
 * A datagram takes the latency to arrive and waits in its receiver's queue until it is read; those
 * of one sender keep their order. To a Unix socket nothing is lost: who finds the queue full is
 * told. Over UDP chance may lose a datagram on its way in, double it, or let others overtake it,
 * and nobody is told of a queue that is full or of a reader who has gone.
 *
 * A send takes each datagram for itself and gives it its status; chance has UDP wait, as if our own
 * buffer were full, and fail. What is sent to a place of nobody is counted, so that a test sees it.
 *
 * Ways to fail: a receive ends by chance (-ENOMEM); a datagram that is too long (-EMSGSIZE), is for
 * nobody (-EDESTADDRREQ without a place, -ECONNREFUSED or, UDP, -EINVAL), for a reader who has gone
 * (Unix: -ECONNREFUSED) or whose queue is full (Unix: -EAGAIN), or unlucky. */
#include "engine/sim_datagrams.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Datagrams that wait to be read at most, unless a test says otherwise: more than a crowd of the
 * storm can send while nobody reads. */
#define LETTERS_MOST 4000

static struct datagram_socket *socket_of(struct descriptor *descriptor)
{
    return list_item(descriptor, struct datagram_socket, descriptor);
}

/* ---- letters ---- */

void letters_init(struct letters *letters)
{
    *letters = (struct letters){.most = LETTERS_MOST};
    list_init(&letters->flying);
    list_init(&letters->arrived);
}

void letters_free(struct letters *letters)
{
    struct list *link;
    list_splice(&letters->arrived, &letters->flying);
    while ((link = list_take(&letters->arrived)))
        free(list_item(link, struct letter, link));
}

size_t letters_count(const struct letters *letters)
{
    return letters->flying_count + letters->arrived_count;
}

struct letter *letter_make(struct sim_correspondent *correspondent, struct slice bytes,
                           struct local_address local)
{
    struct letter *letter = sim_allocate(sizeof *letter + bytes.size);
    letter->correspondent = correspondent;
    letter->local = local;
    letter->size = bytes.size;
    list_init(&letter->link);
    if (bytes.size > 0)
        memcpy(letter->bytes, bytes.data, bytes.size);
    return letter;
}

void letters_fly(struct letters *letters, struct letter *letter, int64_t arrival_ns, sim_act *act)
{
    list_append(&letters->flying, &letter->link);
    letters->flying_count++;
    sim_at(letter->correspondent->socket->descriptor.sim, arrival_ns, act, letter, 0);
}

void letters_arrive(struct letters *letters, struct letter *letter, bool wanted)
{
    list_remove(&letter->link);
    letters->flying_count--;
    if (!wanted) {
        free(letter);
        return;
    }
    list_append(&letters->arrived, &letter->link);
    letters->arrived_count++;
}

struct letter *letters_take(struct letters *letters)
{
    struct list *link = list_take(&letters->arrived);
    if (!link)
        return NULL;
    letters->arrived_count--;
    return list_item(link, struct letter, link);
}

/* ---- receiving ---- */

static bool socket_has_input(struct descriptor *descriptor)
{
    return !list_empty(&socket_of(descriptor)->letters.arrived);
}

/* A copy of its own, so that whoever reads too far or too late is noticed. */
static uint8_t *piece_of(const struct letter *letter, size_t size)
{
    uint8_t *piece = sim_allocate(size > 0 ? size : 1);
    memcpy(piece, letter->bytes, size);
    return piece;
}

static uint8_t *fill(struct datagram *datagram, struct letter *letter, size_t size_most)
{
    size_t size = letter->size < size_most ? letter->size : size_most;
    uint8_t *piece = piece_of(letter, size);
    *datagram = (struct datagram){.bytes = slice_of(piece, size),
                                  .place = letter->correspondent->place,
                                  .peer = letter->correspondent->peer,
                                  .local = letter->local,
                                  .truncated = size < letter->size};
    free(letter);
    return piece;
}

/* How many are brought now. */
static size_t some_count(struct sim *sim, const struct letters *letters)
{
    size_t count = letters->arrived_count < DATAGRAMS_MAX ? letters->arrived_count : DATAGRAMS_MAX;
    if (sim_happens(sim, sim->faults.short_receive))
        count = (size_t)sim_between(sim, 1, (int64_t)count);
    return count;
}

static void socket_deliver(struct datagram_socket *socket, struct receive_datagrams_op *op,
                           bool cancelled)
{
    struct sim *sim = socket->descriptor.sim;
    size_t count = some_count(sim, &socket->letters);
    struct datagram *list = sim_allocate(count * sizeof *list);
    uint8_t *pieces[DATAGRAMS_MAX];
    for (size_t i = 0; i < count; i++)
        pieces[i] = fill(&list[i], letters_take(&socket->letters), op->size_most);
    if (cancelled || socket_has_input(&socket->descriptor))
        sim_try(sim, &op->op);
    op->list = list;
    sim_note(sim, OP_RECEIVE_DATAGRAMS, count);
    op->op.done(&op->op, (int64_t)count);
    for (size_t i = 0; i < count; i++)
        free(pieces[i]);
    free(list);
}

static void socket_input(struct descriptor *descriptor, bool cancelled)
{
    struct sim *sim = descriptor->sim;
    struct op *op = descriptor->input;
    assert(op->kind == OP_RECEIVE_DATAGRAMS);
    bool any = socket_has_input(descriptor);
    if (cancelled && !(any && sim_happens(sim, sim->faults.late_input)))
        sim_finish(descriptor, op, -ECANCELED);
    else if (any && !cancelled && sim_happens(sim, sim->faults.datagrams_refused))
        sim_finish(descriptor, op, -ENOMEM);
    else if (any)
        socket_deliver(socket_of(descriptor), list_item(op, struct receive_datagrams_op, op),
                       cancelled);
}

/* ---- sending ---- */

static struct sim_correspondent *correspondent_at(struct datagram_socket *socket,
                                                  const struct place *place)
{
    struct list *all = &socket->correspondents;
    for (struct list *at = all->next; at != all; at = at->next) {
        struct sim_correspondent *correspondent = list_item(at, struct sim_correspondent, link);
        if (correspondent->place.size == place->size &&
            memcmp(&correspondent->place.any, &place->any, place->size) == 0)
            return correspondent;
    }
    return NULL;
}

static void arrives_at_correspondent(void *subject, uint64_t number)
{
    struct letter *letter = subject;
    struct sim_correspondent *correspondent = letter->correspondent;
    (void)number;
    const struct letters *letters = &correspondent->letters;
    bool room = correspondent->socket->local || letters->arrived_count < letters->most;
    sim_note(correspondent->socket->descriptor.sim, 7, letter->size);
    letters_arrive(&correspondent->letters, letter, room && !correspondent->gone);
    if (correspondent->act)
        correspondent->act(correspondent->context, correspondent->number);
}

/* What the system says of a datagram for this place, before it leaves: 0 or -errno. */
static int refusal(struct datagram_socket *socket, const struct datagram *datagram)
{
    static const int unlucky[] = {ECONNREFUSED, EPERM, ENETUNREACH, ENOBUFS};
    struct sim *sim = socket->descriptor.sim;
    socket->strays += datagram->place.size == 0;
    if (datagram->place.size == 0)
        return -EDESTADDRREQ;
    if (datagram->bytes.size > (socket->local ? PACKET_MAX : UDP_LARGEST))
        return -EMSGSIZE;
    if (sim_happens(sim, sim->faults.datagram_fails))
        return -unlucky[sim_between(sim, 0, 3)];
    return 0;
}

/* For nobody: only a Unix socket is told, and of a port that none can be. */
static int stray(struct datagram_socket *socket, const struct datagram *datagram)
{
    socket->strays++;
    if (socket->local)
        return -ECONNREFUSED;
    return datagram->place.ipv4.sin_port == 0 ? -EINVAL : 0;
}

static int send_one(struct datagram_socket *socket, const struct datagram *datagram)
{
    struct sim *sim = socket->descriptor.sim;
    int refused = refusal(socket, datagram);
    if (refused)
        return refused;
    struct sim_correspondent *correspondent = correspondent_at(socket, &datagram->place);
    if (!correspondent)
        return stray(socket, datagram);
    struct letters *letters = &correspondent->letters;
    if (socket->local && correspondent->gone)
        return -ECONNREFUSED;
    if (socket->local && letters_count(letters) >= letters->most)
        return -EAGAIN;
    struct letter *letter = letter_make(correspondent, datagram->bytes, datagram->local);
    letters_fly(letters, letter, sim->engine.now_ns + sim_within(sim, sim->faults.latency_ns),
                arrives_at_correspondent);
    return 0;
}

/* Our own buffer is full, by chance: whether the send has to wait, once for each datagram. */
static bool must_wait(struct datagram_socket *socket)
{
    struct sim *sim = socket->descriptor.sim;
    socket->waited = !socket->local && !socket->waited && sim_happens(sim, sim->faults.short_send);
    if (socket->waited)
        sim_pause_output(&socket->descriptor, sim_within(sim, sim->faults.latency_ns));
    return socket->waited;
}

static void socket_output(struct descriptor *descriptor)
{
    struct datagram_socket *socket = socket_of(descriptor);
    assert(descriptor->output->kind == OP_SEND_DATAGRAMS);
    struct send_datagrams_op *op = list_item(descriptor->output, struct send_datagrams_op, op);
    int64_t sent = 0;
    for (; op->handled < op->count; op->handled++) {
        if (must_wait(socket))
            return;
        op->list[op->handled].status = send_one(socket, &op->list[op->handled]);
    }
    for (unsigned i = 0; i < op->count; i++)
        sent += op->list[i].status == 0;
    sim_finish(descriptor, &op->op, sent);
}

static void socket_close(struct descriptor *descriptor, bool reset)
{
    (void)descriptor;
    (void)reset;
}

static void socket_free(struct descriptor *descriptor)
{
    struct datagram_socket *socket = socket_of(descriptor);
    struct list *link;
    while ((link = list_take(&socket->correspondents))) {
        struct sim_correspondent *correspondent = list_item(link, struct sim_correspondent, link);
        letters_free(&correspondent->letters);
        free(correspondent->read);
        free(correspondent);
    }
    letters_free(&socket->letters);
    free(socket);
}

static const struct descriptor_table socket_table = {
    .input = socket_input,
    .has_input = socket_has_input,
    .output = socket_output,
    .close = socket_close,
    .free = socket_free,
};

int sim_datagrams(struct engine *engine, enum sim_datagrams_kind kind)
{
    struct datagram_socket *socket = sim_allocate(sizeof *socket);
    socket->local = kind == SIM_UNIX;
    letters_init(&socket->letters);
    list_init(&socket->correspondents);
    return sim_open(sim_of(engine), &socket->descriptor, &socket_table);
}

struct datagram_socket *sim_datagram_socket(const struct engine *engine, int fd)
{
    struct descriptor *descriptor = sim_descriptor_ever(sim_of_const(engine), fd);
    assert(descriptor->table == &socket_table);
    return socket_of(descriptor);
}

unsigned sim_datagrams_stray(const struct engine *engine, int fd)
{
    return sim_datagram_socket(engine, fd)->strays;
}
