/* journal_segment.c: a segment has all its room from the beginning, so that a full disk is met when
 * it is made, and a sync has no metadata to write. (Blocks that were never written would cost that
 * all the same; so whoever appends writes zeros ahead: 7.0k syncs a second of 336 bytes instead of
 * 3.8k.)
 *
 * Ways to fail: no room for all of it: then for half, and so on. A disk that knows no allocation:
 * the segment grows as it is written. Whatever fails, the file is removed again. */
#include "record/journal_segment.h"

#include "record/journal_frame.h"
#include "record/journal_series.h"

#include <errno.h>

#define ZEROS_BYTES ((size_t)64 * 1024)

/* Bytes; where the disk has less room than this, it is full. */
#define SMALLEST_BYTES ((uint64_t)64 * 1024)

static char *name_of(const struct journal_segment *segment, char name[JOURNAL_NAME_SIZE])
{
    return journal_segment_name(segment->worker, segment->number, name);
}

static bool lacks_room(int result)
{
    return result == -ENOSPC || result == -EDQUOT;
}

/* Allocate as much as there is, up to segment->size, but no less than least. */
static int allocate(struct journal_segment *segment, struct disk *disk, uint64_t least)
{
    int result = disk->table->allocate(disk, segment->file, segment->size);
    while (lacks_room(result) && segment->size > least) {
        segment->size = segment->size / 2 > least ? segment->size / 2 : least;
        result = disk->table->allocate(disk, segment->file, segment->size);
    }
    return result == -EOPNOTSUPP ? 0 : result;
}

static int write_header(const struct journal_segment *segment, struct disk *disk,
                        struct journal_header header)
{
    uint8_t block[JOURNAL_HEADER_BYTES] = {0};
    memcpy(header.magic, JOURNAL_MAGIC, sizeof header.magic);
    header.version = JOURNAL_VERSION;
    header.size = (uint32_t)segment->size;
    journal_header_seal(&header);
    memcpy(block, &header, sizeof header);
    return disk->table->write(disk, segment->file, slice_of(block, sizeof block), 0);
}

int journal_segment_create(struct journal_segment *segment, struct disk *disk,
                           const struct journal_header *header, uint64_t room_bytes)
{
    char name[JOURNAL_NAME_SIZE];
    uint64_t needed = JOURNAL_HEADER_BYTES + room_bytes;
    uint64_t least = needed > SMALLEST_BYTES ? needed : SMALLEST_BYTES;
    *segment = (struct journal_segment){.worker = header->worker,
                                        .number = header->number,
                                        .id = header->id,
                                        .offset = JOURNAL_HEADER_BYTES,
                                        .zeroed = JOURNAL_HEADER_BYTES};
    segment->size = header->size > needed ? header->size : needed;
    if (segment->size > UINT32_MAX)
        return -EFBIG;
    segment->file = disk->table->open(disk, name_of(segment, name), DISK_CREATE);
    if (segment->file < 0)
        return segment->file;
    int result = allocate(segment, disk, least < segment->size ? least : segment->size);
    if (result == 0)
        result = write_header(segment, disk, *header);
    if (result < 0) {
        journal_segment_leave(segment, disk);
        disk->table->unlink(disk, name);
    }
    return result;
}

void journal_segment_close(struct journal_segment *segment, struct disk *disk)
{
    char name[JOURNAL_NAME_SIZE];
    if (segment->file < 0)
        return;
    if (segment->offset == JOURNAL_HEADER_BYTES)
        disk->table->unlink(disk, name_of(segment, name));
    else
        disk->table->truncate(disk, segment->file, segment->offset);
    journal_segment_leave(segment, disk);
}

void journal_segment_leave(struct journal_segment *segment, struct disk *disk)
{
    if (segment->file >= 0)
        disk->table->close(disk, segment->file);
    segment->file = -1;
}

size_t journal_segment_zeros(const struct journal_segment *segment, size_t size,
                             struct iovec **part)
{
    static uint8_t zeros[ZEROS_BYTES];
    uint64_t end = segment->offset + size;
    if (end <= segment->zeroed)
        return 0;
    size_t most = ZEROS_BYTES * JOURNAL_ZERO_PARTS;
    size_t wanted = segment->size - end < most ? (size_t)(segment->size - end) : most;
    for (size_t left = wanted; left > 0; left -= (*part)++->iov_len)
        **part = (struct iovec){zeros, left < ZEROS_BYTES ? left : ZEROS_BYTES};
    return wanted;
}
