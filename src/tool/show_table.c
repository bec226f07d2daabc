/* show_table.c: a row that is whole is escaped in three pieces: before, in and behind what matched.
 * One that is cut goes character by character, as far as there is room, so that a long message
 * costs no more than a short one.
 *
 * How wide a character is a terminal decides; here it is taken from a short table of those that are
 * two columns wide or none. Who is wrong about one has a row a column too long, nothing worse. */
#include "tool/show_table.h"

#include "base/escape.h"
#include "tool/show_time.h"

#include <errno.h>

#define PEER_WIDTH   21 /* 255.255.255.255:65535 */
#define NUMBER_WIDTH 7
#define TIME_WIDTH   23
#define TEXT_LEAST   16 /* columns, however narrow the terminal */
#define DOTS         3

#define PLAIN "\033[0m"

struct paint {
    const char *on;
    const char *off;
};

static struct paint paint_of(const struct show_table *table, const char *on)
{
    return table->colour ? (struct paint){on, PLAIN} : (struct paint){"", ""};
}

static struct paint match_paint(const struct show_table *table)
{
    return paint_of(table, "\033[1;31m");
}

int show_table_head(const struct show_table *table, struct bytes *to)
{
    struct paint bold = paint_of(table, "\033[1m");
    return bytes_format(to, "%s%-*s  %-*s  %*s  %s%s\n", bold.on, TIME_WIDTH, "TIME", PEER_WIDTH,
                        "PEER", NUMBER_WIDTH, "SIZE", "MESSAGE", bold.off);
}

/* ---- how wide ---- */

static bool is_within(uint32_t code, const uint32_t (*ranges)[2], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (code >= ranges[i][0] && code <= ranges[i][1])
            return true;
    return false;
}

static unsigned width_of(uint32_t code)
{
    static const uint32_t none[][2] = {
        {0x300, 0x36f}, {0x200b, 0x200d}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}};
    static const uint32_t two[][2] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},
                                      {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
                                      {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
                                      {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
    if (code < 0x300)
        return 1;
    if (is_within(code, none, sizeof none / sizeof *none))
        return 0;
    return is_within(code, two, sizeof two / sizeof *two) ? 2 : 1;
}

/* Of escaped text, which is valid UTF-8. */
static unsigned width_of_text(struct slice text)
{
    unsigned width = 0;
    uint32_t code;
    while (text.size > 0) {
        text = slice_after(text, utf8_decode(text, &code));
        width += width_of(code);
    }
    return width;
}

/* ---- the text ---- */

static int append_whole(const struct show_table *table, struct bytes *to, struct slice body,
                        struct slice matched)
{
    struct paint paint = match_paint(table);
    if (matched.size == 0)
        return escape_text(to, body);
    size_t before = (size_t)(matched.data - body.data);
    if (escape_text(to, slice_of(body.data, before)) < 0 || bytes_format(to, "%s", paint.on) < 0 ||
        escape_text(to, matched) < 0 || bytes_format(to, "%s", paint.off) < 0)
        return -ENOMEM;
    return escape_text(to, slice_after(body, before + matched.size));
}

/* A row that is being cut. */
struct cutting {
    const struct show_table *table;
    struct bytes *to;
    struct slice matched;
    unsigned room;
    unsigned used;
    size_t cut_size; /* of to, where the dots still fit behind */
    bool painted;    /* what is at the end of to is coloured; and at the cut */
    bool cut_painted;
};

/* Switch the colour where what matched begins or ends. */
static int repaint(struct cutting *cutting, const uint8_t *at)
{
    struct slice matched = cutting->matched;
    struct paint paint = match_paint(cutting->table);
    bool painted = matched.size > 0 && at >= matched.data && at < matched.data + matched.size;
    if (painted == cutting->painted)
        return 0;
    cutting->painted = painted;
    return bytes_format(cutting->to, "%s", painted ? paint.on : paint.off);
}

/* Append the first character of rest: how many bytes it has, or 0: there is no room. */
static int append_character(struct cutting *cutting, struct slice rest, size_t *taken)
{
    uint32_t code;
    size_t length = utf8_decode(rest, &code);
    size_t before = cutting->to->size;
    *taken = length > 0 ? length : 1;
    if (escape_text(cutting->to, slice_of(rest.data, *taken)) < 0)
        return -ENOMEM;
    struct slice shown = slice_after(bytes_slice(cutting->to), before);
    cutting->used += width_of_text(shown);
    if (cutting->used > cutting->room)
        *taken = 0;
    if (cutting->used + DOTS <= cutting->room) {
        cutting->cut_size = cutting->to->size;
        cutting->cut_painted = cutting->painted;
    }
    return 0;
}

static int append_cut(struct cutting *cutting, struct slice body)
{
    struct paint paint = match_paint(cutting->table);
    bool cut = false;
    cutting->cut_size = cutting->to->size;
    while (body.size > 0 && !cut) {
        size_t taken;
        if (repaint(cutting, body.data) < 0 || append_character(cutting, body, &taken) < 0)
            return -ENOMEM;
        cut = taken == 0;
        body = slice_after(body, taken);
    }
    if (!cut)
        return bytes_format(cutting->to, "%s", cutting->painted ? paint.off : "");
    cutting->to->size = cutting->cut_size;
    return bytes_format(cutting->to, "%s...", cutting->cut_painted ? paint.off : "");
}

/* ---- a row ---- */

static unsigned room_for_text(const struct show_table *table, const char *peer)
{
    size_t peer_width = strlen(peer) > PEER_WIDTH ? strlen(peer) : PEER_WIDTH;
    size_t before = TIME_WIDTH + 2 + peer_width + 2 + NUMBER_WIDTH + 2;
    return table->columns > before + TEXT_LEAST ? table->columns - (unsigned)before : TEXT_LEAST;
}

static int append_row(const struct show_table *table, struct bytes *to,
                      const struct message *message, struct slice matched)
{
    char time[SHOW_TIME_SIZE];
    char peer[PEER_NAME_SIZE];
    struct paint dim = paint_of(table, "\033[2m");
    struct paint blue = paint_of(table, "\033[36m");
    int result =
        bytes_format(to, "%s%s%s  %s%-*s%s  %*zu  ", dim.on,
                     show_time_words(message->time_us, time), dim.off, blue.on, PEER_WIDTH,
                     peer_name(message->peer, peer), blue.off, NUMBER_WIDTH, message->body.size);
    struct cutting cutting = {.table = table, .to = to, .matched = matched};
    if (result == 0 && table->columns == 0)
        result = append_whole(table, to, message->body, matched);
    else if (result == 0) {
        cutting.room = room_for_text(table, peer);
        result = append_cut(&cutting, message->body);
    }
    return result == 0 ? bytes_format(to, "\n") : result;
}

int show_table_row(const struct show_table *table, struct bytes *to, const struct message *message,
                   struct slice matched)
{
    size_t before = to->size;
    int result = append_row(table, to, message, matched);
    if (result < 0)
        to->size = before;
    return result;
}
