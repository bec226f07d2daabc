/* bytes.h: a growable buffer that is filled at its end and consumed at its start.
 *
 * All zeros is an empty buffer that owns nothing. Growth doubles; consuming moves an offset and the
 * bytes move down only when room is needed. Not thread-safe. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "base/slice.h"

struct bytes {
    uint8_t *data;   /* owned; NULL when nothing is allocated */
    size_t start;    /* consumed bytes before the content */
    size_t size;     /* bytes of content */
    size_t capacity; /* bytes allocated */
};

/* The content, valid until the buffer is changed. */
static inline struct slice bytes_slice(const struct bytes *bytes)
{
    return bytes->size ? slice_of(bytes->data + bytes->start, bytes->size) : slice_of(NULL, 0);
}

/* Make room for count more bytes: 0, or -ENOMEM with the buffer unchanged. */
int bytes_reserve(struct bytes *bytes, size_t count);

/* The same for a buffer that seldom holds more than enough bytes: doubling stops there once. */
int bytes_reserve_within(struct bytes *bytes, size_t count, size_t enough);

/* Where the next bytes go, after bytes_reserve. */
static inline uint8_t *bytes_end(struct bytes *bytes)
{
    return bytes->data + bytes->start + bytes->size;
}

/* Append a copy: 0 or -ENOMEM (nothing appended then). */
int bytes_append(struct bytes *bytes, struct slice slice);

/* Append formatted text without its NUL: 0 or -ENOMEM. */
int bytes_format(struct bytes *bytes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Forget the first count bytes; count is at most size. */
void bytes_consume(struct bytes *bytes, size_t count);

/* Forget the content, keep the memory. */
static inline void bytes_clear(struct bytes *bytes)
{
    bytes->start = 0;
    bytes->size = 0;
}

/* Give the memory back; the buffer is empty and usable afterwards. */
void bytes_free(struct bytes *bytes);

#endif
