/* bytes.c: the happy path is bytes_reserve finding room at the end. Where there is none, enough
 * consumed bytes at the start mean moving the content down; otherwise the memory doubles.
 *
 * Moving only when at least half as much was consumed as is left keeps the copying linear: a buffer
 * that is consumed and filled byte by byte would otherwise move as a whole each time.
 *
 * Failing: no memory, or a size past SIZE_MAX, is -ENOMEM, and nothing has changed. */
#include "base/bytes.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CAPACITY_LEAST 64

static void move_down(struct bytes *bytes)
{
    memmove(bytes->data, bytes->data + bytes->start, bytes->size);
    bytes->start = 0;
}

/* How much to allocate so that need bytes fit. */
static size_t grown(size_t capacity, size_t need, size_t enough)
{
    size_t doubled = capacity > SIZE_MAX / 2 ? SIZE_MAX : capacity * 2;
    if (need <= enough && doubled > enough)
        doubled = enough;
    size_t least = need > CAPACITY_LEAST ? need : CAPACITY_LEAST;
    return doubled > least ? doubled : least;
}

static int grow(struct bytes *bytes, size_t need, size_t enough)
{
    size_t capacity = grown(bytes->capacity, need, enough);
    uint8_t *data;
    if (bytes->start == 0) {
        data = realloc(bytes->data, capacity);
    } else {
        data = malloc(capacity);
        if (data && bytes->size > 0)
            memcpy(data, bytes->data + bytes->start, bytes->size);
        if (data)
            free(bytes->data);
    }
    if (!data)
        return -ENOMEM;
    bytes->data = data;
    bytes->start = 0;
    bytes->capacity = capacity;
    return 0;
}

int bytes_reserve(struct bytes *bytes, size_t count)
{
    return bytes_reserve_within(bytes, count, SIZE_MAX);
}

int bytes_reserve_within(struct bytes *bytes, size_t count, size_t enough)
{
    if (count <= bytes->capacity - bytes->start - bytes->size && bytes->data)
        return 0;
    if (count > SIZE_MAX / 2 - bytes->size)
        return -ENOMEM;
    size_t need = bytes->size + count;
    bool fits = bytes->data && need <= bytes->capacity;
    if (fits && bytes->start >= bytes->size / 2) {
        move_down(bytes);
        return 0;
    }
    return grow(bytes, need, enough);
}

int bytes_append(struct bytes *bytes, struct slice slice)
{
    if (slice.size == 0)
        return 0;
    int failed = bytes_reserve(bytes, slice.size);
    if (failed)
        return failed;
    memcpy(bytes_end(bytes), slice.data, slice.size);
    bytes->size += slice.size;
    return 0;
}

/* Format into the room there is: the length of the whole text, or negative. */
static int format_into(struct bytes *bytes, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static int format_into(struct bytes *bytes, const char *format, va_list arguments)
{
    size_t room = bytes->capacity - bytes->start - bytes->size;
    return vsnprintf((char *)bytes_end(bytes), room, format, arguments);
}

int bytes_format(struct bytes *bytes, const char *format, ...)
{
    va_list arguments, again;
    if (bytes_reserve(bytes, CAPACITY_LEAST) != 0)
        return -ENOMEM;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = format_into(bytes, format, arguments);
    va_end(arguments);
    size_t room = bytes->capacity - bytes->start - bytes->size;
    bool failed = length < 0;
    if (!failed && (size_t)length >= room) {
        failed = bytes_reserve(bytes, (size_t)length + 1) != 0;
        if (!failed)
            failed = format_into(bytes, format, again) < 0;
    }
    va_end(again);
    if (failed)
        return -ENOMEM;
    bytes->size += (size_t)length;
    return 0;
}

void bytes_consume(struct bytes *bytes, size_t count)
{
    assert(count <= bytes->size);
    bytes->size -= count;
    bytes->start = bytes->size > 0 ? bytes->start + count : 0;
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}
