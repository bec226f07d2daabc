/* show_log_line.h: one line of a log, read back: a JSON object as -s json and --log write it. */
#ifndef TOOL_SHOW_LOG_LINE_H
#define TOOL_SHOW_LOG_LINE_H

#include "base/turn.h"

/* Holds what a message read from a line points to, until the next one is read. All zeros at first.
 */
struct show_log_line {
    struct bytes listener; /* ends with a NUL */
    struct bytes body;
    struct bytes words; /* of any other member */
    struct peer peer;
};

enum show_log_result { SHOW_LOG_MESSAGE, SHOW_LOG_WRONG, SHOW_LOG_NO_MEMORY };

/* Read a line, without its newline. Members may stand in any order, and others than those known are
 * passed over; what is known must be as it is written, and there once. The message has no raw bytes
 * of its own: they are its body. */
enum show_log_result show_log_line_read(struct show_log_line *line, struct slice text,
                                        struct message *message);
void show_log_line_free(struct show_log_line *line);

#endif
