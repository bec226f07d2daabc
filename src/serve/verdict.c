/* verdict.c: what the talks came to is told as it happens (GT_EVENT_UNMET), once more in one line
 * at the end (GT_EVENT_OUTCOME), and written as a report.
 *
 * Which status a run ends with is run.c's business: a failure of our own (1) goes before what talks
 * came to (4), for then nobody knows what they would have come to; and that before a timeout (3),
 * for it says more. A server that is kept without an end has no status but 0. */
#include "serve/verdict.h"

#include "base/peer.h"
#include "guard/whole_file.h"
#include "reply/junit.h"
#include "reply/outcome.h"
#include "reply/talk.h"

#include <stdio.h>

static const char report_name[] = "the report";

/* ---- telling ---- */

static void tell_news(void *owner, const struct outcome_news *news)
{
    gt_server *server = owner;
    char peer[PEER_NAME_SIZE];
    char text[1024];
    if (!server->told || news->level > server->told_level)
        return;
    if (news->peer)
        peer_name(news->peer, peer);
    snprintf(text, sizeof text, "%s%s%s", news->peer ? peer : "", news->peer ? ": " : "",
             news->text);
    struct gt_event event = {.kind = news->unmet ? GT_EVENT_UNMET : GT_EVENT_NOTE,
                             .level = news->level,
                             .name = news->unmet ? "unmet" : "note",
                             .text = text,
                             .reason = news->reason,
                             .peer = news->peer ? peer : NULL,
                             .listener = news->listener,
                             .expected = news->expected,
                             .heard = news->heard};
    tell_event(server, &event);
}

/* ---- the beginning ---- */

int verdict_use(gt_server *server)
{
    const struct talk *talk = server->talk;
    return outcome_use(atomic_load(&server->outcome), talk->load, talk->name,
                       server->settings.strict);
}

int verdict_open(gt_server *server)
{
    const struct settings *settings = &server->settings;
    if (settings->report && !server->talk)
        return error_set(&server->error, GT_WRONG,
                         "--report: what talks came to; there is no talk file: -t FILE");
    if (!server->talk)
        return GT_DONE;
    if (settings->report &&
        whole_file_check(settings->report, report_name, &server->error) != GT_DONE)
        return GT_FAILED;
    struct outcome_host host = {server, tell_news};
    atomic_store(&server->outcome, outcome_create(&host));
    if (!atomic_load(&server->outcome) || verdict_use(server) != GT_DONE)
        return error_set(&server->error, GT_FAILED, "out of memory");
    return GT_DONE;
}

/* ---- the end ---- */

bool verdict_unmet(const gt_server *server)
{
    const struct outcome *outcome = atomic_load(&server->outcome);
    bool ends = goal_exists(&server->goal) || server->settings.timeout_ns >= 0;
    return outcome && ends && !outcome_met(outcome);
}

/* "talk: " and the summary: false where there is nothing to say. */
static bool sum_up(const struct outcome *outcome, char *text, size_t size)
{
    struct bytes summary = {0};
    bool said = outcome_summary(outcome, &summary) == 0 && summary.size > 0;
    struct slice words = bytes_slice(&summary);
    if (said)
        snprintf(text, size, "talk: %.*s", (int)words.size, (const char *)words.data);
    bytes_free(&summary);
    return said;
}

int verdict_fail(gt_server *server)
{
    char text[400] = "talk: not as expected";
    struct error also = server->error;
    sum_up(atomic_load(&server->outcome), text, sizeof text);
    error_set(&server->error, GT_UNMET, "%s", text);
    return also.status == GT_DONE ? GT_UNMET : error_append(&server->error, "; %s", also.text);
}

/* As a failure where it is what the run ends with: whoever called gt_run says it then. */
static void tell_summary(gt_server *server, const struct outcome *outcome, int status)
{
    char text[400];
    struct gt_event event = {.kind = GT_EVENT_OUTCOME, .name = "outcome", .text = text};
    event.level = status == GT_UNMET ? GT_ERROR : outcome_met(outcome) ? GT_NOTICE : GT_WARNING;
    if (sum_up(outcome, text, sizeof text) && server->told && event.level <= server->told_level)
        tell_event(server, &event);
}

static const char *error_type(int status)
{
    switch (status) {
    case GT_TIMED_OUT:
        return "timeout";
    case GT_STOPPED:
        return "interrupted";
    default:
        return "failed";
    }
}

static int write_report(gt_server *server, const struct outcome *outcome, int status)
{
    struct bytes document = {0};
    bool clean = status == GT_DONE || status == GT_UNMET;
    const struct engine *engine = atomic_load(&server->engine);
    struct junit_run run = {.started_us = server->begun_us,
                            .duration_ns = engine->now_ns - server->begun_ns,
                            .error = clean ? NULL : server->error.text,
                            .type = error_type(status)};
    struct error error = {0};
    if (junit_append(&document, outcome, &run) == 0)
        whole_file_write(server->settings.report, report_name, bytes_slice(&document), &error);
    else
        error_set(&error, GT_FAILED, "cannot write the report: out of memory");
    bytes_free(&document);
    if (error.status == GT_DONE)
        return status;
    if (!clean) {
        tell(server, GT_EVENT_NOTE, GT_ERROR, (struct event_origin){.reason = REASON_NONE}, "%s",
             error.text);
        return status;
    }
    server->error = error;
    return GT_FAILED;
}

int verdict_give(gt_server *server, int status)
{
    struct outcome *outcome = atomic_load(&server->outcome);
    if (!outcome)
        return status;
    outcome_tell_missing(outcome);
    tell_summary(server, outcome, status);
    return server->settings.report ? write_report(server, outcome, status) : status;
}
