/* json_line.h: a message as a line of JSON: id time listener peer size, and text, or base64 where
 * the body is not UTF-8. The same in -s json, in the log, and in goodtalk show --json. */
#ifndef RECORD_JSON_LINE_H
#define RECORD_JSON_LINE_H

#include "base/message.h"
#include "record/record.h"

/* What was worked out for the message before. All zeros: nothing yet. */
struct envelope {
    int64_t time_us;
    char time[MESSAGE_TIME_SIZE];
    const char *listener; /* the message's, compared by address; NULL: origin is not known */
    struct peer peer;
    struct bytes origin; /* listener and peer, as they stand in the line */
};

/* Append the line: 0, or -ENOMEM with to unchanged. */
int json_line(struct bytes *to, struct envelope *envelope, const struct message *message);

void envelope_free(struct envelope *envelope);

#endif
