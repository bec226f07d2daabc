/* table.c: the framings there are, and reading what --frame says: a name, and where the framing
 * takes one, a parameter behind a colon.
 *
 * Failing: each sentence says what was meant and what would be right: a name that is nearly one, a
 * framing that is known but not built yet, a parameter where there is none. */
#include "codec/frame.h"

#include "base/escape.h"
#include "goodtalk.h"

#include <assert.h>
#include <stdio.h>

const struct codec *const codec_table[] = {&codec_talk, &codec_line, &codec_eof, NULL};

const char *const codec_later[] = {"crlf",      "nul",   "delim", "length", "varint",
                                   "netstring", "octet", "fixed", "chunk",  NULL};

static bool name_is(const char *name, const char *text, size_t length)
{
    return strlen(name) == length && memcmp(name, text, length) == 0;
}

/* "talk, line, eof", for sentences. */
static void list_names(char *list, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; codec_table[i] && used < size; i++)
        used += (size_t)snprintf(list + used, size - used, "%s%s", i > 0 ? ", " : "",
                                 codec_table[i]->name);
}

/* ---- the nearest name ---- */

#define NAME_MAX_SIZE 16

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

/* How many letters must be changed, added, dropped or swapped with a neighbour to make b of a. */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned costs[NAME_MAX_SIZE + 1][NAME_MAX_SIZE + 1];
    assert(a_length <= NAME_MAX_SIZE && b_length <= NAME_MAX_SIZE);
    for (size_t i = 0; i <= a_length; i++) {
        for (size_t j = 0; j <= b_length; j++) {
            if (i == 0 || j == 0) {
                costs[i][j] = (unsigned)(i + j);
                continue;
            }
            costs[i][j] = least(costs[i - 1][j] + 1, costs[i][j - 1] + 1,
                                costs[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && costs[i - 2][j - 2] + 1 < costs[i][j])
                costs[i][j] = costs[i - 2][j - 2] + 1;
        }
    }
    return costs[a_length][b_length];
}

/* The framing whose name is at most two slips away, or NULL. */
static const struct codec *nearest(const char *text, size_t length)
{
    const struct codec *best = NULL;
    unsigned best_distance = 3;
    if (length > NAME_MAX_SIZE)
        return NULL;
    for (size_t i = 0; codec_table[i]; i++) {
        const char *name = codec_table[i]->name;
        unsigned slips = distance(text, length, name, strlen(name));
        if (slips < best_distance && slips < strlen(name)) {
            best = codec_table[i];
            best_distance = slips;
        }
    }
    return best;
}

/* ---- reading ---- */

static int refuse(const char *text, size_t length, struct error *error)
{
    char list[128] = "";
    char given[64];
    list_names(list, sizeof(list));
    for (size_t i = 0; codec_later[i]; i++)
        if (name_is(codec_later[i], text, length))
            return error_set(error, GT_WRONG, "the framing '%s' is not built yet; for now: %s",
                             codec_later[i], list);
    escape_string(given, sizeof(given), slice_of_text(text));
    const struct codec *near = nearest(text, length);
    if (near)
        return error_set(error, GT_WRONG, "not a framing: '%s'; did you mean '%s'? one of %s",
                         given, near->name, list);
    return error_set(error, GT_WRONG, "not a framing: '%s'; one of %s", given, list);
}

static int read_parameter(struct framing *framing, const char *parameter, struct error *error)
{
    if (framing->codec->configure)
        return framing->codec->configure(framing, parameter, error);
    if (parameter)
        return error_set(error, GT_WRONG, "the framing '%s' takes no parameter: --frame %s",
                         framing->codec->name, framing->codec->name);
    return GT_DONE;
}

int framing_parse(struct framing *framing, const char *text, size_t max_message,
                  struct error *error)
{
    assert(max_message > 0);
    size_t length = strcspn(text, ":");
    const char *parameter = text[length] == ':' ? text + length + 1 : NULL;
    for (size_t i = 0; codec_table[i]; i++) {
        if (name_is(codec_table[i]->name, text, length)) {
            *framing = (struct framing){codec_table[i], max_message};
            return read_parameter(framing, parameter, error);
        }
    }
    return refuse(text, length, error);
}
