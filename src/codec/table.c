/* table.c: the framings there are, and reading what --frame says: a name, and where the framing
 * takes one, a parameter behind a colon.
 *
 * Failing: each sentence says what was meant and what would be right: a name that is nearly one, a
 * parameter where there is none; what a parameter must be is its framing's to say. */
#include "codec/frame.h"

#include "base/nearest.h"
#include "goodtalk.h"

#include <assert.h>
#include <stdio.h>

const struct codec *const codec_table[] = {
    &codec_talk,   &codec_line,      &codec_crlf,  &codec_nul,   &codec_delim, &codec_length,
    &codec_varint, &codec_netstring, &codec_octet, &codec_fixed, &codec_eof,   &codec_chunk,
    NULL,
};

static bool name_is(const char *name, const char *text, size_t length)
{
    return strlen(name) == length && memcmp(name, text, length) == 0;
}

/* "talk, line, delim:TEXT", for sentences. */
static void list_names(char *list, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; codec_table[i] && used < size; i++)
        used += (size_t)snprintf(list + used, size - used, "%s%s%s%s", i > 0 ? ", " : "",
                                 codec_table[i]->name, codec_table[i]->parameter ? ":" : "",
                                 codec_table[i]->parameter ? codec_table[i]->parameter : "");
}

/* The framing that was probably meant, or NULL. */
static const struct codec *nearest(const char *text, size_t length)
{
    const struct codec *best = NULL;
    unsigned best_slips = nearest_slips_allowed(length) + 1;
    for (size_t i = 0; codec_table[i]; i++) {
        struct slice name = slice_of_text(codec_table[i]->name);
        unsigned slips = nearest_slips(slice_of(text, length), name);
        if (slips < best_slips && slips < name.size) {
            best = codec_table[i];
            best_slips = slips;
        }
    }
    return best;
}

/* ---- reading ---- */

static int refuse(const char *text, size_t length, struct error *error)
{
    char list[192] = "";
    list_names(list, sizeof(list));
    const struct codec *near = nearest(text, length);
    if (near)
        return error_set(error, GT_WRONG, "not a framing; did you mean %s? one of %s", near->name,
                         list);
    return error_set(error, GT_WRONG, "not a framing; one of %s", list);
}

static int read_parameter(struct framing *framing, const char *parameter, struct error *error)
{
    if (framing->codec->configure)
        return framing->codec->configure(framing, parameter, error);
    if (parameter)
        return error_set(error, GT_WRONG, "%s takes no parameter", framing->codec->name);
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
            *framing = (struct framing){.codec = codec_table[i], .max_message = max_message};
            return read_parameter(framing, parameter, error);
        }
    }
    return refuse(text, length, error);
}
