/* preload.c: a library that is loaded before all others (LD_PRELOAD) and has allocations of any
 * program fail.
 *
 *     MEMORY_FAIL=FIRST:COUNT   the FIRST-th allocation from main on (1, ...), and those after it,
 *                               COUNT of them (0: all)
 *     MEMORY_COUNT=FILE         8 bytes of that file are kept at how many there were
 *
 * Allocations are those of the C library's family, whoever asks, the C library itself included, and
 * mappings that the program makes. An allocation is an atomic addition dearer. A plan that cannot
 * be understood ends the program: one that is silently not followed would be a test that cannot
 * fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* glibc's own names for what is put in front of it here. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static struct {
    bool begun;
    unsigned long long first; /* 0: none fails */
    unsigned long long last;
} plan;

static atomic_ullong counted_here;
static atomic_ullong *counted = &counted_here;

static void refuse_plan(const char *variable)
{
    dprintf(STDERR_FILENO, "preload: cannot follow %s=%s\n", variable, getenv(variable));
    _exit(99);
}

static void read_failure(const char *text)
{
    unsigned long long count;
    if (sscanf(text, "%llu:%llu", &plan.first, &count) != 2 || plan.first == 0)
        refuse_plan("MEMORY_FAIL");
    plan.last = count ? plan.first + count - 1 : UINT64_MAX;
}

static void map_count(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *memory = MAP_FAILED;
    if (fd >= 0)
        memory = mmap(NULL, sizeof *counted, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        refuse_plan("MEMORY_COUNT");
    counted = memory;
    close(fd);
}

__attribute__((constructor)) static void begin(void)
{
    const char *failure = getenv("MEMORY_FAIL");
    const char *count = getenv("MEMORY_COUNT");
    if (failure)
        read_failure(failure);
    if (count)
        map_count(count);
    plan.begun = true;
}

static bool fails(void)
{
    if (!plan.begun)
        return false;
    unsigned long long number = atomic_fetch_add(counted, 1) + 1;
    if (plan.first == 0 || number < plan.first || number > plan.last)
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails() ? NULL : __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size)
{
    return aligned_alloc(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *made = aligned_alloc(alignment, size);
    if (made)
        *memory = made;
    return made ? 0 : ENOMEM;
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (fails())
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}
