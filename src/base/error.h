/* error.h: an error is a status from one table plus a sentence that grows on the way up.
 *
 * Whoever meets an error says what it knows (error_set, error_errno); whoever passes it on may put
 * what it was doing in front (error_prefix). Only the tool prints it. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stddef.h>

struct error {
    int status;     /* an enum gt_status: GT_FAILED, GT_WRONG ...; 0: no error */
    int number;     /* the errno behind it, or 0 */
    char text[512]; /* the sentence, without a newline; escaped where a peer or a file had a say */
};

/* Each returns the status, so that "return error_set(...)" reads well. A NULL error is allowed (the
 * status is then the one given, or GT_FAILED). Text that does not fit is cut. */
int error_set(struct error *error, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Append ": Address already in use (EADDRINUSE, errno 98)" to the formatted text; status GT_FAILED.
 */
int error_errno(struct error *error, int number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "what: " in front of the sentence. Returns the status. */
int error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Append the formatted text as it is, for example "; try port 9998". Returns the status. */
int error_append(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The name of an errno, "EADDRINUSE"; "E?" for a number without one. A constant string. */
const char *error_name(int number);

/* Write "Address already in use (EADDRINUSE, errno 98)" to text and return it. */
const char *error_words(int number, char *text, size_t size);

#endif
