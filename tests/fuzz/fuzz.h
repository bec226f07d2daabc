/* fuzz.h: what all harnesses share: what must hold, and how an input is taken apart.
 *
 * An input is read from its front, a byte or a word at a time; where it is over everything is zero
 * or empty, so that every input means something and a short one means little. */
#ifndef FUZZ_H
#define FUZZ_H

#include "base/error.h"
#include "base/escape.h"
#include "logarithms.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define require(condition) require_that(condition, #condition, __FILE__, __LINE__)

static inline void require_that(bool holds, const char *condition, const char *file, int line)
{
    if (holds)
        return;
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

/* ---- what people are shown ---- */

/* Whether a character drives a terminal, or turns the order of others round: C0, DEL, C1, line and
 * paragraph separators, marks of direction. Not escape_needed: that is to be judged. */
static inline bool drives_terminal(uint32_t code)
{
    static const uint32_t ranges[][2] = {{0, 0x1f},        {0x7f, 0x9f},     {0x61c, 0x61c},
                                         {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (code >= ranges[i][0] && code <= ranges[i][1])
            return true;
    return false;
}

/* Valid UTF-8 without any of those. */
static inline bool fit_for_terminal(struct slice text)
{
    while (text.size > 0) {
        uint32_t code;
        size_t length = utf8_decode(text, &code);
        if (length == 0 || drives_terminal(code))
            return false;
        text = slice_after(text, length);
    }
    return true;
}

/* An error is one sentence that may be printed. */
static inline void require_sentence(const struct error *error)
{
    require(error->status != 0 && *error->text && fit_for_terminal(slice_of_text(error->text)));
}

/* ---- taking an input apart ---- */

static inline uint8_t next_byte(struct slice *input)
{
    if (input->size == 0)
        return 0;
    uint8_t byte = input->data[0];
    *input = slice_after(*input, 1);
    return byte;
}

static inline struct slice next_bytes(struct slice *input, size_t most)
{
    struct slice bytes = slice_of(input->data, most < input->size ? most : input->size);
    if (bytes.size > 0)
        *input = slice_after(*input, bytes.size);
    return bytes;
}

/* Up to the next of these bytes, which is dropped. */
static inline struct slice next_word(struct slice *input, uint8_t end)
{
    const uint8_t *found = input->size > 0 ? memchr(input->data, end, input->size) : NULL;
    struct slice word = next_bytes(input, found ? (size_t)(found - input->data) : input->size);
    if (found)
        *input = slice_after(*input, 1);
    return word;
}

/* A copy with a NUL behind it, whose end is where the memory ends; the caller frees it. */
static inline char *text_of(struct slice bytes)
{
    char *text = malloc(bytes.size + 1);
    require(text != NULL);
    if (bytes.size > 0)
        memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = '\0';
    return text;
}

#endif
