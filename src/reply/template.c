/* template.c: a text is cut into pieces at its dollars, and a piece is text, a group or something
 * of the message. Text between two dollars is one piece, copied as it stands.
 *
 * A template owns a copy of its text, which its pieces are parts of. */
#include "reply/template.h"

#include "base/escape.h"
#include "base/message.h"
#include "base/nearest.h"

#include <errno.h>
#include <goodtalk.h>
#include <stdlib.h>

enum piece_kind { PIECE_TEXT, PIECE_GROUP, PIECE_PEER, PIECE_LISTENER, PIECE_TIME, PIECE_ID };

struct piece {
    enum piece_kind kind;
    unsigned group;
    struct slice text;
};

struct template
{
    size_t count;
    struct piece *pieces; /* owned */
    uint8_t text[];
};

static const struct {
    const char *name;
    enum piece_kind kind;
} names[] = {
    {"peer", PIECE_PEER}, {"listener", PIECE_LISTENER}, {"time", PIECE_TIME}, {"id", PIECE_ID}};

#define NAME_COUNT (sizeof names / sizeof *names)

/* ---- parsing ---- */

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_word(uint8_t byte)
{
    return is_digit(byte) || byte == '_' || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z');
}

static size_t run_length(struct slice text, bool (*is)(uint8_t byte))
{
    size_t length = 0;
    while (length < text.size && is(text.data[length]))
        length++;
    return length;
}

static int refuse_number(struct slice name, const struct pattern *pattern, struct error *error)
{
    unsigned groups = pattern ? pattern_groups(pattern) : 0;
    return error_set(error, GT_WRONG,
                     "the reply has $%.*s, but the pattern has %u group%s; $$ is a dollar",
                     name.size > 20 ? 20 : (int)name.size, (const char *)name.data, groups,
                     groups == 1 ? "" : "s");
}

/* The name of ours, or of a group, that is nearest, if there is one that is near. */
static const char *nearest_name(struct slice name, const struct pattern *pattern)
{
    const char *nearest = NULL;
    unsigned best = nearest_slips_allowed(name.size) + 1;
    unsigned groups = pattern ? pattern_groups(pattern) : 0;
    for (size_t i = 0; i < NAME_COUNT + groups; i++) {
        const char *known = i < NAME_COUNT
                                ? names[i].name
                                : pattern_group_name(pattern, (unsigned)(i - NAME_COUNT) + 1);
        unsigned slips = known ? nearest_slips(name, slice_of_text(known)) : best;
        if (slips < best) {
            best = slips;
            nearest = known;
        }
    }
    return nearest;
}

static int refuse_name(struct slice name, const struct pattern *pattern, struct error *error)
{
    char shown[48];
    escape_string(shown, sizeof shown, name);
    const char *nearest = nearest_name(name, pattern);
    if (nearest)
        return error_set(error, GT_WRONG, "the reply has ${%s}, which is nothing; ${%s} is", shown,
                         nearest);
    return error_set(error, GT_WRONG,
                     "the reply has ${%s}: no group of the pattern has that name, and it is none "
                     "of peer, listener, time, id; $$ is a dollar",
                     shown);
}

static int parse_number(struct slice name, const struct pattern *pattern, struct piece *piece,
                        struct error *error)
{
    unsigned number = 0;
    unsigned groups = pattern ? pattern_groups(pattern) : 0;
    for (size_t i = 0; i < name.size && number <= groups; i++)
        number = number * 10 + (unsigned)(name.data[i] - '0');
    if (!pattern || number > groups)
        return refuse_number(name, pattern, error);
    *piece = (struct piece){.kind = PIECE_GROUP, .group = number};
    return GT_DONE;
}

/* What a name between braces, or behind a dollar, means. */
static int parse_name(struct slice name, const struct pattern *pattern, struct piece *piece,
                      struct error *error)
{
    if (name.size > 0 && run_length(name, is_digit) == name.size)
        return parse_number(name, pattern, piece, error);
    unsigned group = pattern ? pattern_group(pattern, name) : 0;
    *piece = (struct piece){.kind = PIECE_GROUP, .group = group};
    if (group > 0)
        return GT_DONE;
    for (size_t i = 0; i < NAME_COUNT; i++)
        if (slice_equal(name, slice_of_text(names[i].name))) {
            piece->kind = names[i].kind;
            return GT_DONE;
        }
    return refuse_name(name, pattern, error);
}

/* What stands behind a dollar: the piece, and how many bytes it took. */
static int parse_place(struct slice text, const struct pattern *pattern, struct piece *piece,
                       size_t *taken, struct error *error)
{
    if (text.size > 0 && text.data[0] == '$') {
        *piece = (struct piece){.text = slice_of(text.data, 1)};
        *taken = 1;
        return GT_DONE;
    }
    if (text.size > 0 && text.data[0] == '{') {
        const uint8_t *end = memchr(text.data, '}', text.size);
        if (!end)
            return error_set(error, GT_WRONG, "the reply has ${ without }; $$ is a dollar");
        *taken = (size_t)(end - text.data) + 1;
        return parse_name(slice_of(text.data + 1, *taken - 2), pattern, piece, error);
    }
    bool number = text.size > 0 && is_digit(text.data[0]);
    *taken = run_length(text, number ? is_digit : is_word);
    if (*taken == 0)
        return error_set(error, GT_WRONG,
                         "the reply has a $ that no name or number follows; $$ is a dollar");
    return parse_name(slice_of(text.data, *taken), pattern, piece, error);
}

static void add_text(struct template *template, struct slice text)
{
    if (text.size > 0)
        template->pieces[template->count++] = (struct piece){.text = text};
}

static int parse(struct template *template, struct slice text, const struct pattern *pattern,
                 struct error *error)
{
    const uint8_t *dollar;
    size_t taken = 0;
    while (text.size > 0 && (dollar = memchr(text.data, '$', text.size))) {
        size_t before = (size_t)(dollar - text.data);
        add_text(template, slice_of(text.data, before));
        text = slice_after(text, before + 1);
        int status = parse_place(text, pattern, &template->pieces[template->count], &taken, error);
        if (status != GT_DONE)
            return status;
        template->count++;
        text = slice_after(text, taken);
    }
    add_text(template, text);
    return GT_DONE;
}

/* Each dollar makes a piece, and ends one at most; so many are enough. */
static size_t piece_room(struct slice text)
{
    size_t dollars = 0;
    for (size_t i = 0; i < text.size; i++)
        dollars += text.data[i] == '$';
    return 2 * dollars + 1;
}

int template_parse(struct slice text, const struct pattern *pattern, struct template **made,
                   struct error *error)
{
    struct template *template = calloc(1, sizeof *template + text.size);
    *made = template;
    if (template)
        template->pieces = calloc(piece_room(text), sizeof *template->pieces);
    if (!template || !template->pieces) {
        template_destroy(made);
        return error_set(error, GT_FAILED, "no memory for a reply");
    }
    if (text.size > 0)
        memcpy(template->text, text.data, text.size);
    int status = parse(template, slice_of(template->text, text.size), pattern, error);
    if (status != GT_DONE)
        template_destroy(made);
    return status;
}

void template_destroy(struct template **template)
{
    if (*template)
        free((*template)->pieces);
    free(*template);
    *template = NULL;
}

/* ---- filling in ---- */

static int fill_words(enum piece_kind kind, const struct message *message, struct bytes *to)
{
    char peer[PEER_NAME_SIZE], time[MESSAGE_TIME_SIZE], id[MESSAGE_ID_SIZE];
    const char *words = kind == PIECE_PEER       ? peer_name(message->peer, peer)
                        : kind == PIECE_LISTENER ? message->listener
                        : kind == PIECE_TIME     ? message_time(message->time_us, time)
                                             : message_id(message->worker, message->sequence, id);
    return bytes_append(to, slice_of_text(words));
}

/* As bytes_append, which is called where there is no room. */
static int add(struct bytes *to, struct slice text)
{
    if (to->capacity - to->start - to->size < text.size)
        return bytes_append(to, text);
    if (text.size > 0)
        memcpy(bytes_end(to), text.data, text.size);
    to->size += text.size;
    return 0;
}

int template_fill(const struct template *template, const struct pattern *pattern,
                  const struct message *message, struct bytes *to)
{
    int result = 0;
    for (size_t i = 0; i < template->count && result == 0; i++) {
        const struct piece *piece = &template->pieces[i];
        struct slice text = piece->text;
        if (piece->kind == PIECE_GROUP && !pattern_capture(pattern, piece->group, &text))
            continue;
        result = piece->kind <= PIECE_GROUP ? add(to, text) : fill_words(piece->kind, message, to);
    }
    return result;
}

bool template_fixed(const struct template *template, struct slice *text)
{
    *text = slice_of(NULL, 0);
    if (template->count == 0)
        return true;
    *text = template->pieces[0].text;
    return template->count == 1 && template->pieces[0].kind == PIECE_TEXT;
}
