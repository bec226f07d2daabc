/* error.c: sentences are made in a buffer of their own and then copied, because what is formatted
 * may be the very error that is written to.
 *
 * Failing: what does not fit is cut, never within a UTF-8 character; of an errno's sentence the
 * front is cut, so that the errno stays. */
#include "base/error.h"

#include "goodtalk.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What is formatted, a byte longer than fits, so that the cut sees whether a character goes on. */
typedef char sentence[sizeof(((struct error *)0)->text) + 1];

#define FORMAT(text, format)                                                                       \
    do {                                                                                           \
        va_list arguments;                                                                         \
        va_start(arguments, format);                                                               \
        vsnprintf(text, sizeof(text), format, arguments);                                          \
        va_end(arguments);                                                                         \
    } while (0)

/* The bytes of text to keep where at most most fit. */
static size_t cut_length(const char *text, size_t most)
{
    size_t length = strlen(text);
    if (length <= most)
        return length;
    length = most;
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    return length;
}

/* Put more at the end of the error's text, as much as fits when spare bytes are to stay free. */
static void add(struct error *error, const char *more, size_t spare)
{
    size_t used = strlen(error->text);
    size_t room = sizeof(error->text) - 1 - used;
    size_t length = cut_length(more, room > spare ? room - spare : 0);
    memcpy(error->text + used, more, length);
    error->text[used + length] = '\0';
}

int error_set(struct error *error, int status, const char *format, ...)
{
    sentence text;
    if (!error)
        return status;
    FORMAT(text, format);
    *error = (struct error){.status = status};
    add(error, text, 0);
    return status;
}

int error_errno(struct error *error, int number, const char *format, ...)
{
    sentence text;
    char words[128] = ": ";
    if (!error)
        return GT_FAILED;
    FORMAT(text, format);
    error_words(number, words + 2, sizeof(words) - 2);
    *error = (struct error){.status = GT_FAILED, .number = number};
    add(error, text, strlen(words));
    add(error, words, 0);
    return GT_FAILED;
}

int error_prefix(struct error *error, const char *format, ...)
{
    sentence what;
    sentence before;
    if (!error)
        return GT_FAILED;
    FORMAT(what, format);
    memcpy(before, error->text, sizeof(error->text));
    error->text[0] = '\0';
    add(error, what, 2);
    add(error, ": ", 0);
    add(error, before, 0);
    return error->status;
}

int error_append(struct error *error, const char *format, ...)
{
    sentence more;
    if (!error)
        return GT_FAILED;
    FORMAT(more, format);
    add(error, more, 0);
    return error->status;
}

#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 32)
#define NAMES_FROM_LIBRARY 1
#endif
#endif

#ifdef NAMES_FROM_LIBRARY
const char *error_name(int number)
{
    const char *name = number > 0 ? strerrorname_np(number) : NULL;
    return name ? name : "E?";
}

static const char *description(int number)
{
    const char *words = number > 0 ? strerrordesc_np(number) : NULL;
    return words ? words : "Unknown error";
}
#else
/* Where the library does not tell the names: those that a server meets. */
const char *error_name(int number)
{
#define NAMED(name)                                                                                \
    {                                                                                              \
        name, #name                                                                                \
    }
    static const struct {
        int number;
        const char *name;
    } names[] = {
        NAMED(EACCES),       NAMED(EADDRINUSE), NAMED(EADDRNOTAVAIL), NAMED(EAFNOSUPPORT),
        NAMED(EAGAIN),       NAMED(EBADF),      NAMED(ECANCELED),     NAMED(ECONNABORTED),
        NAMED(ECONNREFUSED), NAMED(ECONNRESET), NAMED(EEXIST),        NAMED(EFBIG),
        NAMED(EHOSTUNREACH), NAMED(EINTR),      NAMED(EINVAL),        NAMED(EIO),
        NAMED(EISDIR),       NAMED(ELOOP),      NAMED(EMFILE),        NAMED(ENAMETOOLONG),
        NAMED(ENETUNREACH),  NAMED(ENFILE),     NAMED(ENOBUFS),       NAMED(ENODEV),
        NAMED(ENOENT),       NAMED(ENOMEM),     NAMED(ENOSPC),        NAMED(ENOSYS),
        NAMED(ENOTCONN),     NAMED(ENOTDIR),    NAMED(ENOTSOCK),      NAMED(ENOTSUP),
        NAMED(EPERM),        NAMED(EPIPE),      NAMED(EPROTO),        NAMED(EROFS),
        NAMED(ETIMEDOUT),    NAMED(EDQUOT),
    };
#undef NAMED
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].number == number)
            return names[i].name;
    return "E?";
}

static const char *description(int number)
{
    return number > 0 ? strerror(number) : "Unknown error";
}
#endif

const char *error_words(int number, char *text, size_t size)
{
    snprintf(text, size, "%s (%s, errno %d)", description(number), error_name(number), number);
    return text;
}
