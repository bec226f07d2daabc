/* show_time.h: moments as people write them, and as a table shows them. */
#ifndef TOOL_SHOW_TIME_H
#define TOOL_SHOW_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* "10min" (ago), "2026-01-31", "2026-01-31 12:00", "2026-01-31T12:00:00.5", "12:00" (today): local
 * time, or as "Z" or "+01:00" at the end say. now_us and *time_us: microseconds since 1970 UTC.
 * False when it is no moment. */
bool show_time_parse(const char *text, int64_t now_us, int64_t *time_us);

/* "2026-01-31 12:00:00.000", local time. Returns text. */
#define SHOW_TIME_SIZE 32
char *show_time_words(int64_t time_us, char text[SHOW_TIME_SIZE]);

#endif
