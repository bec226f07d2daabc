/* show_sink.c: a terminal gets a table with a head, cut to its width, or whatever else was asked
 * for, escaped. Anybody else gets it whole, and raw bytes as they are. */
#include "tool/show_sink.h"

#include "base/escape.h"
#include "record/record.h"

#include <errno.h>
#include <goodtalk.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_DEFAULT 80

static bool wants_colour(const struct show_options *options, bool terminal)
{
    const char *no_color = getenv("NO_COLOR");
    const char *kind = getenv("TERM");
    if (options->colour != SHOW_COLOUR_AUTO)
        return options->colour == SHOW_COLOUR_ALWAYS;
    return terminal && (!no_color || !*no_color) && kind && strcmp(kind, "dumb") != 0;
}

/* How wide the terminal is now. */
static unsigned columns_now(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return COLUMNS_DEFAULT;
}

int show_sink_open(struct show_sink *sink, const struct show_options *options,
                   struct show_output *output, struct error *error)
{
    bool terminal = isatty(STDOUT_FILENO);
    *sink = (struct show_sink){.form = options->form,
                               .output = output,
                               .terminal = terminal,
                               .table = {.colour = wants_colour(options, terminal),
                                         .columns = terminal ? columns_now() : 0}};
    if (options->form == SHOW_FORM_SQLITE)
        sink->sqlite = show_sqlite_open(options->sqlite, error);
    return error->status;
}

void show_sink_close(struct show_sink *sink)
{
    show_sqlite_close(&sink->sqlite);
}

/* ---- forms ---- */

static int append_table(struct show_sink *sink, struct bytes *to, const struct message *message,
                        struct slice matched)
{
    if (sink->terminal && !sink->headed && show_table_head(&sink->table, to) < 0)
        return -ENOMEM;
    sink->headed = true;
    return show_table_row(&sink->table, to, message, matched);
}

static int append_raw(const struct show_sink *sink, struct bytes *to, const struct message *message)
{
    struct slice raw = message->raw;
    int result = sink->terminal ? escape_text(to, raw) : show_message(to, SHOW_RAW, message);
    if (result < 0 || (!sink->terminal && !sink->is_log))
        return result;
    return bytes_append(to, slice_of("\n", 1));
}

static int append(struct show_sink *sink, const struct message *message, struct slice matched)
{
    struct bytes *to = &sink->output->text;
    switch (sink->form) {
    case SHOW_FORM_TABLE:
        return append_table(sink, to, message, matched);
    case SHOW_FORM_JSON:
        return show_message(to, SHOW_JSON, message);
    case SHOW_FORM_HEX:
        return show_message(to, SHOW_HEX, message);
    case SHOW_FORM_RAW:
        return append_raw(sink, to, message);
    default:
        return 0; /* it is only counted */
    }
}

int show_sink_take(struct show_sink *sink, const struct message *message, struct slice matched,
                   struct error *error)
{
    sink->count++;
    if (sink->form == SHOW_FORM_SQLITE)
        return show_sqlite_add(sink->sqlite, message, error);
    if (append(sink, message, matched) < 0)
        return error_set(error, GT_FAILED, "out of memory");
    return show_output_flow(sink->output, error);
}

int show_sink_settle(struct show_sink *sink, struct error *error)
{
    if (sink->terminal)
        sink->table.columns = columns_now();
    if (sink->form == SHOW_FORM_SQLITE && show_sqlite_commit(sink->sqlite, error) != GT_DONE)
        return error->status;
    return show_output_flush(sink->output, error);
}

int show_sink_finish(struct show_sink *sink, struct error *error)
{
    if (sink->form == SHOW_FORM_COUNT &&
        bytes_format(&sink->output->text, "%" PRIu64 "\n", sink->count) < 0)
        return error_set(error, GT_FAILED, "out of memory");
    return show_sink_settle(sink, error);
}
