/* recording.c: what a worker records to.
 *
 * Every worker has recorders of its own: one for standard output, one for the log, one for the
 * journal. Those of all workers write to the same place, each in turn (record/outlet_lock.h), but
 * for the journal, where each has files of its own. Several are one to the worker
 * (record/recorders.c).
 *
 * Ways to fail: at the start, and then nothing was served. Later what can be waited for is told
 * once, whichever worker met it, until it is over; what cannot be reopened stays as it is. */
#include "serve/recording.h"

#include "record/journal.h"
#include "serve/server.h"

/* Messages taken but not yet written: when so many bytes wait, a worker's intake pauses. */
#define BOUND_BYTES ((size_t)1024 * 1024)

static const struct event_origin nobody = {.reason = REASON_NONE};

static int prepare_log(struct gt_server *server)
{
    size_t cut = 0;
    const char *path = server->settings.log;
    int status = path ? log_prepare(path, &cut, &server->error) : GT_DONE;
    if (cut > 0)
        tell(server, GT_EVENT_NOTE, GT_WARNING, nobody,
             "log %s: its last line was torn by a crash: %zu bytes cut off", path, cut);
    return status;
}

static void tell_of_journal(void *context, bool warning, const char *text)
{
    tell(context, GT_EVENT_NOTE, warning ? GT_WARNING : GT_NOTICE, nobody, "%s", text);
}

static int open_journal(struct gt_server *server)
{
    const struct settings *settings = &server->settings;
    struct journal_settings wanted = {.directory = settings->record,
                                      .sync_ns = settings->sync_ns,
                                      .segment_bytes = (uint64_t)settings->segment_size,
                                      .most_bytes = (uint64_t)settings->record_size};
    if (!settings->record)
        return GT_DONE;
    return journal_open(&server->crew.journal, &wanted, tell_of_journal, server, &server->error);
}

int recording_prepare(struct gt_server *server)
{
    int status = prepare_log(server);
    return status == GT_DONE ? open_journal(server) : status;
}

void recording_close(struct gt_server *server)
{
    journal_close(&server->crew.journal);
}

static int open_shown(struct gt_server *server, struct engine *engine, bool first,
                      struct outlet_lock *lock, struct recorder **recorder)
{
    enum show_format format = (enum show_format)server->settings.show;
    if (format == SHOW_NONE)
        return GT_DONE;
    if (server->outlet.fd < 0 && outlet_open(&server->outlet, 1, &server->error) != GT_DONE)
        return GT_FAILED;
    struct outlet outlet = server->outlet;
    outlet.owned = outlet.owned && first;
    *recorder = show_recorder_create(engine, outlet, lock, format, BOUND_BYTES);
    if (*recorder)
        return GT_DONE;
    outlet_close(&outlet);
    return error_set(&server->error, GT_FAILED, "cannot show messages: out of memory");
}

static int open_log(struct gt_server *server, struct engine *engine, struct outlet_lock *lock,
                    struct recorder **recorder)
{
    const char *path = server->settings.log;
    if (path)
        *recorder = log_recorder_create(engine, path, lock, BOUND_BYTES, &server->error);
    return path && !*recorder ? GT_FAILED : GT_DONE;
}

/* Where there is a journal the others begin at its last message, for they have all of them. */
static int open_kept(struct gt_server *server, struct engine *engine, unsigned number,
                     struct recorder *list[RECORDERS_MAX])
{
    struct journal *journal = server->crew.journal;
    if (!journal)
        return GT_DONE;
    list[2] = journal_recorder_create(journal, engine, number, BOUND_BYTES, &server->error);
    for (size_t i = 0; list[2] && i < 2; i++)
        if (list[i])
            list[i]->recorded = list[2]->recorded;
    return list[2] ? GT_DONE : GT_FAILED;
}

static int join(struct gt_server *server, struct recorder *list[RECORDERS_MAX],
                struct recorder **recorder)
{
    if (!list[0] && !list[1] && !list[2])
        return GT_DONE;
    *recorder = recorders_join(list, RECORDERS_MAX);
    return *recorder ? GT_DONE
                     : error_set(&server->error, GT_FAILED, "cannot record: out of memory");
}

int recording_open(struct gt_server *server, struct engine *engine, unsigned number, bool alone,
                   struct recorder **recorder)
{
    struct crew *crew = &server->crew;
    struct recorder *list[RECORDERS_MAX] = {NULL};
    *recorder = NULL;
    struct outlet_lock *lock = alone ? NULL : &crew->outlet_lock;
    int status = open_shown(server, engine, number == 0, lock, &list[0]);
    if (status == GT_DONE)
        status = open_log(server, engine, alone ? NULL : &crew->log_lock, &list[1]);
    if (status == GT_DONE)
        status = open_kept(server, engine, number, list);
    if (status == GT_DONE)
        status = join(server, list, recorder);
    for (size_t i = 0; status != GT_DONE && i < RECORDERS_MAX; i++)
        recorder_destroy(&list[i]);
    return status;
}

void recording_tell(struct worker *worker)
{
    struct gt_server *server = worker->server;
    const struct error *want = &worker->recorder->want;
    bool wants = want->status != GT_DONE;
    if (wants == worker->recording_wants)
        return;
    worker->recording_wants = wants;
    if (wants && atomic_fetch_add(&server->recording_wants, 1) == 0)
        tell(server, GT_EVENT_PAUSED, GT_WARNING, nobody,
             "%s; nothing is taken until there is room", want->text);
    if (!wants && atomic_fetch_sub(&server->recording_wants, 1) == 1)
        tell(server, GT_EVENT_RESUMED, GT_NOTICE, nobody,
             "there is room again: messages are taken");
}

void recording_obey(struct worker *worker)
{
    struct error error = {0};
    unsigned asked = atomic_load(&worker->server->reloads);
    if (asked == worker->reloads_seen)
        return;
    worker->reloads_seen = asked;
    if (worker->recorder && recorder_reopen(worker->recorder, &error) != GT_DONE)
        tell(worker->server, GT_EVENT_NOTE, GT_ERROR, nobody, "%s; it goes on with the one it has",
             error.text);
    if (worker->number == 0)
        worker_wake_others(worker);
}
