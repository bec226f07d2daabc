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
};

/* Errors, warnings and notices, as text. */
#define REPORT_DEFAULT ((struct report){.threshold = GT_NOTICE})

/* Whether an event is said. A failed run is not: whoever called gt_run says it. */
bool report_wants(const struct report *report, const struct gt_event *event);

/* Append an event as one line. time_us: microseconds since 1970 UTC. 0 or -ENOMEM (to unchanged).
 */
int report_format(struct bytes *to, bool json, const struct gt_event *event, int64_t time_us);

/* Say an event, if it is wanted. A gt_event_fn whose context is a struct report. */
void report_event(const struct gt_event *event, void *report);

/* Say an error of the program. */
void report_error(const struct report *report, const char *text);

#endif
