/* units.h: sizes, durations and counts as people write them. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "512", "64KiB", "1MiB", "2GB": B, kB/KB, MB, GB, TB are powers of 1000, KiB MiB GiB TiB of 1024,
 * K M G T alone of 1024; upper or lower case. Digits first, no sign, no space, no fraction. False
 * when it is not a size or overflows an int64_t. */
bool units_size(const char *text, int64_t *bytes);

/* "250ms", "30s", "5min", "1h", "50us", "2d"; a bare number is seconds; a decimal fraction is
 * allowed
 * ("0.5s", "1.5"). "none" is -1. False when it is not a duration or overflows. */
bool units_duration(const char *text, int64_t *ns);

/* A decimal number from 0 to maximum: digits only. */
bool units_count(const char *text, int64_t maximum, int64_t *count);

/* "100/s", "30/min", "1/h", or "100", which is a second's: how long one takes on average, in ns;
 * "0" is 0. False when it is not a rate, or more than 10,000,000 in a second. */
bool units_rate(const char *text, int64_t *interval_ns);

/* "64 KiB", "1.5 MiB", "12 bytes": for people. Returns to. */
char *units_size_words(char *to, size_t size, int64_t bytes);

/* "250 ms", "30 s", "5 min": for people. Returns to. */
char *units_duration_words(char *to, size_t size, int64_t ns);

#endif
