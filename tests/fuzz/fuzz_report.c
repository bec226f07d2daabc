/* Whatever is told on standard error with --log-format json is one line of JSON, and says what was
 * told, even where it is no text at all. The input: [0] what is told, then its text, the peer and
 * the listener, with NULs between. */
#include "json_reader.h"
#include "tool/report.h"

#include <stdio.h>

/* The string means the text; or, where that is no UTF-8, it shows it escaped. */
static void check_member(struct slice *line, const char *name, const char *text)
{
    struct bytes meaning = {0}, shown = {0};
    struct slice said = slice_of_text(text);
    require(json_has(line, name));
    json_string(line, &meaning);
    require(escape_text(&shown, said) == 0);
    require(slice_equal(bytes_slice(&meaning), utf8_valid(said) ? said : bytes_slice(&shown)));
    bytes_free(&meaning);
    bytes_free(&shown);
}

static void check_counters(struct slice *line, const struct gt_event *event)
{
    struct bytes name = {0};
    json_expect(line, "{");
    for (size_t i = 0; i < event->counter_count; i++) {
        if (i > 0)
            json_expect(line, ",");
        bytes_clear(&name);
        json_string(line, &name);
        json_expect(line, ":");
        require(json_number(line) == event->counters[i].value);
    }
    json_expect(line, "}");
    bytes_free(&name);
}

static void check(const struct gt_event *event, int64_t time_us)
{
    struct bytes to = {0}, time = {0};
    require(report_format(&to, true, event, time_us) == 0);
    struct slice line = bytes_slice(&to);
    require(slice_ends_with(line, '\n'));
    line.size--;
    require(fit_for_terminal(line));
    json_expect(&line, "{\"time\":");
    json_string(&line, &time);
    check_member(&line, "level", "warning");
    check_member(&line, "event", event->name);
    check_member(&line, "text", event->text);
    if (event->reason)
        check_member(&line, "reason", event->reason);
    if (event->peer)
        check_member(&line, "peer", event->peer);
    if (event->listener)
        check_member(&line, "listener", event->listener);
    if (json_has(&line, "counters"))
        check_counters(&line, event);
    json_expect(&line, "}");
    require(line.size == 0);
    bytes_free(&to);
    bytes_free(&time);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    uint8_t what = next_byte(&input);
    struct gt_counter counters[] = {{"messages", size}, {"bytes-received", UINT64_MAX}};
    char *text = text_of(next_word(&input, 0));
    char *peer = text_of(next_word(&input, 0));
    char *listener = text_of(next_word(&input, 0));
    struct gt_event event = {.kind = GT_EVENT_NOTE,
                             .level = GT_WARNING,
                             .name = "note",
                             .text = text,
                             .reason = what & 1 ? "idle-timeout" : NULL,
                             .peer = what & 2 ? peer : NULL,
                             .listener = what & 4 ? listener : NULL,
                             .counters = what & 8 ? counters : NULL,
                             .counter_count = what & 8 ? 2 : 0};
    check(&event, (int64_t)what * 1234567);
    free(text);
    free(peer);
    free(listener);
    return 0;
}
