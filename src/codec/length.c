/* length.c: a number of 1 to 8 bytes says how many follow. --frame's parameter says how it is
 * written, N[be|le][@OFFSET][+K|-K]: the order of its bytes, where it stands in a header, and how
 * many bytes it counts that do not follow it (+K), or does not count that do (-K).
 *
 * Without @OFFSET a message is what follows the number, and a reply gets a number of its own. With
 * it, a message is everything, header and number too, and so must a reply be.
 *
 * Failing: a number below its own K; more than max-message bytes, said before they come; an end of
 * the stream within a message. As a setting: what is not written like that, and what could never
 * work. */
#include "codec/counted.h"
#include "goodtalk.h"

static size_t header_size(const struct framing *framing)
{
    return framing->length.header ? (size_t)framing->length.offset + framing->length.size : 0;
}

/* The largest number that so many bytes can say. */
static uint64_t number_most(unsigned size)
{
    return UINT64_MAX >> (64 - 8 * size);
}

/* ---- the number ---- */

static uint64_t read_number(const uint8_t *bytes, unsigned size, bool little)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < size; i++)
        number = number << 8 | bytes[little ? size - 1 - i : i];
    return number;
}

static void write_number(uint8_t *bytes, unsigned size, bool little, uint64_t number)
{
    for (unsigned i = 0; i < size; i++, number >>= 8)
        bytes[little ? i : size - 1 - i] = (uint8_t)number;
}

static enum frame_result length_scan(const struct framing *framing, struct frame *frame,
                                     struct slice input, enum frame_event event,
                                     struct frame_mark *mark)
{
    (void)frame;
    size_t offset = framing->length.offset;
    unsigned size = framing->length.size;
    int64_t surplus = framing->length.surplus;
    if (input.size < offset + size)
        return counted_wait(input, event);
    struct count count = {.head = framing->length.header ? 0 : size};
    uint64_t number = read_number(input.data + offset, size, framing->length.little);
    if (surplus > 0 && number < (uint64_t)surplus)
        return FRAME_MALFORMED;
    if (__builtin_sub_overflow(number, surplus, &count.body) ||
        __builtin_add_overflow(count.body, header_size(framing), &count.body))
        return FRAME_TOO_LONG;
    return counted_take(framing, input, event, count, mark);
}

static bool length_wrap(const struct framing *framing, struct slice reply, enum frame_reply kind,
                        struct frame_wrapping *wrapping)
{
    (void)kind;
    uint64_t number;
    unsigned size = framing->length.size;
    if (framing->length.header)
        return true;
    if (__builtin_add_overflow(reply.size, framing->length.surplus, &number) ||
        number > number_most(size))
        return false;
    write_number(wrapping->head, size, framing->length.little, number);
    wrapping->head_size = size;
    return true;
}

/* ---- the parameter ---- */

struct written {
    uint64_t size;
    uint64_t offset;
    uint64_t surplus; /* K */
    bool little;
    bool header;   /* @OFFSET is there */
    bool negative; /* -K */
};

/* Read digits at *text, at least one, and move *text behind them. What is too large for any use is
 * UINT64_MAX. */
static bool read_digits(const char **text, uint64_t *number)
{
    if (**text < '0' || **text > '9')
        return false;
    for (*number = 0; **text >= '0' && **text <= '9'; (*text)++) {
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, **text - '0', number))
            *number = UINT64_MAX; /* and stays so */
    }
    return true;
}

/* Skip a word, if it is next. */
static bool skip(const char **text, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(*text, word, length) != 0)
        return false;
    *text += length;
    return true;
}

static bool read_written(const char *text, struct written *written)
{
    if (!read_digits(&text, &written->size))
        return false;
    written->little = skip(&text, "le");
    if (!written->little)
        skip(&text, "be");
    written->header = skip(&text, "@");
    if (written->header && !read_digits(&text, &written->offset))
        return false;
    written->negative = skip(&text, "-");
    if ((written->negative || skip(&text, "+")) && !read_digits(&text, &written->surplus))
        return false;
    return *text == '\0';
}

/* Whether each number is one that can be used. */
static int check_numbers(const struct written *written, struct error *error)
{
    if (written->size < 1 || written->size > 8)
        return error_set(error, GT_WRONG, "the number has 1 to 8 bytes, as in length:4");
    if (written->offset > UINT32_MAX)
        return error_set(error, GT_WRONG,
                         "OFFSET is the bytes before the number, as in length:2@16");
    if (written->surplus > INT64_MAX)
        return error_set(error, GT_WRONG, "K is at most %lld", (long long)INT64_MAX);
    uint64_t most = number_most((unsigned)written->size);
    if (!written->negative && written->surplus > most)
        return error_set(error, GT_WRONG,
                         "the number is at most %llu, and could not count %llu bytes more than "
                         "follow it",
                         (unsigned long long)most, (unsigned long long)written->surplus);
    return GT_DONE;
}

/* Whether the shortest message there can be fits. */
static int check_room(const struct framing *framing, const char *parameter, struct error *error)
{
    int64_t surplus = framing->length.surplus;
    uint64_t least = header_size(framing) + (surplus < 0 ? (uint64_t)-surplus : 0);
    if (least <= framing->max_message)
        return GT_DONE;
    return error_set(error, GT_WRONG,
                     "the shortest message in length:%s has %llu bytes, over --max-message %zu",
                     parameter, (unsigned long long)least, framing->max_message);
}

static int length_configure(struct framing *framing, const char *parameter, struct error *error)
{
    struct written written = {0};
    if (!parameter || !read_written(parameter, &written))
        return error_set(error, GT_WRONG,
                         "length needs how it is written: length:%s, for example length:4, "
                         "length:2le or length:4@1+4",
                         codec_length.parameter);
    if (check_numbers(&written, error) != GT_DONE)
        return GT_WRONG;
    int64_t surplus = (int64_t)written.surplus;
    framing->length.size = (uint8_t)written.size;
    framing->length.little = written.little;
    framing->length.header = written.header;
    framing->length.offset = (uint32_t)written.offset;
    framing->length.surplus = written.negative ? -surplus : surplus;
    return check_room(framing, parameter, error);
}

const struct codec codec_length = {
    .name = "length",
    .parameter = "N[be|le][@OFFSET][+K|-K]",
    .configure = length_configure,
    .scan = length_scan,
    .wrap = length_wrap,
};
