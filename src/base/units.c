/* units.c: a number is digits, then a unit is looked up in a table. Everything that is not exactly
 * that, or does not fit an int64_t, is false, and the result is untouched. */
#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    int64_t factor;
};

#define KIBI   INT64_C(1024)
#define SECOND INT64_C(1000000000)

static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"kB", 1000},
    {"MB", 1000 * 1000},
    {"GB", INT64_C(1000) * 1000 * 1000},
    {"TB", INT64_C(1000) * 1000 * 1000 * 1000},
    {"K", KIBI},
    {"M", KIBI *KIBI},
    {"G", KIBI *KIBI *KIBI},
    {"T", KIBI *KIBI *KIBI *KIBI},
    {"KiB", KIBI},
    {"MiB", KIBI *KIBI},
    {"GiB", KIBI *KIBI *KIBI},
    {"TiB", KIBI *KIBI *KIBI *KIBI},
    {NULL, 0},
};

/* From the largest down, as units_duration_words looks for one. */
static const struct unit duration_units[] = {
    {"d", 86400 * SECOND},
    {"h", 3600 * SECOND},
    {"min", 60 * SECOND},
    {"s", SECOND},
    {"ms", 1000000},
    {"us", 1000},
    {"ns", 1},
    {NULL, 0},
};

static bool is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

/* Read digits at *text, at least one, and move *text behind them. */
static bool read_digits(const char **text, int64_t *number)
{
    if (!is_digit(**text))
        return false;
    *number = 0;
    for (; is_digit(**text); (*text)++) {
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, **text - '0', number))
            return false;
    }
    return true;
}

bool units_count(const char *text, int64_t maximum, int64_t *count)
{
    int64_t number;
    if (!read_digits(&text, &number) || *text || number > maximum)
        return false;
    *count = number;
    return true;
}

bool units_size(const char *text, int64_t *bytes)
{
    int64_t number;
    if (!read_digits(&text, &number))
        return false;
    const struct unit *unit = size_units;
    while (unit->name && strcasecmp(unit->name, text) != 0)
        unit++;
    if (!unit->name || __builtin_mul_overflow(number, unit->factor, &number))
        return false;
    *bytes = number;
    return true;
}

/* Add the fraction ".5" at text, up to where the unit begins, of factor to *ns. */
static bool add_fraction(const char *text, int64_t factor, int64_t *ns)
{
    for (; is_digit(*text); text++) {
        factor /= 10;
        if (__builtin_add_overflow(*ns, (*text - '0') * factor, ns))
            return false;
    }
    return true;
}

bool units_duration(const char *text, int64_t *ns)
{
    int64_t number;
    const char *fraction = "";
    if (strcmp(text, "none") == 0) {
        *ns = -1;
        return true;
    }
    if (!read_digits(&text, &number))
        return false;
    if (*text == '.') {
        fraction = text + 1;
        text = fraction + strspn(fraction, "0123456789");
        if (text == fraction)
            return false;
    }
    const struct unit *unit = duration_units;
    const char *name = *text ? text : "s";
    while (unit->name && strcmp(unit->name, name) != 0)
        unit++;
    if (!unit->name || __builtin_mul_overflow(number, unit->factor, &number) ||
        !add_fraction(fraction, unit->factor, &number))
        return false;
    *ns = number;
    return true;
}

/* One in less than this would be counted too coarsely. */
#define INTERVAL_LEAST 100

bool units_rate(const char *text, int64_t *interval_ns)
{
    static const struct unit periods[] = {
        {"", SECOND}, {"/s", SECOND}, {"/min", 60 * SECOND}, {"/h", 3600 * SECOND}, {NULL, 0}};
    int64_t number;
    if (!read_digits(&text, &number))
        return false;
    const struct unit *period = periods;
    while (period->name && strcmp(period->name, text) != 0)
        period++;
    if (!period->name || number > period->factor / INTERVAL_LEAST)
        return false;
    *interval_ns = number > 0 ? period->factor / number : 0;
    return true;
}

char *units_size_words(char *to, size_t size, int64_t bytes)
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < KIBI) {
        snprintf(to, size, "%" PRId64 " byte%s", bytes, bytes == 1 ? "" : "s");
        return to;
    }
    size_t name = 0;
    int64_t factor = KIBI;
    while (name < 3 && bytes / factor >= KIBI) {
        factor *= KIBI;
        name++;
    }
    int64_t whole = bytes / factor;
    int64_t tenths = bytes % factor * 10 / factor;
    if (tenths > 0)
        snprintf(to, size, "%" PRId64 ".%" PRId64 " %s", whole, tenths, names[name]);
    else
        snprintf(to, size, "%" PRId64 " %s", whole, names[name]);
    return to;
}

char *units_duration_words(char *to, size_t size, int64_t ns)
{
    if (ns <= 0) {
        snprintf(to, size, "%s", ns < 0 ? "none" : "0 s");
        return to;
    }
    /* The largest unit that says it exactly with at most one decimal. */
    const struct unit *unit = duration_units;
    while (ns < unit->factor || (unit->factor > 1 && ns % (unit->factor / 10) != 0))
        unit++;
    int64_t whole = ns / unit->factor;
    int64_t tenths = unit->factor > 1 ? ns % unit->factor / (unit->factor / 10) : 0;
    if (tenths > 0)
        snprintf(to, size, "%" PRId64 ".%" PRId64 " %s", whole, tenths, unit->name);
    else
        snprintf(to, size, "%" PRId64 " %s", whole, unit->name);
    return to;
}
