/* show_log.c: a log is read line by line, from a file or from whatever standard input is.
 *
 * A line that is none is told, and passed over: the next one begins anew. One without its newline
 * at the end is one that was never finished; who follows waits for the rest of it. Who follows goes
 * on with the new file when a log was moved away (the server reopens it on SIGHUP), and from the
 * beginning when it was cut. */
#include "tool/show_source.h"

#include "base/escape.h"
#include "base/list.h"
#include "tool/show_log_line.h"

#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define AHEAD ((size_t)256 * 1024)

struct show_log {
    struct show_source source;
    const char *path;
    int fd;
    struct bytes text; /* read, and not shown */
    size_t searched;   /* bytes at its beginning that hold no newline */
    size_t shown;      /* bytes of the line shown last, at its beginning */
    uint64_t number;   /* of lines */
    uint64_t wrong;    /* lines that were none; only the first is told by itself */
    struct show_log_line line;
};

/* ---- telling ---- */

static void tell_line(struct show_log *log, enum gt_level level, const char *what)
{
    char text[384];
    char shown[256];
    snprintf(text, sizeof text, "%s, line %" PRIu64 ": %s",
             escape_string(shown, sizeof shown, slice_of_text(log->path)), log->number, what);
    report_note(log->source.report, level, text);
}

static void tell_wrong(struct show_log *log)
{
    log->source.damaged = true;
    if (log->wrong++ == 0)
        tell_line(log, GT_ERROR, "no message as a log has them; left out, as any other like it");
}

/* What stands behind the last newline. */
static void tell_rest(struct show_log *log)
{
    if (log->text.size == 0 || log->source.follows)
        return;
    log->number++;
    tell_line(log, GT_NOTICE, "was never finished; left out");
    bytes_clear(&log->text);
    log->searched = 0;
}

/* ---- reading ---- */

/* Read more: 1, 0 at the end, or -errno. */
static int read_more(struct show_log *log)
{
    ssize_t count;
    if (bytes_reserve(&log->text, AHEAD) < 0)
        return -ENOMEM;
    do {
        count = read(log->fd, bytes_end(&log->text), AHEAD);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return errno == EAGAIN ? 0 : -errno;
    log->text.size += (size_t)count;
    return count > 0;
}

/* At the end of the file: whether another one is to be read, or this one anew. */
static bool begins_anew(struct show_log *log)
{
    struct stat here;
    struct stat there;
    if (!log->source.follows || log->fd == STDIN_FILENO || fstat(log->fd, &here) < 0)
        return false;
    if (here.st_size < lseek(log->fd, 0, SEEK_CUR))
        return lseek(log->fd, 0, SEEK_SET) == 0;
    if (stat(log->path, &there) < 0 || (there.st_ino == here.st_ino && there.st_dev == here.st_dev))
        return false;
    int fd = open(log->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    close(log->fd);
    log->fd = fd;
    bytes_clear(&log->text);
    log->searched = 0;
    return true;
}

/* The size of the next line, with its newline: 1, 0 at the end, or -errno. */
static int find_line(struct show_log *log, size_t *size)
{
    for (;;) {
        struct slice rest = slice_after(bytes_slice(&log->text), log->searched);
        const uint8_t *newline = rest.size > 0 ? memchr(rest.data, '\n', rest.size) : NULL;
        if (newline) {
            *size = log->searched + (size_t)(newline - rest.data) + 1;
            return 1;
        }
        log->searched = log->text.size;
        int result = read_more(log);
        if (result == 0 && begins_anew(log))
            continue;
        if (result <= 0)
            return result;
    }
}

/* The line of size bytes is done with when the next one is asked for. */
static enum show_log_result take_line(struct show_log *log, size_t size, struct message *message)
{
    struct slice text = slice_of(bytes_slice(&log->text).data, size - 1);
    log->number++;
    log->shown = size;
    return show_log_line_read(&log->line, text, message);
}

static void drop_shown(struct show_log *log)
{
    bytes_consume(&log->text, log->shown);
    if (log->shown > 0)
        log->searched = 0;
    log->shown = 0;
}

static enum show_step fail(const struct show_log *log, int number, struct error *error)
{
    char shown[256];
    error_errno(error, number, "cannot read %s",
                escape_string(shown, sizeof shown, slice_of_text(log->path)));
    return SHOW_STEP_FAILED;
}

static enum show_step next(struct show_source *source, struct message *message, struct error *error)
{
    struct show_log *log = list_item(source, struct show_log, source);
    size_t size;
    for (;;) {
        drop_shown(log);
        int found = find_line(log, &size);
        if (found < 0)
            return fail(log, -found, error);
        if (found == 0) {
            tell_rest(log);
            return SHOW_STEP_END;
        }
        enum show_log_result result = take_line(log, size, message);
        if (result == SHOW_LOG_MESSAGE)
            return SHOW_STEP_MESSAGE;
        if (result == SHOW_LOG_NO_MEMORY)
            return fail(log, ENOMEM, error);
        tell_wrong(log);
    }
}

/* ---- the source ---- */

/* What is no file is not watched; it is looked at now and then. */
static int watch(struct show_source *source, int inotify)
{
    const struct show_log *log = list_item(source, struct show_log, source);
    uint32_t events = IN_MODIFY | IN_MOVE_SELF | IN_ATTRIB | IN_DELETE_SELF;
    if (log->fd == STDIN_FILENO)
        return 0;
    return inotify_add_watch(inotify, log->path, events) < 0 ? -1 : 0;
}

static void destroy(struct show_source *source)
{
    struct show_log *log = list_item(source, struct show_log, source);
    if (log->fd > STDIN_FILENO)
        close(log->fd);
    bytes_free(&log->text);
    show_log_line_free(&log->line);
    free(log);
}

struct show_source *show_log_open(const char *path, bool follows, struct report *report,
                                  struct error *error)
{
    static const struct show_source_table table = {next, watch, destroy};
    char shown[256];
    struct show_log *log = calloc(1, sizeof *log);
    if (!log) {
        error_set(error, GT_FAILED, "out of memory");
        return NULL;
    }
    log->source = (struct show_source){.table = &table, .report = report, .follows = follows};
    log->path = path;
    log->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (log->fd >= 0)
        return &log->source;
    error_errno(error, errno, "cannot open %s",
                escape_string(shown, sizeof shown, slice_of_text(path)));
    free(log);
    return NULL;
}
