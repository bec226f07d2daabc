/* journal_frame.c: the head of a frame is looked at by itself, then all of the frame is held
 * against its CRC; only then is it taken apart.
 *
 * Not good: a head with another segment's id, or that says what none can: a kind that there is not,
 * a size that its kind cannot have, a message outside of its bytes; a name with a NUL. */
#include "record/journal_frame.h"

#include "base/crc32c.h"

#include <stddef.h>

#define HEAD_SIZE    sizeof(struct journal_frame)
#define PEER_SIZE    sizeof(struct journal_peer)
#define COVERED_FROM 8 /* of a frame: where its CRC begins */

/* ---- headers ---- */

static uint32_t header_crc(const struct journal_header *header)
{
    const size_t from = offsetof(struct journal_header, id);
    return crc32c(0, (const uint8_t *)header + from, sizeof *header - from);
}

void journal_header_seal(struct journal_header *header)
{
    header->crc = header_crc(header);
}

bool journal_header_read(struct journal_header *header, const uint8_t *bytes)
{
    memcpy(header, bytes, sizeof *header);
    return memcmp(header->magic, JOURNAL_MAGIC, sizeof header->magic) == 0 &&
           header->version == JOURNAL_VERSION && header->crc == header_crc(header) &&
           header->synced_to <= header->sequence;
}

/* ---- heads ---- */

static bool message_fits(const struct journal_frame *head)
{
    uint64_t raw_size = (uint64_t)head->size - HEAD_SIZE - PEER_SIZE;
    return head->size >= HEAD_SIZE + PEER_SIZE && head->peer_kind <= PEER_UNIX &&
           (uint64_t)head->body_offset + head->body_size <= raw_size &&
           head->synced_to < head->sequence;
}

/* Whether it says what a frame of its kind may say. */
static bool head_fits(const struct journal_frame *head)
{
    if (head->size < HEAD_SIZE)
        return false;
    if (head->kind == JOURNAL_MESSAGE)
        return message_fits(head);
    if (head->synced_to > head->sequence)
        return false;
    return (head->kind == JOURNAL_LISTENER && head->size - HEAD_SIZE <= JOURNAL_NAME_LONGEST) ||
           (head->kind == JOURNAL_MARK && head->size == HEAD_SIZE) || head->kind == JOURNAL_GAP;
}

bool journal_head_read(struct journal_frame *head, uint64_t segment_id, const uint8_t *bytes)
{
    memcpy(head, bytes, sizeof *head);
    return head->id == segment_id && head_fits(head);
}

/* ---- frames ---- */

static uint32_t frame_crc(const uint8_t *frame, uint32_t size)
{
    return crc32c(0, frame + COVERED_FROM, size - COVERED_FROM);
}

void journal_frame_seal(uint8_t *frame)
{
    struct journal_frame head;
    memcpy(&head, frame, sizeof head);
    head.crc = frame_crc(frame, head.size);
    memcpy(frame, &head, sizeof head);
}

bool journal_frame_whole(const struct journal_frame *head, const uint8_t *frame)
{
    if (head->kind == JOURNAL_LISTENER && memchr(frame + HEAD_SIZE, 0, head->size - HEAD_SIZE))
        return false;
    return head->crc == frame_crc(frame, head->size);
}

static struct peer peer_of_frame(const struct journal_frame *head, const uint8_t *bytes)
{
    struct journal_peer kept;
    struct peer peer = {.kind = head->peer_kind, .port = head->peer_port};
    memcpy(&kept, bytes, sizeof kept);
    memcpy(peer.address, kept.address, sizeof peer.address);
    peer.scope = kept.scope;
    return peer;
}

void journal_frame_open(struct journal_found *found, const struct journal_frame *head,
                        const uint8_t *frame)
{
    const uint8_t *rest = frame + HEAD_SIZE;
    *found = (struct journal_found){.head = *head};
    if (head->kind == JOURNAL_LISTENER) {
        found->name = slice_of(rest, head->size - HEAD_SIZE);
    } else if (head->kind == JOURNAL_MESSAGE) {
        found->peer = peer_of_frame(head, rest);
        found->raw = slice_of(rest + PEER_SIZE, head->size - HEAD_SIZE - PEER_SIZE);
        found->body = slice_of(found->raw.data + head->body_offset, head->body_size);
    }
}
