/* sources.c: a table of sources, of a fixed size, made at the start.
 *
 * The happy path: a connection comes, its source is found in the bucket of its hash or takes the
 * next row that was never used; it goes, and a source without a connection whose bucket is full
 * leaves the table. One that has still to be waited for joins the unused, at their end, and is
 * forgotten when somebody looks there later.
 *
 * Ways to fail: none after it was made. Where no row is free, the source that is longest unused
 * gives its own; there always is one, since there are more rows than connections. */
#include "serve/sources.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)

/* No source is let into debt beyond this, so that nothing overflows. */
#define PAID_MOST_NS (INT64_MAX / 4)

/* How many of the unused are looked at whenever somebody comes: more than one, so that they become
 * fewer. */
#define FORGOTTEN_MOST 2

struct sources {
    struct sources_bounds bounds;
    int64_t tolerance_ns; /* how far ahead of the clock a source may have paid and go on */
    pthread_mutex_t lock; /* of everything below, but for what sources have paid */
    struct list unused;
    struct source *free;
    struct source *rows;
    size_t row_count;
    size_t rows_used;
    struct source **buckets;
    size_t bucket_count; /* a power of two */
    uint64_t seed;
};

/* ---- making ---- */

static size_t rows_for(size_t connections)
{
    return connections + SOURCES_SPARE;
}

static size_t buckets_for(size_t rows)
{
    size_t count = 1;
    while (count < rows)
        count *= 2;
    return count;
}

size_t sources_memory(size_t connections)
{
    size_t rows = rows_for(connections);
    return sizeof(struct sources) + rows * sizeof(struct source) +
           buckets_for(rows) * sizeof(struct source *);
}

/* A second's worth, of which the first message is taken when the bucket is full. */
static int64_t tolerance(int64_t interval_ns)
{
    if (interval_ns == 0 || interval_ns >= SECOND_NS)
        return 0;
    return (SECOND_NS / interval_ns - 1) * interval_ns;
}

struct sources *sources_create(struct sources_bounds bounds, size_t connections, uint64_t seed)
{
    struct sources *sources = calloc(1, sizeof *sources);
    if (!sources)
        return NULL;
    sources->bounds = bounds;
    sources->tolerance_ns = tolerance(bounds.interval_ns);
    sources->row_count = rows_for(connections);
    sources->bucket_count = buckets_for(sources->row_count);
    sources->seed = seed;
    list_init(&sources->unused);
    sources->rows = calloc(sources->row_count, sizeof *sources->rows);
    sources->buckets = calloc(sources->bucket_count, sizeof(struct source *));
    bool made = sources->rows && sources->buckets && !pthread_mutex_init(&sources->lock, NULL);
    if (made)
        return sources;
    free(sources->rows);
    free(sources->buckets);
    free(sources);
    return NULL;
}

void sources_destroy(struct sources **handle)
{
    struct sources *sources = *handle;
    *handle = NULL;
    if (!sources)
        return;
    pthread_mutex_destroy(&sources->lock);
    free(sources->rows);
    free(sources->buckets);
    free(sources);
}

/* ---- finding ---- */

/* What of a peer's address is its source: false for one that has none. */
static bool identify(const struct peer *peer, struct source *source)
{
    size_t size = peer->kind == PEER_IPV4 ? 4 : sizeof source->prefix;
    source->kind = peer->kind;
    source->prefix = 0;
    if (peer->kind != PEER_IPV4 && peer->kind != PEER_IPV6)
        return false;
    memcpy(&source->prefix, peer->address, size);
    return true;
}

/* Mixed with the seed, so that nobody can fill one bucket with chosen addresses. */
static struct source **bucket_of(const struct sources *sources, const struct source *who)
{
    uint64_t hash = (who->prefix ^ sources->seed) + who->kind;
    for (int i = 0; i < 2; i++) {
        hash ^= hash >> 32;
        hash *= UINT64_C(0x9e3779b97f4a7c15);
        hash ^= sources->seed >> 17;
    }
    return &sources->buckets[(hash >> 32) & (sources->bucket_count - 1)];
}

static struct source *find(const struct sources *sources, const struct source *who)
{
    struct source *found = *bucket_of(sources, who);
    while (found && (found->prefix != who->prefix || found->kind != who->kind))
        found = found->next;
    return found;
}

/* ---- forgetting ---- */

static void forget(struct sources *sources, struct source *source)
{
    struct source **link = bucket_of(sources, source);
    while (*link != source)
        link = &(*link)->next;
    *link = source->next;
    list_remove(&source->unused);
    source->next = sources->free;
    sources->free = source;
}

static struct source *longest_unused(struct sources *sources)
{
    return list_item(sources->unused.next, struct source, unused);
}

static bool has_full_bucket(const struct source *source, int64_t now_ns)
{
    return atomic_load_explicit(&source->paid_until_ns, memory_order_relaxed) <= now_ns;
}

static void forget_some(struct sources *sources, int64_t now_ns)
{
    for (int i = 0; i < FORGOTTEN_MOST && !list_empty(&sources->unused); i++)
        if (has_full_bucket(longest_unused(sources), now_ns))
            forget(sources, longest_unused(sources));
}

/* Nobody is connected: it is the last of those to be forgotten. */
static void leave_unused(struct sources *sources, struct source *source)
{
    if (source->connections > 0)
        return;
    list_remove(&source->unused);
    list_append(&sources->unused, &source->unused);
}

/* ---- coming and going ---- */

static struct source *take_row(struct sources *sources)
{
    if (!sources->free && sources->rows_used < sources->row_count)
        return &sources->rows[sources->rows_used++];
    if (!sources->free) {
        assert(!list_empty(&sources->unused));
        forget(sources, longest_unused(sources));
    }
    struct source *row = sources->free;
    sources->free = row->next;
    return row;
}

static struct source *find_or_make(struct sources *sources, const struct source *who,
                                   int64_t now_ns)
{
    forget_some(sources, now_ns);
    struct source *source = find(sources, who);
    if (source)
        return source;
    struct source **bucket = bucket_of(sources, who);
    source = take_row(sources);
    source->prefix = who->prefix;
    source->kind = who->kind;
    source->connections = 0;
    atomic_store_explicit(&source->paid_until_ns, 0, memory_order_relaxed);
    list_init(&source->unused);
    source->next = *bucket;
    *bucket = source;
    return source;
}

/* One more connection: NULL where there are as many as there may be. */
static struct source *count_in(struct sources *sources, const struct source *who, int64_t now_ns)
{
    struct source *source = find_or_make(sources, who, now_ns);
    if (sources->bounds.connections > 0 && source->connections >= sources->bounds.connections)
        return NULL;
    list_remove(&source->unused);
    source->connections++;
    return source;
}

bool sources_enter(struct sources *sources, const struct peer *peer, int64_t now_ns,
                   struct source **source)
{
    struct source who;
    *source = NULL;
    if (!identify(peer, &who))
        return true;
    pthread_mutex_lock(&sources->lock);
    *source = count_in(sources, &who, now_ns);
    pthread_mutex_unlock(&sources->lock);
    return *source != NULL;
}

void sources_leave(struct sources *sources, struct source **handle, int64_t now_ns)
{
    struct source *source = *handle;
    *handle = NULL;
    if (!source)
        return;
    pthread_mutex_lock(&sources->lock);
    assert(source->connections > 0);
    source->connections--;
    if (source->connections == 0 && has_full_bucket(source, now_ns))
        forget(sources, source);
    else
        leave_unused(sources, source);
    pthread_mutex_unlock(&sources->lock);
}

/* ---- paying ---- */

bool sources_rated(const struct sources *sources)
{
    return sources->bounds.interval_ns > 0;
}

/* From when on a message may be taken that is paid for now. most_ns: pay only where that is no
 * later; nothing has been paid where the result is. */
static int64_t pay(const struct sources *sources, struct source *source, int64_t now_ns,
                   int64_t most_ns)
{
    int_fast64_t paid = atomic_load_explicit(&source->paid_until_ns, memory_order_relaxed);
    int64_t from_ns, until_ns;
    do {
        int64_t begin_ns = paid > now_ns ? paid : now_ns;
        from_ns = begin_ns - sources->tolerance_ns;
        until_ns = begin_ns + sources->bounds.interval_ns;
        if (from_ns > most_ns || until_ns > PAID_MOST_NS)
            return from_ns;
    } while (!atomic_compare_exchange_weak_explicit(&source->paid_until_ns, &paid, until_ns,
                                                    memory_order_relaxed, memory_order_relaxed));
    return from_ns;
}

int64_t source_pay(struct sources *sources, struct source *source, int64_t now_ns)
{
    int64_t from_ns = pay(sources, source, now_ns, INT64_MAX);
    return from_ns > now_ns ? from_ns : now_ns;
}

void source_refund(struct sources *sources, struct source *source)
{
    atomic_fetch_sub_explicit(&source->paid_until_ns, sources->bounds.interval_ns,
                              memory_order_relaxed);
}

bool sources_admit(struct sources *sources, const struct peer *peer, int64_t now_ns)
{
    struct source who;
    if (!identify(peer, &who))
        return true;
    pthread_mutex_lock(&sources->lock);
    struct source *source = find_or_make(sources, &who, now_ns);
    bool admitted = pay(sources, source, now_ns, now_ns) <= now_ns;
    leave_unused(sources, source);
    pthread_mutex_unlock(&sources->lock);
    return admitted;
}
