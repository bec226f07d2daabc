/* fuzz_words.h: an input as a command line: words with a NUL between; an empty one ends them, and
 * what follows is left. */
#ifndef FUZZ_WORDS_H
#define FUZZ_WORDS_H

#include "fuzz.h"

#define WORDS_MOST 24

struct words {
    int count; /* with the program's name */
    char *list[WORDS_MOST + 2];
};

static inline struct words words_read(struct slice *input)
{
    struct words words = {.count = 1, .list = {text_of(slice_of("goodtalk", 8))}};
    while (input->size > 0 && words.count <= WORDS_MOST) {
        struct slice word = next_word(input, 0);
        if (word.size == 0)
            break;
        words.list[words.count++] = text_of(word);
    }
    return words;
}

/* getopt reorders them, and drops none. */
static inline void words_free(struct words *words)
{
    for (int i = 0; i < words->count; i++)
        free(words->list[i]);
}

#endif
