/* report.h: what the program says: one line each, to standard error, with one write.
 *
 * Standard output carries messages only. -q leaves errors, -v adds details; --log-format json makes
 * each line an object with "time", "level", "event" and "text", and "reason", "peer" and "listener"
 * where they are known. */
#ifndef TOOL_REPORT_H
#define TOOL_REPORT_H

#include "base/bytes.h"

#include <goodtalk.h>

struct report {
    enum gt_level threshold; /* what is said: this and everything more serious */
    bool json;
    bool tells_address; /* addresses listened on are worth a notice, not only a detail */
    int64_t second;     /* the second in which lines about peers are being counted */
    unsigned said;      /* lines about peers in it */
    uint64_t unsaid;    /* lines left out since the last line */
};

/* Peers must not flood what is said, nor stall the server through a standard error that nobody
 * reads: without -v at most so many lines a second are about peers, and a line that would have to
 * wait is left out. How many were is said with the next line. */
#define REPORT_PEER_LINES 20

/* Errors, warnings and notices, as text. */
#define REPORT_DEFAULT ((struct report){.threshold = GT_NOTICE})

/* Whether an event is said. A failed run is not: whoever called gt_run says it. */
bool report_wants(const struct report *report, const struct gt_event *event);

/* Append an event as one line. time_us: microseconds since 1970 UTC. 0 or -ENOMEM (to unchanged).
 */
int report_format(struct bytes *to, bool json, const struct gt_event *event, int64_t time_us);

/* Whether one more line about a peer may be said now; counts it as said or unsaid. */
bool report_has_room(struct report *report, const struct gt_event *event, int64_t time_us);

/* Say an event, if it is wanted. A gt_event_fn whose context is a struct report. */
void report_event(const struct gt_event *event, void *report);

/* Say something that is no event of a server: a detail, a warning. */
void report_note(struct report *report, enum gt_level level, const char *text);

/* Say how many lines were left out, if any were. */
void report_finish(struct report *report);

/* Say an error of the program; waits a moment for a standard error that is full. */
void report_error(const struct report *report, const char *text);

#endif
