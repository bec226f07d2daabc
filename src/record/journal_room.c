/* journal_room.c: how much room the segments take, and which go when it is too much.
 *
 * The oldest one goes first, by the clock, but of one worker never a later one before an earlier:
 * what is left of a series is always its end. Each is gone for good before the next one goes. */
#include "record/journal_parts.h"

#include <errno.h>
#include <stdlib.h>

static bool is_before(const struct journal_room *a, const struct journal_room *b)
{
    return a->worker != b->worker ? a->worker < b->worker : a->number < b->number;
}

/* Where it is, or belongs. */
static size_t room_place(const struct journal *journal, const struct journal_room *room)
{
    size_t place = journal->room_count;
    while (place > 0 && !is_before(&journal->rooms[place - 1], room))
        place--;
    return place;
}

static int grow(struct journal *journal)
{
    if (journal->room_count < journal->room_capacity)
        return 0;
    size_t capacity = journal->room_capacity ? journal->room_capacity * 2 : 16;
    void *rooms = realloc(journal->rooms, capacity * sizeof *journal->rooms);
    if (!rooms)
        return -ENOMEM;
    journal->rooms = rooms;
    journal->room_capacity = capacity;
    return 0;
}

static int note(struct journal *journal, const struct journal_room *room)
{
    size_t place = room_place(journal, room);
    struct journal_room *known = &journal->rooms[place];
    if (place < journal->room_count && !is_before(room, known)) {
        known->bytes = room->bytes;
        return 0;
    }
    if (grow(journal) < 0)
        return -ENOMEM;
    known = &journal->rooms[place];
    memmove(known + 1, known, (journal->room_count - place) * sizeof *known);
    *known = *room;
    journal->room_count++;
    return 0;
}

int journal_room_note(struct journal *journal, const struct journal_room *room)
{
    pthread_mutex_lock(&journal->lock);
    int result = note(journal, room);
    pthread_mutex_unlock(&journal->lock);
    return result;
}

static uint64_t bytes_of_all(const struct journal *journal)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < journal->room_count; i++)
        bytes += journal->rooms[i].bytes;
    return bytes;
}

/* The oldest that may go, or NULL: the first of its series, and not its last. */
static struct journal_room *oldest(struct journal *journal)
{
    struct journal_room *found = NULL;
    for (size_t i = 0; i + 1 < journal->room_count; i++) {
        struct journal_room *room = &journal->rooms[i];
        bool first = i == 0 || room[-1].worker != room->worker;
        if (first && room[1].worker == room->worker &&
            (!found || room->created_us < found->created_us))
            found = room;
    }
    return found;
}

static int drop(struct journal *journal, struct journal_room *room)
{
    char name[JOURNAL_NAME_SIZE];
    struct disk *disk = &journal->disk;
    int result = disk->table->unlink(disk, journal_segment_name(room->worker, room->number, name));
    if (result == 0 || result == -ENOENT)
        result = disk->table->sync(disk, disk->directory);
    if (result < 0)
        return result;
    size_t behind = journal->room_count - (size_t)(room - journal->rooms) - 1;
    memmove(room, room + 1, behind * sizeof *room);
    journal->room_count--;
    return 0;
}

static int keep(struct journal *journal)
{
    int result = 0;
    while (result == 0 && bytes_of_all(journal) > journal->settings.most_bytes) {
        struct journal_room *room = oldest(journal);
        if (!room)
            break;
        result = drop(journal, room);
    }
    return result;
}

int journal_room_keep(struct journal *journal)
{
    if (journal->settings.most_bytes == 0)
        return 0;
    pthread_mutex_lock(&journal->lock);
    int result = keep(journal);
    pthread_mutex_unlock(&journal->lock);
    return result;
}
