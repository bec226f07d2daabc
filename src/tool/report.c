/* report.c: an event is formatted into a buffer, which leaves with one write: lines of several
 * programs that share a standard error stay whole.
 *
 * Where memory is out the bare sentence is written. Where standard error cannot be written to there
 * is nobody left to tell. */
#include "tool/report.h"

#include "base/escape.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MICROSECONDS 1000000

static const char *const level_names[] = {
    [GT_ERROR] = "error", [GT_WARNING] = "warning", [GT_NOTICE] = "notice", [GT_DETAIL] = "detail"};

bool report_wants(const struct report *report, const struct gt_event *event)
{
    if (event->kind == GT_EVENT_FAILED ||
        (event->kind == GT_EVENT_OUTCOME && event->level == GT_ERROR))
        return false;
    if (event->kind == GT_EVENT_COUNTERS) /* somebody asked for it */
        return true;
    if (event->kind == GT_EVENT_READY || event->kind == GT_EVENT_STOPPING)
        return report->threshold >= GT_DETAIL;
    if (event->kind == GT_EVENT_LISTENING)
        return report->threshold >= (report->tells_address ? GT_NOTICE : GT_DETAIL);
    return event->level <= report->threshold;
}

/* A string that came from the command line may hold anything: JSON may not. */
static int append_json(struct bytes *to, const char *text)
{
    if (utf8_valid(slice_of_text(text)))
        return escape_json(to, slice_of_text(text));
    struct bytes escaped = {0};
    int result = escape_text(&escaped, slice_of_text(text));
    if (result == 0)
        result = escape_json(to, bytes_slice(&escaped));
    bytes_free(&escaped);
    return result;
}

static int append_member(struct bytes *to, const char *key, const char *text)
{
    if (!text)
        return 0;
    int result = bytes_format(to, ",\"%s\":", key);
    return result ? result : append_json(to, text);
}

/* RFC 3339, UTC, with microseconds. */
static int append_time(struct bytes *to, int64_t time_us)
{
    time_t seconds = (time_t)(time_us / MICROSECONDS);
    struct tm parts;
    char text[40] = "";
    if (gmtime_r(&seconds, &parts))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    return bytes_format(to, "{\"time\":\"%s.%06" PRId64 "Z\"", text, time_us % MICROSECONDS);
}

/* All of them, also those that count nothing: who adds them up need not know their names before. */
static int append_counters(struct bytes *to, const struct gt_event *event)
{
    int result = bytes_format(to, ",\"counters\":{");
    for (size_t i = 0; result == 0 && i < event->counter_count; i++)
        result = bytes_format(to, "%s\"%s\":%" PRIu64, i ? "," : "", event->counters[i].name,
                              event->counters[i].value);
    return result ? result : bytes_format(to, "}");
}

static int append_object(struct bytes *to, const struct gt_event *event, int64_t time_us)
{
    const struct {
        const char *key;
        const char *text;
    } members[] = {{"level", level_names[event->level]},
                   {"event", event->name},
                   {"text", event->text},
                   {"reason", event->reason},
                   {"peer", event->peer},
                   {"listener", event->listener},
                   {"expected", event->expected},
                   {"heard", event->heard}};

    int result = append_time(to, time_us);
    for (size_t i = 0; result == 0 && i < sizeof members / sizeof *members; i++)
        result = append_member(to, members[i].key, members[i].text);
    if (result == 0 && event->counters)
        result = append_counters(to, event);
    return result ? result : bytes_format(to, "}\n");
}

static int append_line(struct bytes *to, bool json, const struct gt_event *event, int64_t time_us)
{
    return json ? append_object(to, event, time_us)
                : bytes_format(to, "goodtalk: %s\n", event->text);
}

int report_format(struct bytes *to, bool json, const struct gt_event *event, int64_t time_us)
{
    char text[256];
    struct gt_event said = *event;
    size_t before = to->size;
    if (event->kind == GT_EVENT_LISTENING && event->listener) {
        snprintf(text, sizeof text, "listening on %s", event->listener);
        said.text = text;
    }
    int result = append_line(to, json, &said, time_us);
    if (result)
        to->size = before;
    return result;
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * MICROSECONDS + now.tv_nsec / 1000;
}

/* Whether standard error takes a line without waiting longer than this. */
static bool writable(int wait_ms)
{
    struct pollfd descriptor = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&descriptor, 1, wait_ms) != 0;
}

/* A pipe takes a line whole or not at all; what else stands there may take it in pieces. */
static void write_line(struct slice line)
{
    while (line.size > 0) {
        ssize_t written = write(STDERR_FILENO, line.data, line.size);
        if (written > 0)
            line = slice_after(line, (size_t)written);
        else if (written == 0 || errno != EINTR)
            return;
    }
}

static void say(bool json, const struct gt_event *event, int64_t time_us)
{
    struct bytes line = {0};
    if (report_format(&line, json, event, time_us) == 0)
        write_line(bytes_slice(&line));
    else
        dprintf(STDERR_FILENO, "goodtalk: %s\n", event->text);
    bytes_free(&line);
}

static void say_unsaid(struct report *report, int64_t time_us)
{
    char text[64];
    struct gt_event event = {
        .kind = GT_EVENT_NOTE, .level = GT_WARNING, .name = "note", .text = text};
    if (report->unsaid == 0)
        return;
    snprintf(text, sizeof text, "%" PRIu64 " lines were left out here", report->unsaid);
    report->unsaid = 0;
    say(report->json, &event, time_us);
}

/* A script's log is: it runs for messages. */
static bool driven_by_peers(const struct gt_event *event)
{
    return event->peer || (event->reason && strcmp(event->reason, "log") == 0);
}

bool report_has_room(struct report *report, const struct gt_event *event, int64_t time_us)
{
    if (report->second != time_us / MICROSECONDS) {
        report->second = time_us / MICROSECONDS;
        report->said = 0;
    }
    bool counted = driven_by_peers(event) && report->threshold < GT_DETAIL;
    if (counted && report->said >= REPORT_PEER_LINES) {
        report->unsaid++;
        return false;
    }
    report->said += counted;
    return true;
}

void report_event(const struct gt_event *event, void *context)
{
    struct report *report = context;
    int64_t time_us = now_us();
    if (!report_wants(report, event) || !report_has_room(report, event, time_us))
        return;
    if (writable(0)) {
        say_unsaid(report, time_us);
        say(report->json, event, time_us);
    } else {
        report->unsaid++;
    }
}

void report_note(struct report *report, enum gt_level level, const char *text)
{
    struct gt_event event = {.kind = GT_EVENT_NOTE, .level = level, .name = "note", .text = text};
    report_event(&event, report);
}

void report_finish(struct report *report)
{
    if (writable(0))
        say_unsaid(report, now_us());
}

#define PATIENCE_MS 1000

void report_error(const struct report *report, const char *text)
{
    struct gt_event event = {
        .kind = GT_EVENT_FAILED, .level = GT_ERROR, .name = "failed", .text = text};
    if (writable(PATIENCE_MS))
        say(report->json, &event, now_us());
}
