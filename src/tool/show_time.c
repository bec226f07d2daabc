/* show_time.c: a duration counts back from now; anything else is read piece by piece: a date, a
 * time, where on earth. What is left out is zero, or today.
 *
 * Refused: days that there are not (mktime would make another of them), and letters left over. */
#include "tool/show_time.h"

#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND_US INT64_C(1000000)

/* Exactly so many digits, and what follows them. */
static bool take_number(const char **text, int digits, int *number)
{
    *number = 0;
    for (int i = 0; i < digits; i++, ++*text) {
        if (**text < '0' || **text > '9')
            return false;
        *number = *number * 10 + (**text - '0');
    }
    return true;
}

static bool take_letter(const char **text, char letter)
{
    if (**text != letter)
        return false;
    ++*text;
    return true;
}

static bool take_date(const char **text, struct tm *when)
{
    int year;
    int month;
    if (!take_number(text, 4, &year) || !take_letter(text, '-') || !take_number(text, 2, &month) ||
        !take_letter(text, '-') || !take_number(text, 2, &when->tm_mday))
        return false;
    when->tm_year = year - 1900;
    when->tm_mon = month - 1;
    return true;
}

/* Digits of a second's fraction, as many as there are; those below a microsecond do not count. */
static bool take_fraction(const char **text, int64_t *fraction_us)
{
    int digit;
    int64_t unit = SECOND_US / 10;
    if (!take_number(text, 1, &digit))
        return false;
    do {
        *fraction_us += unit * digit;
        unit /= 10;
    } while (take_number(text, 1, &digit));
    return true;
}

static bool take_clock(const char **text, struct tm *when, int64_t *fraction_us)
{
    if (!take_number(text, 2, &when->tm_hour) || !take_letter(text, ':') ||
        !take_number(text, 2, &when->tm_min))
        return false;
    if (!take_letter(text, ':'))
        return when->tm_hour < 24 && when->tm_min < 60;
    if (!take_number(text, 2, &when->tm_sec) ||
        (take_letter(text, '.') && !take_fraction(text, fraction_us)))
        return false;
    return when->tm_hour < 24 && when->tm_min < 60 && when->tm_sec < 60;
}

/* The seconds of a moment in that place: "Z", "+01:00"; nothing: here. */
static bool take_zone(const char **text, struct tm *when, int64_t *seconds)
{
    int hours;
    int minutes;
    bool east = **text == '+';
    if (**text == '\0') {
        when->tm_isdst = -1;
        *seconds = mktime(when);
        return true;
    }
    *seconds = timegm(when);
    if (take_letter(text, 'Z'))
        return true;
    if ((!take_letter(text, '+') && !take_letter(text, '-')) || !take_number(text, 2, &hours) ||
        !take_letter(text, ':') || !take_number(text, 2, &minutes))
        return false;
    *seconds += (int64_t)(hours * 3600 + minutes * 60) * (east ? -1 : 1);
    return true;
}

static bool parse_moment(const char *text, int64_t now_us, int64_t *time_us)
{
    time_t now = (time_t)(now_us / SECOND_US);
    struct tm when;
    int64_t seconds;
    int64_t fraction_us = 0;
    localtime_r(&now, &when);
    when.tm_hour = when.tm_min = when.tm_sec = 0;
    bool dated = strlen(text) >= 5 && text[4] == '-';
    if (dated && !take_date(&text, &when))
        return false;
    bool whole_day = dated && *text == '\0';
    if (dated && !whole_day && !take_letter(&text, ' ') && !take_letter(&text, 'T'))
        return false;
    if (!whole_day && !take_clock(&text, &when, &fraction_us))
        return false;
    struct tm asked = when;
    if (!take_zone(&text, &when, &seconds) || *text != '\0')
        return false;
    *time_us = seconds * SECOND_US + fraction_us;
    return when.tm_mday == asked.tm_mday && when.tm_mon == asked.tm_mon;
}

bool show_time_parse(const char *text, int64_t now_us, int64_t *time_us)
{
    int64_t ns;
    if (!units_duration(text, &ns))
        return parse_moment(text, now_us, time_us);
    *time_us = now_us - ns / 1000;
    return ns >= 0;
}

char *show_time_words(int64_t time_us, char text[SHOW_TIME_SIZE])
{
    int64_t fraction_us = (time_us % SECOND_US + SECOND_US) % SECOND_US;
    time_t seconds = (time_t)(time_us / SECOND_US - (time_us % SECOND_US < 0));
    struct tm local;
    char date[24] = "?";
    if (localtime_r(&seconds, &local))
        strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &local);
    snprintf(text, SHOW_TIME_SIZE, "%s.%03" PRId64, date, fraction_us / 1000);
    return text;
}
