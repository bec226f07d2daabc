/* shim_plan.c: the environment is read once, as the library is loaded; counting is one atomic
 * addition a call. Whatever cannot be understood ends the program: a plan that is silently not
 * followed would be a test that cannot fail. */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHIM_NAME(name) #name,
static const char *const names[] = {SHIM_CALLS(SHIM_NAME)};

static struct {
    unsigned call; /* SHIM_CALL_COUNT: none */
    int number;
    unsigned long first, last;
    unsigned long cut_percent;
    unsigned long most;
    const char *count_path;
    const volatile int64_t *clock_seconds; /* or NULL */
} plan = {.call = SHIM_CALL_COUNT};

static atomic_ulong counts[SHIM_CALL_COUNT];
static atomic_ulong total;
static atomic_ullong random_state;

static void refuse_plan(const char *variable)
{
    fprintf(stderr, "shim: cannot follow %s=%s\n", variable, getenv(variable));
    _exit(99);
}

static unsigned call_named(const char *name, size_t size)
{
    unsigned call = 0;
    while (call < SHIM_CALL_COUNT &&
           (strlen(names[call]) != size || strncmp(names[call], name, size) != 0))
        call++;
    return call;
}

static void read_failure(const char *text)
{
    unsigned long count = 1;
    size_t size = strcspn(text, ":");
    plan.call = call_named(text, size);
    int fields = sscanf(text + size, ":%d:%lu:%lu", &plan.number, &plan.first, &count);
    if (plan.call == SHIM_CALL_COUNT || fields < 2 || plan.first == 0)
        refuse_plan("SHIM_FAIL");
    plan.last = count == 0 ? (unsigned long)-1 : plan.first + count - 1;
}

static void read_cut(const char *text)
{
    unsigned long long seed;
    if (sscanf(text, "%lu:%llu", &plan.cut_percent, &seed) != 2)
        refuse_plan("SHIM_CUT");
    atomic_store(&random_state, seed);
}

static void read_clock(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        refuse_plan("SHIM_CLOCK");
    plan.clock_seconds = mapped;
    close(fd);
}

__attribute__((constructor)) static void read_plan(void)
{
    const char *failure = getenv("SHIM_FAIL");
    const char *cut = getenv("SHIM_CUT");
    const char *most = getenv("SHIM_MOST");
    const char *clock_path = getenv("SHIM_CLOCK");
    if (cut)
        read_cut(cut);
    if (clock_path)
        read_clock(clock_path);
    if (most && sscanf(most, "%lu", &plan.most) != 1)
        refuse_plan("SHIM_MOST");
    plan.count_path = getenv("SHIM_COUNT");
    if (failure)
        read_failure(failure);
    for (unsigned call = 0; call < SHIM_CALL_COUNT; call++) /* what this file did itself */
        atomic_store(&counts[call], 0);
}

__attribute__((destructor)) static void write_counts(void)
{
    FILE *file = plan.count_path ? fopen(plan.count_path, "we") : NULL;
    if (!file)
        return;
    for (unsigned call = 0; call < SHIM_CALL_COUNT; call++)
        fprintf(file, "%s %lu\n", names[call], atomic_load(&counts[call]));
    fclose(file);
}

bool shim_refuses(enum shim_call call)
{
    unsigned long count = atomic_fetch_add(&counts[call], 1) + 1;
    if (plan.most && atomic_fetch_add(&total, 1) + 1 > plan.most) {
        plan.most = 0;
        dprintf(STDERR_FILENO, "shim: too many calls: it spins; %s is the last\n", names[call]);
        abort();
    }
    if (call != plan.call || count < plan.first || count > plan.last)
        return false;
    errno = plan.number;
    return true;
}

/* splitmix64, its state shared by all threads. */
static uint64_t chance(void)
{
    uint64_t mixed = atomic_fetch_add(&random_state, 0x9e3779b97f4a7c15u) + 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

/* A share is up to any power of two: few bytes of a short message, and many of a long one, which
 * would take for ever in small pieces. */
size_t shim_share(size_t size)
{
    if (size < 2 || chance() % 100 >= plan.cut_percent)
        return size;
    size_t most = (size_t)1 << chance() % 20;
    if (most > size - 1)
        most = size - 1;
    return 1 + chance() % most;
}

int64_t shim_clock_seconds(void)
{
    return plan.clock_seconds ? *plan.clock_seconds : 0;
}
