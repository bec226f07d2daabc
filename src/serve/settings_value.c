/* settings_value.c: reading what is written behind a setting's name.
 *
 * Each reader checks first and sets last, so that a refused value leaves the draft as it was. What
 * cannot be told without the other settings (a message larger than all memory) or without the disk
 * (a reply file) waits until the draft is sealed. */
#include "serve/settings_value.h"

#include "base/escape.h"
#include "base/units.h"
#include "guard/ready.h"
#include "record/journal.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what readers have in common ---- */

static int64_t *number_at(struct settings *settings, const struct setting_row *row)
{
    return (int64_t *)(void *)((char *)settings + row->offset);
}

static char **text_at(struct settings *settings, const struct setting_row *row)
{
    return (char **)(void *)((char *)settings + row->offset);
}

static int refuse(const struct setting_row *row, const char *value, struct error *error,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* "--name value: why not; what would be right". */
static int refuse(const struct setting_row *row, const char *value, struct error *error,
                  const char *format, ...)
{
    char shown[128], why[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    escape_string(shown, sizeof(shown), slice_of_text(value));
    return error_set(error, GT_WRONG, "--%s %s: %s", row->shown.name, *shown ? shown : "''", why);
}

static int keep_text(char **place, const char *value, struct error *error)
{
    char *copy = strdup(value);
    if (!copy)
        return error_set(error, GT_FAILED, "memory is out");
    free(*place);
    *place = copy;
    return GT_DONE;
}

/* "auto, epoll" from a list that ends with NULL. */
static const char *list_names(const char *const *names, char *text, size_t size)
{
    size_t length = 0;
    for (*text = '\0'; *names && length < size; names++)
        length +=
            (size_t)snprintf(text + length, size - length, "%s%s", length ? ", " : "", *names);
    return text;
}

/* ---- flags ---- */

static int read_switch(const struct setting_row *row, const char *value, bool *on,
                       struct error *error)
{
    *on = !value || strcmp(value, "on") == 0;
    if (!*on && strcmp(value, "off") != 0)
        return refuse(row, value, error, "neither on nor off");
    return GT_DONE;
}

int setting_read_flag(struct settings *settings, const struct setting_row *row, const char *value,
                      struct error *error)
{
    bool on;
    if (read_switch(row, value, &on, error) != GT_DONE)
        return GT_WRONG;
    *(bool *)(void *)((char *)settings + row->offset) = on;
    return GT_DONE;
}

int setting_read_choice(struct settings *settings, const struct setting_row *row, const char *value,
                        struct error *error)
{
    bool on;
    int64_t *chosen = number_at(settings, row);
    if (read_switch(row, value, &on, error) != GT_DONE)
        return GT_WRONG;
    if (on)
        *chosen = row->most;
    else if (*chosen == row->most)
        *chosen = 0;
    return GT_DONE;
}

/* To keep is to have no count; not to keep, to have one. */
int setting_read_keep(struct settings *settings, const struct setting_row *row, const char *value,
                      struct error *error)
{
    bool on;
    if (read_switch(row, value, &on, error) != GT_DONE)
        return GT_WRONG;
    if (on)
        settings->count = 0;
    else if (settings->count == 0)
        settings->count = 1;
    return GT_DONE;
}

/* ---- numbers ---- */

int setting_read_count(struct settings *settings, const struct setting_row *row, const char *value,
                       struct error *error)
{
    int64_t count;
    if (units_count(value, row->most, &count) && count >= row->least) {
        *number_at(settings, row) = count;
        return GT_DONE;
    }
    if (row->most == INT64_MAX)
        return refuse(row, value, error, "not a count; a number from %lld on",
                      (long long)row->least);
    return refuse(row, value, error, "not a count; a number from %lld to %lld",
                  (long long)row->least, (long long)row->most);
}

int setting_read_workers(struct settings *settings, const struct setting_row *row,
                         const char *value, struct error *error)
{
    if (strcmp(value, "auto") == 0)
        *number_at(settings, row) = 0;
    else if (setting_read_count(settings, row, value, error) != GT_DONE)
        return error_append(error, ", or auto");
    return GT_DONE;
}

int setting_read_size(struct settings *settings, const struct setting_row *row, const char *value,
                      struct error *error)
{
    int64_t bytes;
    char words[64];
    if (!units_size(value, &bytes))
        return refuse(row, value, error, "not a size; for example 64KiB");
    if (bytes < row->least)
        return refuse(row, value, error, "too small; at least %s",
                      units_size_words(words, sizeof(words), row->least));
    if (bytes > row->most)
        return refuse(row, value, error, "too large; at most %s",
                      units_size_words(words, sizeof(words), row->most));
    *number_at(settings, row) = bytes;
    return GT_DONE;
}

int setting_read_memory(struct settings *settings, const struct setting_row *row, const char *value,
                        struct error *error)
{
    int status = setting_read_size(settings, row, value, error);
    settings->max_memory_given |= status == GT_DONE;
    return status;
}

int setting_read_script_memory(struct settings *settings, const struct setting_row *row,
                               const char *value, struct error *error)
{
    int status = setting_read_size(settings, row, value, error);
    settings->max_script_memory_given |= status == GT_DONE;
    return status;
}

int setting_read_duration(struct settings *settings, const struct setting_row *row,
                          const char *value, struct error *error)
{
    int64_t ns;
    char words[64];
    if (!units_duration(value, &ns))
        return refuse(row, value, error, "not a duration; for example %s",
                      row->shown.initial ? row->shown.initial : "30s");
    if (ns != DURATION_NONE && ns < row->least)
        return refuse(row, value, error, "too short; at least %s, or none",
                      units_duration_words(words, sizeof(words), row->least));
    if (ns > row->most)
        return refuse(row, value, error, "too long; none is for ever");
    *number_at(settings, row) = ns;
    return GT_DONE;
}

int setting_read_sync(struct settings *settings, const struct setting_row *row, const char *value,
                      struct error *error)
{
    int64_t ns;
    if (strcmp(value, "always") == 0)
        ns = JOURNAL_SYNC_ALWAYS;
    else if (strcmp(value, "never") == 0)
        ns = JOURNAL_SYNC_NEVER;
    else if (!units_duration(value, &ns) || ns < row->least || ns > row->most)
        return refuse(row, value, error, "neither always nor never, nor a duration from 1ms on");
    *number_at(settings, row) = ns;
    return GT_DONE;
}

int setting_read_rate(struct settings *settings, const struct setting_row *row, const char *value,
                      struct error *error)
{
    int64_t interval_ns;
    if (!units_rate(value, &interval_ns))
        return refuse(row, value, error,
                      "not a rate; for example 100/s, 30/min or 1/h, at most 10000000/s");
    *number_at(settings, row) = interval_ns;
    return GT_DONE;
}

int setting_read_mode(struct settings *settings, const struct setting_row *row, const char *value,
                      struct error *error)
{
    char *end;
    long mode = strtol(value, &end, 8);
    bool digits = *value && value[strspn(value, "01234567")] == '\0';
    if (!digits || *end || mode < row->least || mode > row->most)
        return refuse(row, value, error, "not a mode; octal, for example 0660");
    *number_at(settings, row) = mode;
    return GT_DONE;
}

/* ---- replies and greetings: the last one wins ---- */

static struct slice first_character(const char *text)
{
    uint32_t code;
    struct slice slice = slice_of_text(text);
    if (slice.size == 0)
        return slice;
    size_t length = utf8_decode(slice, &code);
    return slice_of(text, length ? length : 1);
}

/* Text whose escapes can be read. */
static int read_escaped(char **place, const struct setting_row *row, const char *value,
                        struct error *error)
{
    struct bytes text = {0};
    size_t wrong = 0;
    int result = unescape(&text, value, &wrong);
    bytes_free(&text);
    if (result != -EINVAL)
        return result < 0 ? error_set(error, GT_FAILED, "memory is out")
                          : keep_text(place, value, error);
    char given[128], character[32];
    escape_as_typed(given, sizeof(given), slice_of_text(value));
    escape_as_typed(character, sizeof(character), first_character(value + wrong + 1));
    return error_set(error, GT_WRONG,
                     "--%s '%s': \\%s is not an escape; one of \\n \\r \\t \\0 \\xHH \\\\",
                     row->shown.name, given, character);
}

/* The name of a file; it is read when the draft is sealed. */
static int read_file_name(char **place, const struct setting_row *row, const char *value,
                          struct error *error)
{
    if (!*value)
        return refuse(row, value, error, "not a file name");
    return keep_text(place, value, error);
}

int setting_read_reply(struct settings *settings, const struct setting_row *row, const char *value,
                       struct error *error)
{
    int status = read_escaped(&settings->reply, row, value, error);
    if (status == GT_DONE)
        settings->reply_source = REPLY_FROM_TEXT;
    return status;
}

int setting_read_reply_file(struct settings *settings, const struct setting_row *row,
                            const char *value, struct error *error)
{
    int status = read_file_name(&settings->reply_file, row, value, error);
    if (status == GT_DONE)
        settings->reply_source = REPLY_FROM_FILE;
    return status;
}

/* What sh takes for one argument: MAX_ARG_STRLEN of Linux. */
#define COMMAND_SIZE_MOST ((size_t)128 * 1024)

int setting_read_command(struct settings *settings, const struct setting_row *row,
                         const char *value, struct error *error)
{
    if (value[strspn(value, " \t\n")] == '\0')
        return refuse(row, value, error, "not a command");
    if (strlen(value) >= COMMAND_SIZE_MOST)
        return refuse(row, value, error, "too long for a command; put it into a script");
    return keep_text(text_at(settings, row), value, error);
}

int setting_read_exec(struct settings *settings, const struct setting_row *row, const char *value,
                      struct error *error)
{
    int status = setting_read_command(settings, row, value, error);
    if (status == GT_DONE)
        settings->reply_source = REPLY_FROM_COMMAND;
    return status;
}

int setting_read_greeting(struct settings *settings, const struct setting_row *row,
                          const char *value, struct error *error)
{
    int status = read_escaped(&settings->greeting, row, value, error);
    if (status == GT_DONE)
        settings->greeting_exact_file = false;
    return status;
}

int setting_read_greeting_file(struct settings *settings, const struct setting_row *row,
                               const char *value, struct error *error)
{
    int status = read_file_name(&settings->greeting_file, row, value, error);
    if (status == GT_DONE)
        settings->greeting_exact_file = true;
    return status;
}

/* ---- names ---- */

int setting_read_frame(struct settings *settings, const struct setting_row *row, const char *value,
                       struct error *error)
{
    struct framing framing;
    if (framing_parse(&framing, value, SIZE_MAX, error) != GT_DONE) { /* max-message: when sealed */
        char shown[64];
        escape_string(shown, sizeof(shown), slice_of_text(value));
        return error_prefix(error, "--frame %s", shown);
    }
    return keep_text(text_at(settings, row), value, error);
}

int setting_read_show(struct settings *settings, const struct setting_row *row, const char *value,
                      struct error *error)
{
    char names[128];
    int format = show_format_parse(value);
    if (format < 0)
        return refuse(row, value, error, "not a format; one of %s",
                      list_names(show_format_names, names, sizeof(names)));
    *number_at(settings, row) = format;
    return GT_DONE;
}

int setting_read_engine(struct settings *settings, const struct setting_row *row, const char *value,
                        struct error *error)
{
    static const char *const engines[] = {"auto", "epoll", "uring", NULL};
    char names[64];
    for (const char *const *engine = engines; *engine; engine++)
        if (strcmp(value, *engine) == 0)
            return keep_text(text_at(settings, row), value, error);
    return refuse(row, value, error, "not an engine; one of %s",
                  list_names(engines, names, sizeof(names)));
}

int setting_read_ready(struct settings *settings, const struct setting_row *row, const char *value,
                       struct error *error)
{
    if (ready_check(value, error) != GT_DONE)
        return error_prefix(error, "--ready");
    return keep_text(text_at(settings, row), value, error);
}

int setting_read_path(struct settings *settings, const struct setting_row *row, const char *value,
                      struct error *error)
{
    if (!*value)
        return error_set(error, GT_WRONG, "--%s: needs the name of a file", row->shown.name);
    return keep_text(text_at(settings, row), value, error);
}

/* ---- owners: names or numbers ---- */

/* The largest number means "as it is" to chown. */
#define HIGHEST_ID (INT64_C(0xffffffff) - 1)

static bool find_user(const char *name, uid_t *uid)
{
    int64_t number;
    const struct passwd *user = getpwnam(name);
    if (!user && !units_count(name, HIGHEST_ID, &number))
        return false;
    *uid = user ? user->pw_uid : (uid_t)number;
    return true;
}

static bool find_group(const char *name, gid_t *gid)
{
    int64_t number;
    const struct group *group = getgrnam(name);
    if (!group && !units_count(name, HIGHEST_ID, &number))
        return false;
    *gid = group ? group->gr_gid : (gid_t)number;
    return true;
}

int setting_read_owner(struct settings *settings, const struct setting_row *row, const char *value,
                       struct error *error)
{
    char user[64];
    uid_t uid;
    gid_t gid = (gid_t)-1;
    const char *colon = strchr(value, ':');
    size_t length = colon ? (size_t)(colon - value) : strlen(value);
    if (length == 0 || (colon && !colon[1]))
        return refuse(row, value, error, "not an owner; USER or USER:GROUP");
    snprintf(user, sizeof(user), "%.*s", (int)length, value);
    if (length >= sizeof(user) || !find_user(user, &uid))
        return refuse(row, value, error, "no such user");
    if (colon && !find_group(colon + 1, &gid))
        return refuse(row, value, error, "no such group");
    int status = keep_text(text_at(settings, row), value, error);
    if (status != GT_DONE)
        return status;
    settings->socket_uid = uid;
    settings->socket_gid = gid;
    return GT_DONE;
}
