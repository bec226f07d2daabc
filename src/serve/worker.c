/* worker.c: what the connections of a worker share: pools, lists, the turns that travel.
 *
 * What a worker does with it stands in pass.c. Nothing here knows how a connection lives. */
#include "serve/worker.h"

#include "serve/affected.h"
#include "serve/post.h"
#include "serve/server.h"
#include "serve/talker.h"

#include <assert.h>

/* Recorded and failure are looked at when the pass ends; the call only ends the engine's wait. */
static void recorder_has_changed(void *owner)
{
    (void)owner;
}

int worker_open(struct worker *worker, struct gt_server *server, struct engine *engine,
                struct recorder *recorder, struct error *error)
{
    *worker = (struct worker){
        .server = server, .engine = engine, .recorder = recorder, .limits = &server->limits};
    worker->counters = &worker->counted;
    worker->alone = server->limits.workers == 1;
    struct list *lists[] = {&worker->listeners, &worker->fresh,       &worker->proven,
                            &worker->ended,     &worker->dirty,       &worker->posts,
                            &worker->held,      &worker->held_parcels};
    for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++)
        list_init(lists[i]);
    pool_init(&worker->connections, sizeof(struct connection));
    pool_init(&worker->outputs, sizeof(struct output));
    pool_init(&worker->turns, sizeof(struct gt_turn));
    pool_init(&worker->parcels, sizeof(struct parcel));
    pool_init(&worker->stagings, sizeof(struct staging));
    pool_init(&worker->exchanges, sizeof(struct exchange));
    pool_init(&worker->talkers, sizeof(struct talker));
    pool_init(&worker->affected, sizeof(struct affected));
    if (recorder) {
        worker->sequence = worker->published = worker->committed = recorder->recorded;
        recorder->changed = recorder_has_changed;
        recorder->owner = worker;
    }
    int number = mailbox_open(&worker->mailbox, engine);
    return number ? error_errno(error, number, "cannot make a lock") : GT_DONE;
}

void worker_close(struct worker *worker)
{
    assert(worker->memory_bytes == 0);
    recorder_destroy(&worker->recorder);
    pool_free(&worker->connections);
    pool_free(&worker->outputs);
    pool_discard(&worker->turns);
    pool_free(&worker->parcels);
    pool_free(&worker->stagings);
    pool_free(&worker->exchanges);
    pool_free(&worker->talkers);
    pool_free(&worker->affected);
    mailbox_close(&worker->mailbox);
}

/* ---- connections ---- */

static void each_in(struct list *list, void (*visit)(struct connection *connection))
{
    struct list waiting;
    list_init(&waiting);
    list_splice(&waiting, list);
    for (struct list *link = list_take(&waiting); link; link = list_take(&waiting)) {
        list_append(list, link);
        visit(list_item(link, struct connection, link));
    }
}

void worker_each(struct worker *worker, void (*visit)(struct connection *connection))
{
    each_in(&worker->fresh, visit);
    each_in(&worker->proven, visit);
}

/* ---- turns ---- */

struct gt_turn *worker_make_turn(struct worker *worker)
{
    struct gt_turn *turn = pool_take(&worker->turns);
    if (!turn)
        return NULL;
    memset(turn, 0, sizeof *turn);
    turn->magic = TURN_MAGIC;
    turn->mailbox = &worker->mailbox;
    list_init(&turn->end.link);
    list_init(&turn->held);
    worker->at_hand = turn;
    return turn;
}

void worker_hold(struct worker *worker, struct gt_turn *turn)
{
    worker->at_hand = NULL;
    if (worker->recorder)
        list_append(&worker->held, &turn->held);
    else
        worker_move_turn(worker, turn, TURN_RECORDED);
}

static void tell_keeper(struct gt_turn *turn, enum turn_event event)
{
    if (event == TURN_RECORDED)
        turn->keeper->recorded(turn);
    if (event == TURN_ORPHANED)
        turn->keeper->orphaned(turn);
}

void worker_move_turn(struct worker *worker, struct gt_turn *turn, enum turn_event event)
{
    if (event == TURN_ORPHANED)
        turn->connection = turn->exchange = NULL;
    if (turn_move(turn, event) == TURN_FREE)
        pool_give(&worker->turns, turn);
    else if (turn->keeper)
        tell_keeper(turn, event);
}

void worker_discard_turn(struct worker *worker, struct gt_turn *turn)
{
    worker->at_hand = NULL;
    worker_move_turn(worker, turn, TURN_ORPHANED);
    worker_move_turn(worker, turn, TURN_RECORDED);
    worker_move_turn(worker, turn, TURN_REPLIED);
}

void worker_mark_dirty(struct worker *worker, struct output *output)
{
    worker->more = true;
    if (list_empty(&output->dirty))
        list_append(&worker->dirty, &output->dirty);
}

void worker_mark_post(struct worker *worker, struct post *post)
{
    worker->more = true;
    if (list_empty(&post->dirty))
        list_append(&worker->posts, &post->dirty);
}

int64_t worker_wall_us(struct worker *worker)
{
    if (worker->wall_us == 0)
        worker->wall_us = engine_wall_us(worker->engine);
    return worker->wall_us;
}

void worker_wake_others(struct worker *worker)
{
    struct crew *crew = &worker->server->crew;
    for (unsigned i = 0; i < crew->size; i++)
        if (&crew->workers[i] != worker)
            engine_wake(crew->workers[i].engine);
}
