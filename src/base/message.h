/* message.h: the id and the time of a message as text, the same wherever they are shown. */
#ifndef BASE_MESSAGE_H
#define BASE_MESSAGE_H

#include <stdint.h>

#define MESSAGE_ID_SIZE   40
#define MESSAGE_TIME_SIZE 40

/* "0-1": worker and sequence. Returns text. */
char *message_id(unsigned worker, uint64_t sequence, char text[MESSAGE_ID_SIZE]);

/* RFC 3339, UTC, with microseconds: "2026-01-31T12:00:00.000001Z". Returns text. */
char *message_time(int64_t time_us, char text[MESSAGE_TIME_SIZE]);

#endif
