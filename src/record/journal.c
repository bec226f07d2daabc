/* journal.c: a directory is locked, every series in it made fit, whichever workers this run has.
 *
 * Ways to fail: another process has it; it cannot be read or written; it is damaged. Then nothing
 * of it was changed that a reply has depended on. */
#include "record/journal_parts.h"

#include "base/escape.h"

#include <errno.h>
#include <goodtalk.h>
#include <stdlib.h>

/* ---- the series that are there ---- */

static struct journal_end *add_end(struct journal *journal, unsigned worker)
{
    void *ends = realloc(journal->ends, (journal->end_count + 1) * sizeof *journal->ends);
    if (!ends)
        return NULL;
    journal->ends = ends;
    struct journal_end *end = &journal->ends[journal->end_count++];
    *end = (struct journal_end){.worker = worker};
    return end;
}

static int recover_series(struct journal *journal, const struct journal_index *index,
                          struct error *error)
{
    int status = GT_DONE;
    for (size_t i = 0; status == GT_DONE && i < index->count; i++) {
        unsigned worker = index->entries[i].worker;
        if (i > 0 && index->entries[i - 1].worker == worker)
            continue;
        struct journal_end *end = add_end(journal, worker);
        status = end ? journal_recover(journal, index, end, error)
                     : error_errno(error, ENOMEM, "cannot open the journal");
    }
    return status;
}

/* How large the segments are that are left, and how old. */
static int note_room(struct journal *journal, struct journal_place *place,
                     const struct journal_index_entry *entry)
{
    char name[JOURNAL_NAME_SIZE];
    struct journal_reader reader;
    struct journal_room room = {.worker = entry->worker, .number = entry->number};
    enum journal_step step = journal_reader_open(
        &reader, place, journal_segment_name(entry->worker, entry->number, name));
    int64_t size =
        step == JOURNAL_STEP_FAILED ? -reader.failure : place->table->size(place, reader.file);
    room.bytes = size > 0 ? (uint64_t)size : 0;
    room.created_us = reader.header.created_us;
    journal_reader_close(&reader);
    return size < 0 ? (int)size : journal_room_note(journal, &room);
}

static int note_rooms(struct journal *journal, struct journal_place *place,
                      struct journal_index *index)
{
    int result = journal_index_read(index, place);
    for (size_t i = 0; result == 0 && i < index->count; i++)
        result = note_room(journal, place, &index->entries[i]);
    return result < 0 ? result : journal_room_keep(journal);
}

static int look(struct journal *journal, struct journal_place *place, struct error *error)
{
    struct journal_index index = {0};
    int result = journal_index_read(&index, place);
    int status = result < 0 ? error_errno(error, -result, "cannot read %s", journal->directory)
                            : recover_series(journal, &index, error);
    if (status == GT_DONE && journal->settings.most_bytes > 0)
        result = note_rooms(journal, place, &index);
    if (status == GT_DONE && result < 0)
        status =
            error_errno(error, -result, "cannot keep %s within --record-size", journal->directory);
    journal_index_free(&index);
    return status;
}

/* ---- opening and closing ---- */

static int open_directory(struct journal *journal, struct error *error)
{
    struct journal_place place;
    const char *path = journal->settings.directory;
    int status = disk_open(&journal->disk, path, JOURNAL_LOCK_NAME, error);
    if (status == GT_DONE)
        status = journal_place_open(&place, path, error);
    if (status != GT_DONE)
        return status;
    status = look(journal, &place, error);
    journal_place_close(&place);
    return status;
}

static char *shown_name(const char *path)
{
    char shown[256];
    return strdup(escape_string(shown, sizeof shown, slice_of_text(path)));
}

int journal_open(struct journal **journal, const struct journal_settings *settings,
                 journal_tell *tell, void *context, struct error *error)
{
    struct journal *made = calloc(1, sizeof *made);
    *journal = made;
    if (!made)
        return error_errno(error, ENOMEM, "cannot open the journal");
    made->settings = *settings;
    made->tell = tell;
    made->tell_context = context;
    made->disk.lock = made->disk.directory = -1;
    pthread_mutex_init(&made->lock, NULL); /* cannot fail on Linux */
    made->directory = shown_name(settings->directory);
    int status = made->directory ? open_directory(made, error)
                                 : error_errno(error, ENOMEM, "cannot open the journal");
    if (status != GT_DONE)
        journal_close(journal);
    return status;
}

void journal_close(struct journal **journal)
{
    struct journal *gone = *journal;
    *journal = NULL;
    if (!gone)
        return;
    disk_close(&gone->disk);
    pthread_mutex_destroy(&gone->lock);
    free(gone->directory);
    free(gone->ends);
    free(gone->rooms);
    free(gone);
}
