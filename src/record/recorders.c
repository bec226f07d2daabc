/* recorders.c: several recorders as one.
 *
 * A message counts as recorded when all of them have it. One that cannot take it makes those before
 * it give it back. The first failure is that of all of them: what the others still record is
 * harmless, for no reply depends on it any more. */
#include "record/record.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct recorders {
    struct recorder recorder; /* first: the recorder is what others see */
    size_t count;
    struct recorder *list[RECORDERS_MAX]; /* owned */
};

static struct recorders *recorders_of(struct recorder *recorder)
{
    return (struct recorders *)(void *)recorder;
}

/* What is known of all of them together. */
static void sum_up(struct recorders *all)
{
    struct recorder *sum = &all->recorder;
    uint64_t least = UINT64_MAX;
    sum->want = (struct error){0};
    for (size_t i = 0; i < all->count; i++) {
        const struct recorder *one = all->list[i];
        least = one->recorded < least ? one->recorded : least;
        if (sum->failure.status == 0)
            sum->failure = one->failure;
        if (sum->want.status == 0)
            sum->want = one->want;
    }
    if (sum->failure.status == 0)
        sum->recorded = least;
}

static int recorders_take(struct recorder *recorder, const struct message *message)
{
    struct recorders *all = recorders_of(recorder);
    for (size_t i = 0; i < all->count; i++) {
        if (recorder_take(all->list[i], message) == 0)
            continue;
        while (i-- > 0)
            recorder_take_back(all->list[i]);
        return -ENOMEM;
    }
    return 0;
}

static void recorders_take_back(struct recorder *recorder)
{
    struct recorders *all = recorders_of(recorder);
    for (size_t i = 0; i < all->count; i++)
        recorder_take_back(all->list[i]);
}

static void recorders_commit(struct recorder *recorder)
{
    struct recorders *all = recorders_of(recorder);
    for (size_t i = 0; i < all->count; i++)
        recorder_commit(all->list[i]);
    sum_up(all);
}

static bool recorders_full(const struct recorder *recorder)
{
    const struct recorders *all = (const struct recorders *)(const void *)recorder;
    bool full = false;
    for (size_t i = 0; i < all->count; i++)
        full |= recorder_full(all->list[i]);
    return full;
}

static bool recorders_finish(struct recorder *recorder)
{
    struct recorders *all = recorders_of(recorder);
    bool finished = true;
    for (size_t i = 0; i < all->count; i++)
        finished &= recorder_finish(all->list[i]);
    sum_up(all);
    return finished;
}

static bool recorders_stop(struct recorder *recorder)
{
    struct recorders *all = recorders_of(recorder);
    bool stopped = true;
    for (size_t i = 0; i < all->count; i++)
        stopped &= recorder_stop(all->list[i]);
    return stopped;
}

static int recorders_reopen(struct recorder *recorder, struct error *error)
{
    struct recorders *all = recorders_of(recorder);
    int status = 0;
    for (size_t i = 0; i < all->count; i++)
        status |= recorder_reopen(all->list[i], error);
    return status;
}

static void recorders_destroy(struct recorder *recorder)
{
    struct recorders *all = recorders_of(recorder);
    for (size_t i = 0; i < all->count; i++)
        recorder_destroy(&all->list[i]);
    free(all);
}

static void one_changed(void *owner)
{
    struct recorders *all = owner;
    sum_up(all);
    if (all->recorder.changed)
        all->recorder.changed(all->recorder.owner);
}

static const struct recorder_table recorders_table = {
    .name = "several",
    .take = recorders_take,
    .take_back = recorders_take_back,
    .commit = recorders_commit,
    .full = recorders_full,
    .finish = recorders_finish,
    .stop = recorders_stop,
    .reopen = recorders_reopen,
    .destroy = recorders_destroy,
};

struct recorder *recorders_join(struct recorder *const list[], size_t count)
{
    struct recorders *all = calloc(1, sizeof *all);
    assert(count <= RECORDERS_MAX);
    if (!all)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (list[i])
            all->list[all->count++] = list[i];
    assert(all->count > 0);
    if (all->count == 1) {
        struct recorder *single = all->list[0];
        free(all);
        return single;
    }
    for (size_t i = 0; i < all->count; i++) {
        all->list[i]->changed = one_changed;
        all->list[i]->owner = all;
    }
    all->recorder.table = &recorders_table;
    sum_up(all);
    return &all->recorder;
}
