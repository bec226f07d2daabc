/* check.h: whether everything that a server holds is accounted for, looked at between two passes.
 *
 * Said a second time, from the contracts in the headers, not with the code that is tested: what
 * memory is counted is there; each turn is with somebody; whoever is waited for will be heard of;
 * each deadline has its timer; counters and descriptors add up. One worker, as in the storm. */
#ifndef STORM_CHECK_H
#define STORM_CHECK_H

#include <goodtalk.h>
#include <stddef.h>

/* What only those around a server know. */
struct check_outside {
    unsigned awaited;  /* turns that the application has and has not replied to */
    unsigned forsaken; /* those of them whose connection is gone and whose message is recorded */
    unsigned open;     /* descriptors, but for the one that messages are shown on */
    size_t reply_most; /* bytes of the longest reply to one message, all around it included */
};

/* NULL, or what is broken. In a time that does not depend on how many connections there are. */
const char *check_counts(const gt_server *server, const struct check_outside *outside);

/* The same of each connection, turn and exchange. */
const char *check_all(const gt_server *server, const struct check_outside *outside);

#endif
