/* message.c: the id and the time of a message as text, the same wherever they are shown. */
#include "base/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

char *message_id(unsigned worker, uint64_t sequence, char text[MESSAGE_ID_SIZE])
{
    snprintf(text, MESSAGE_ID_SIZE, "%u-%" PRIu64, worker, sequence);
    return text;
}

char *message_time(int64_t time_us, char text[MESSAGE_TIME_SIZE])
{
    int64_t fraction_us = time_us % 1000000;
    time_t seconds = (time_t)(time_us / 1000000);
    if (fraction_us < 0) { /* before 1970 the fraction still counts forwards */
        fraction_us += 1000000;
        seconds--;
    }
    struct tm utc;
    char date[24];
    gmtime_r(&seconds, &utc); /* cannot fail: an int64_t of microseconds ends in the year 294247 */
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, MESSAGE_TIME_SIZE, "%s.%06" PRId64 "Z", date, fraction_us);
    return text;
}
