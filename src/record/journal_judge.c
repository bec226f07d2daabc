/* journal_judge.c: first the good part, frame by frame, as everybody reads it; then, behind the
 * first place that is not good, whatever good frames and headers there are, for what they say is
 * durable, and what bytes there are at all.
 *
 * A tail may lie in several segments: the last frames of one, and a next one whose first frames
 * never came. */
#include "record/journal_judge.h"

#include <errno.h>
#include <goodtalk.h>

struct judging {
    struct journal_verdict *verdict;
    struct journal_series series;
    const struct journal_index *index;
    journal_judge_progress *progress;
    void *context;
    bool headless; /* a segment has lost its header, with frames behind it */
    unsigned count;
};

#define FRAMES_BETWEEN_PROGRESS 4096

static void tell_progress(struct judging *judging)
{
    if (judging->progress && judging->count++ % FRAMES_BETWEEN_PROGRESS == 0)
        judging->progress(judging->context,
                          judging->series.read_bytes + judging->series.reader.offset);
}

static void raise_synced(struct judging *judging, uint64_t synced_to)
{
    if (judging->verdict->synced_to < synced_to)
        judging->verdict->synced_to = synced_to;
}

/* ---- the good part ---- */

static void take_frame(struct judging *judging, const struct journal_found *found)
{
    raise_synced(judging, found->head.synced_to);
    judging->verdict->messages += found->head.kind == JOURNAL_MESSAGE;
    tell_progress(judging);
}

static enum journal_step read_good_part(struct judging *judging)
{
    struct journal_series *series = &judging->series;
    struct journal_found found;
    enum journal_step step;
    while ((step = journal_series_next(series, judging->index, &found)) == JOURNAL_STEP_FRAME)
        take_frame(judging, &found);
    return step;
}

static void note_end(struct judging *judging)
{
    struct journal_verdict *verdict = judging->verdict;
    const struct journal_series *series = &judging->series;
    raise_synced(judging, series->synced_to);
    verdict->before = series->before;
    verdict->last_sequence = series->sequence;
    verdict->number = series->number;
    verdict->offset = series->reader.offset;
    verdict->why = series->why;
}

/* ---- what stands behind it ---- */

/* A place where good frames go on. Only the first counts. */
static void note_next(struct judging *judging, uint64_t number, uint64_t offset, uint64_t before)
{
    struct journal_verdict *verdict = judging->verdict;
    if (verdict->next_offset > 0 || verdict->next_number > 0)
        return;
    verdict->next_offset = offset;
    verdict->next_number = offset > 0 ? 0 : number;
    verdict->next_before = before;
}

/* All good frames of a segment from an offset on, wherever they stand. */
static int search_segment(struct judging *judging, struct journal_reader *reader, uint64_t from,
                          bool is_bad_one)
{
    struct journal_found found;
    uint64_t at;
    enum journal_step step = journal_reader_find(reader, from, &found, &at);
    if (step == JOURNAL_STEP_FRAME && is_bad_one)
        note_next(judging, 0, at, found.head.sequence - (found.head.kind == JOURNAL_MESSAGE));
    while (step == JOURNAL_STEP_FRAME) {
        raise_synced(judging, found.head.synced_to);
        tell_progress(judging);
        step = journal_reader_next(reader, &found);
        if (step == JOURNAL_STEP_BAD || step == JOURNAL_STEP_END)
            step = journal_reader_find(reader, reader->offset, &found, &at);
    }
    return step == JOURNAL_STEP_FAILED ? -reader->failure : 0;
}

/* The bytes of a segment, from an offset on, that are not zero. */
static int count_bad(struct judging *judging, struct journal_reader *reader, uint64_t from)
{
    uint64_t end;
    int result = journal_reader_content(reader, from, &end);
    if (result == 0)
        judging->verdict->bad_bytes += end - from;
    return result;
}

/* The segment in which the good part ends. */
static int search_rest(struct judging *judging)
{
    struct journal_reader *reader = &judging->series.reader;
    uint64_t offset = judging->verdict->offset;
    if (!reader->place)
        return 0;
    int result = count_bad(judging, reader, offset);
    if (result < 0 || judging->series.opened == JOURNAL_STEP_END ||
        judging->verdict->bad_bytes == 0)
        return result;
    if (judging->series.opened == JOURNAL_STEP_FRAME)
        return search_segment(judging, reader, offset, true);
    judging->headless = true;
    return 0;
}

/* A segment behind that one. */
static int search_later(struct judging *judging, uint64_t number)
{
    char name[JOURNAL_NAME_SIZE];
    struct journal_reader reader;
    struct journal_place *place = judging->series.place;
    enum journal_step opened = journal_reader_open(
        &reader, place, journal_segment_name(judging->series.worker, number, name));
    int result = opened == JOURNAL_STEP_FAILED ? -reader.failure : count_bad(judging, &reader, 0);
    judging->headless |= opened == JOURNAL_STEP_BAD;
    if (result == 0 && opened == JOURNAL_STEP_FRAME) {
        raise_synced(judging, reader.header.synced_to);
        note_next(judging, number, 0, reader.header.sequence);
        result = search_segment(judging, &reader, JOURNAL_HEADER_BYTES, false);
    }
    judging->verdict->read_bytes += reader.offset;
    journal_reader_close(&reader);
    return result == -ENOENT ? 0 : result;
}

static int search_all(struct judging *judging)
{
    const struct journal_index *index = judging->index;
    int result = search_rest(judging);
    for (size_t i = 0; result == 0 && i < index->count; i++) {
        if (index->entries[i].worker == judging->series.worker &&
            index->entries[i].number > judging->verdict->number)
            result = search_later(judging, index->entries[i].number);
    }
    return result;
}

/* ---- the verdict ---- */

static void count_segments(struct judging *judging)
{
    const struct journal_index *index = judging->index;
    for (size_t i = 0; i < index->count; i++) {
        if (index->entries[i].worker != judging->series.worker)
            continue;
        judging->verdict->segments++;
        judging->verdict->last_number = index->entries[i].number;
    }
}

static void decide(struct judging *judging, enum journal_step step)
{
    struct journal_verdict *verdict = judging->verdict;
    if (judging->headless || verdict->synced_to > verdict->last_sequence)
        verdict->state = JOURNAL_CORRUPT;
    else if (step == JOURNAL_STEP_BAD || verdict->bad_bytes > 0)
        verdict->state = JOURNAL_TAIL;
    if (verdict->state != JOURNAL_WHOLE && !verdict->why)
        verdict->why = "it is damaged";
}

static int judge(struct judging *judging)
{
    count_segments(judging);
    enum journal_step step = read_good_part(judging);
    if (step == JOURNAL_STEP_FAILED)
        return -judging->series.reader.failure;
    note_end(judging);
    int result = search_all(judging);
    decide(judging, step);
    judging->verdict->read_bytes += judging->series.read_bytes + judging->series.reader.offset;
    return result;
}

int journal_judge(struct journal_verdict *verdict, struct journal_place *place,
                  const struct journal_index *index, unsigned worker,
                  journal_judge_progress *progress, void *context, struct error *error)
{
    char name[JOURNAL_NAME_SIZE];
    struct judging judging = {
        .verdict = verdict, .index = index, .progress = progress, .context = context};
    *verdict = (struct journal_verdict){.state = JOURNAL_WHOLE};
    journal_series_begin(&judging.series, place, worker, 0);
    int result = judge(&judging);
    if (result < 0)
        error_errno(error, -result, "cannot read %s",
                    journal_segment_name(worker, judging.series.number, name));
    journal_series_end(&judging.series);
    return result < 0 ? GT_FAILED : GT_DONE;
}
