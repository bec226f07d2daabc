/* show_journal.c: the series of all workers, merged by time.
 *
 * Each series has a lane; the message shown next is the earliest of those at the heads of the
 * lanes. The clock may have been set back: within a lane messages stay in their order all the same.
 *
 * Where a lane ends at a place that is not good, the whole series is judged once, to say what that
 * means: a tail that a server which is running may just be writing, or corruption. Who follows
 * looks at a tail again later. */
#include "tool/show_source.h"

#include "base/list.h"
#include "base/message.h"
#include "record/record.h"
#include "tool/show_place.h"

#include <errno.h>
#include <goodtalk.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>

enum lane_state { LANE_TAKEN, /* its message has been shown */ LANE_READY, LANE_DRY, LANE_BROKEN };

struct lane {
    enum lane_state state;
    struct journal_series series;
    struct journal_found found;
};

struct show_journal {
    struct show_source source;
    struct show_place place;
    struct lane **lanes; /* owned, and each of them; by worker */
    size_t lane_count;
};

/* ---- lanes ---- */

static struct lane *lane_add(struct show_journal *journal, unsigned worker)
{
    size_t count = journal->lane_count + 1;
    struct lane **lanes = realloc(journal->lanes, count * sizeof *lanes);
    struct lane *lane = lanes ? calloc(1, sizeof *lane) : NULL;
    if (lanes)
        journal->lanes = lanes;
    if (!lane)
        return NULL;
    journal_series_begin(&lane->series, &journal->place.place, worker, 0);
    journal->lanes[journal->lane_count++] = lane;
    return lane;
}

static bool has_lane(const struct show_journal *journal, unsigned worker)
{
    for (size_t i = 0; i < journal->lane_count; i++)
        if (journal->lanes[i]->series.worker == worker)
            return true;
    return false;
}

/* A lane for every worker that has segments, and a new chance for those that were dry. */
static int refresh(struct show_journal *journal, struct error *error)
{
    if (show_place_refresh(&journal->place, error) != GT_DONE)
        return error->status;
    int64_t worker = -1;
    while ((worker = show_place_worker(&journal->place, worker)) >= 0)
        if (!has_lane(journal, (unsigned)worker) && !lane_add(journal, (unsigned)worker))
            return error_set(error, GT_FAILED, "out of memory");
    for (size_t i = 0; i < journal->lane_count; i++)
        if (journal->lanes[i]->state == LANE_DRY)
            journal->lanes[i]->state = LANE_TAKEN;
    return GT_DONE;
}

/* ---- damage ---- */

static void tell(struct show_journal *journal, const struct lane *lane,
                 const struct journal_verdict *verdict)
{
    char text[512];
    bool corrupt = verdict->state == JOURNAL_CORRUPT;
    if (!corrupt && show_place_holder(&journal->place) != 0)
        return; /* it is being written */
    show_place_words(&journal->place, lane->series.worker, verdict, text, sizeof text);
    report_note(journal->source.report, corrupt ? GT_ERROR : GT_NOTICE, text);
}

/* What a lane that ended at a bad place is from now on. A frame that was only being written is
 * whole in the file by the next time. */
static enum show_step stop_lane(struct show_journal *journal, struct lane *lane,
                                struct error *error)
{
    struct journal_verdict verdict;
    if (journal_judge(&verdict, &journal->place.place, &journal->place.index, lane->series.worker,
                      NULL, NULL, error) != GT_DONE)
        return SHOW_STEP_FAILED;
    bool corrupt = verdict.state == JOURNAL_CORRUPT;
    lane->state = corrupt ? LANE_BROKEN : LANE_DRY;
    journal->source.damaged |= corrupt;
    journal_reader_refresh(&lane->series.reader);
    if (verdict.state != JOURNAL_WHOLE && (corrupt || !journal->source.follows))
        tell(journal, lane, &verdict);
    return SHOW_STEP_END;
}

static enum show_step fail_lane(const struct lane *lane, struct error *error)
{
    char name[JOURNAL_NAME_SIZE];
    error_errno(error, lane->series.reader.failure, "cannot read %s",
                journal_segment_name(lane->series.worker, lane->series.number, name));
    return SHOW_STEP_FAILED;
}

/* ---- reading ---- */

/* The next frame of a lane; at its end, for who does not follow, whether it is the end. */
static enum journal_step lane_next(struct show_journal *journal, struct lane *lane)
{
    enum journal_step step =
        journal_series_next(&lane->series, &journal->place.index, &lane->found);
    if (step == JOURNAL_STEP_END && !journal->source.follows)
        step = journal_series_settle(&lane->series, &lane->found);
    return step;
}

static void note_gap(struct show_journal *journal, const struct lane *lane)
{
    char text[128];
    char id[MESSAGE_ID_SIZE];
    snprintf(text, sizeof text, "before the message after %s something was set aside by --repair",
             message_id(lane->series.worker, lane->found.head.sequence, id));
    report_note(journal->source.report, GT_DETAIL, text);
}

/* Bring the next message to the head of a lane. */
static enum show_step lane_advance(struct show_journal *journal, struct lane *lane,
                                   struct error *error)
{
    enum journal_step step;
    do {
        step = lane_next(journal, lane);
        if (step == JOURNAL_STEP_FRAME && lane->found.head.kind == JOURNAL_GAP)
            note_gap(journal, lane);
    } while (step == JOURNAL_STEP_FRAME && lane->found.head.kind != JOURNAL_MESSAGE);
    if (step == JOURNAL_STEP_FAILED)
        return fail_lane(lane, error);
    if (step == JOURNAL_STEP_BAD)
        return stop_lane(journal, lane, error);
    lane->state = step == JOURNAL_STEP_FRAME ? LANE_READY : LANE_DRY;
    return step == JOURNAL_STEP_FRAME ? SHOW_STEP_MESSAGE : SHOW_STEP_END;
}

static bool is_earlier(const struct lane *lane, const struct lane *than)
{
    return !than || lane->found.head.time_us < than->found.head.time_us;
}

static enum show_step next(struct show_source *source, struct message *message, struct error *error)
{
    struct show_journal *journal = list_item(source, struct show_journal, source);
    struct lane *earliest = NULL;
    for (size_t i = 0; i < journal->lane_count; i++) {
        struct lane *lane = journal->lanes[i];
        if (lane->state == LANE_TAKEN && lane_advance(journal, lane, error) == SHOW_STEP_FAILED)
            return SHOW_STEP_FAILED;
        if (lane->state == LANE_READY && is_earlier(lane, earliest))
            earliest = lane;
    }
    if (!earliest) {
        /* Whoever asks again wants to know of what has come since. */
        return refresh(journal, error) == GT_DONE ? SHOW_STEP_END : SHOW_STEP_FAILED;
    }
    earliest->state = LANE_TAKEN;
    *message = journal_reader_message(&earliest->series.reader, &earliest->found);
    return SHOW_STEP_MESSAGE;
}

/* ---- the source ---- */

static int watch(struct show_source *source, int inotify)
{
    struct show_journal *journal = list_item(source, struct show_journal, source);
    int added = inotify_add_watch(inotify, journal->place.path,
                                  IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR);
    return added < 0 ? -1 : 0;
}

static void destroy(struct show_source *source)
{
    struct show_journal *journal = list_item(source, struct show_journal, source);
    for (size_t i = 0; i < journal->lane_count; i++) {
        journal_series_end(&journal->lanes[i]->series);
        free(journal->lanes[i]);
    }
    free(journal->lanes);
    show_place_close(&journal->place);
    free(journal);
}

struct show_source *show_journal_open(const char *path, bool follows, struct report *report,
                                      struct error *error)
{
    static const struct show_source_table table = {next, watch, destroy};
    struct show_journal *journal = calloc(1, sizeof *journal);
    if (!journal) {
        error_set(error, GT_FAILED, "out of memory");
        return NULL;
    }
    journal->source = (struct show_source){.table = &table, .report = report, .follows = follows};
    struct show_source *source = &journal->source;
    if (show_place_open(&journal->place, path, error) != GT_DONE ||
        refresh(journal, error) != GT_DONE)
        show_source_destroy(&source);
    return source;
}
