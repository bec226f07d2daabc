/* junit_document.h: a JUnit report being written: its cases, and how many of them there are. */
#ifndef REPLY_JUNIT_DOCUMENT_H
#define REPLY_JUNIT_DOCUMENT_H

#include "base/bytes.h"

/* All zeros but class_name is one without cases. */
struct junit_document {
    struct bytes cases; /* owned */
    char class_name[128];
    unsigned tests, failures, errors, skipped;
    int result; /* 0; else memory was out on the way, and the cases are not whole */
};

/* The start of a case, of this duration (negative: not known); one of the calls below ends it. */
void junit_begin(struct junit_document *document, const char *name, int64_t duration_ns);

/* It went as it should. */
void junit_pass(struct junit_document *document);

/* It did not take place, and why. */
void junit_skip(struct junit_document *document, const char *message);

/* element: "failure" (an expectation) or "error" (anything else). Its text is added meanwhile; then
 * junit_end_bad. */
void junit_begin_bad(struct junit_document *document, const char *element, const char *message,
                     const char *type);
void junit_end_bad(struct junit_document *document, const char *element);

/* A case that has nothing to add to its message. */
void junit_bad(struct junit_document *document, const char *element, const char *message,
               const char *type);

/* A line of text; nothing where text is NULL. */
void junit_line(struct junit_document *document, const char *label, const char *text);

#endif
