/* free_lists.c: a list for each size; the last block given is the first taken, for it may still be
 * in the processor's cache. */
#include "reply/free_lists.h"

#include <stdlib.h>

/* Which list has blocks of this size: all that are kept are as large as the largest of it. */
static size_t list_of(size_t size)
{
    return (size - 1) / FREE_LISTS_STEP;
}

static size_t rounded(size_t size)
{
    return size > FREE_LISTS_LARGEST ? size : (list_of(size) + 1) * FREE_LISTS_STEP;
}

void *free_lists_take(struct free_lists *lists, size_t size)
{
    struct free_block *block = size > FREE_LISTS_LARGEST ? NULL : lists->first[list_of(size)];
    if (!block)
        return malloc(rounded(size));
    lists->first[list_of(size)] = block->next;
    lists->bytes -= rounded(size);
    return block;
}

void *free_lists_resize(void *block, size_t before, size_t after)
{
    return rounded(before) == rounded(after) ? block : realloc(block, rounded(after));
}

void free_lists_give(struct free_lists *lists, void *block, size_t size)
{
    if (size > FREE_LISTS_LARGEST || lists->bytes + rounded(size) > FREE_LISTS_MOST) {
        free(block);
        return;
    }
    struct free_block *given = block;
    given->next = lists->first[list_of(size)];
    lists->first[list_of(size)] = given;
    lists->bytes += rounded(size);
}

void free_lists_empty(struct free_lists *lists)
{
    for (size_t i = 0; i < sizeof lists->first / sizeof *lists->first; i++)
        while (lists->first[i]) {
            struct free_block *block = lists->first[i];
            lists->first[i] = block->next;
            free(block);
        }
    lists->bytes = 0;
}
