/* slice.h: bytes that somebody else owns. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *data; /* may be NULL when size is 0 */
    size_t size;         /* bytes */
};

static inline struct slice slice_of(const void *data, size_t size)
{
    return (struct slice){data, size};
}

static inline struct slice slice_of_text(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

/* A copy of what has just been written, read in halves as it was written. (A load of both at once
 * waits until they have left the store buffer: for each message, a tenth of our time.) */
static inline struct slice slice_fresh(const volatile struct slice *slice)
{
    return slice_of(slice->data, slice->size);
}

/* The slice without its first count bytes; count is at most its size. */
static inline struct slice slice_after(struct slice slice, size_t count)
{
    /* NULL must not be added to, not even 0 (C11, 6.5.6); compilers make one addition of this. */
    return (struct slice){count > 0 ? slice.data + count : slice.data, slice.size - count};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Whether the last byte of the slice is this one. */
static inline bool slice_ends_with(struct slice slice, uint8_t byte)
{
    return slice.size > 0 && slice.data[slice.size - 1] == byte;
}

#endif
