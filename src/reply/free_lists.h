/* free_lists.h: small blocks of memory that were freed, kept by size for who needs one next.
 *
 * A script that is called for each message makes garbage, which is collected in bursts of hundreds
 * of small blocks. malloc has a few of each size at hand; the others it sorts into its heap, and
 * takes them back out one by one.
 *
 * Every block is malloc's own: free_lists_resize may move it as realloc does, and what is not kept
 * is freed. */
#ifndef REPLY_FREE_LISTS_H
#define REPLY_FREE_LISTS_H

#include <stddef.h>

#define FREE_LISTS_LARGEST 256 /* bytes: larger blocks are not kept */
#define FREE_LISTS_STEP    16  /* blocks of these sizes have a list */

/* Bytes that are kept at most. Under a sanitizer nothing is, so that it sees each use of a block
 * that is free. */
#ifdef GOODTALK_SANITIZED
#define FREE_LISTS_MOST 0
#else
#define FREE_LISTS_MOST ((size_t)256 << 10)
#endif

struct free_block {
    struct free_block *next;
};

/* All zero when it is new; free_lists_empty at its end. */
struct free_lists {
    struct free_block *first[FREE_LISTS_LARGEST / FREE_LISTS_STEP];
    size_t bytes; /* kept */
};

/* A block; NULL when memory is out. size: not 0, here and below. */
void *free_lists_take(struct free_lists *lists, size_t size);

/* A block that was taken for `before` bytes has room for `after`, and may be elsewhere. NULL when
 * memory is out: it stands as it was. */
void *free_lists_resize(void *block, size_t before, size_t after);

/* Give a block back that has room for so many bytes. */
void free_lists_give(struct free_lists *lists, void *block, size_t size);

/* Free all that are kept. */
void free_lists_empty(struct free_lists *lists);

#endif
