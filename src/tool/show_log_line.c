/* show_log_line.c: each member that is known is read by a row of a table, and is right when written
 * anew it would be the same.
 *
 * Wrong: what is no JSON object; a member that is missing, there twice, or not as it is written. */
#include "tool/show_log_line.h"

#include "base/message.h"
#include "record/record.h"
#include "tool/show_json.h"
#include "tool/show_time.h"

#include <inttypes.h>
#include <stdio.h>

/* A line being read. */
struct reading {
    struct show_log_line *line;
    struct show_json json;
    struct message *message;
    int64_t size;
    unsigned seen; /* bits: which rows */
};

/* The content as a C string; it holds no NUL. */
static const char *as_text(struct reading *reading, struct bytes *bytes)
{
    struct slice content = bytes_slice(bytes);
    if (content.size > 0 && memchr(content.data, 0, content.size))
        return NULL;
    if (bytes_append(bytes, slice_of("", 1)) < 0) {
        reading->json.no_memory = true;
        return NULL;
    }
    return (const char *)bytes_slice(bytes).data;
}

static const char *read_words(struct reading *reading)
{
    struct bytes *words = &reading->line->words;
    return show_json_string(&reading->json, words) ? as_text(reading, words) : NULL;
}

static bool read_id(struct reading *reading)
{
    struct message *message = reading->message;
    char same[MESSAGE_ID_SIZE];
    const char *text = read_words(reading);
    return text && sscanf(text, "%10u-%20" SCNu64, &message->worker, &message->sequence) == 2 &&
           strcmp(message_id(message->worker, message->sequence, same), text) == 0;
}

static bool read_time(struct reading *reading)
{
    char same[MESSAGE_TIME_SIZE];
    const char *text = read_words(reading);
    return text && show_time_parse(text, 0, &reading->message->time_us) &&
           strcmp(message_time(reading->message->time_us, same), text) == 0;
}

static bool read_listener(struct reading *reading)
{
    struct bytes *listener = &reading->line->listener;
    if (!show_json_string(&reading->json, listener))
        return false;
    reading->message->listener = as_text(reading, listener);
    return reading->message->listener != NULL;
}

static bool read_peer(struct reading *reading)
{
    const char *text = read_words(reading);
    return text && peer_parse(&reading->line->peer, text);
}

static bool read_size(struct reading *reading)
{
    return show_json_count(&reading->json, &reading->size);
}

static bool read_text(struct reading *reading)
{
    return show_json_string(&reading->json, &reading->line->body);
}

static bool read_base64(struct reading *reading)
{
    struct bytes *words = &reading->line->words;
    bytes_clear(&reading->line->body);
    return show_json_string(&reading->json, words) &&
           show_base64_read(&reading->line->body, bytes_slice(words), &reading->json.no_memory);
}

/* text and base64 are one member: the body. */
enum { ID, TIME, LISTENER, PEER, SIZE, BODY, ROWS };

static const struct {
    const char *name;
    unsigned bit;
    bool (*read)(struct reading *reading);
} rows[] = {
    {"id", ID, read_id},           {"time", TIME, read_time}, {"listener", LISTENER, read_listener},
    {"peer", PEER, read_peer},     {"size", SIZE, read_size}, {"text", BODY, read_text},
    {"base64", BODY, read_base64},
};

static bool read_member(struct reading *reading)
{
    struct bytes *words = &reading->line->words;
    if (!show_json_string(&reading->json, words) || !show_json_sign(&reading->json, ':'))
        return false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!slice_equal(bytes_slice(words), slice_of_text(rows[i].name)))
            continue;
        bool twice = reading->seen & 1u << rows[i].bit;
        reading->seen |= 1u << rows[i].bit;
        return !twice && rows[i].read(reading);
    }
    return show_json_skip(&reading->json);
}

static bool read_object(struct reading *reading)
{
    struct show_json *json = &reading->json;
    if (!show_json_sign(json, '{'))
        return false;
    do {
        if (!read_member(reading))
            return false;
    } while (show_json_sign(json, ','));
    return show_json_sign(json, '}') && !show_json_peek(json, ' ') && json->rest.size == 0 &&
           reading->seen == (1u << ROWS) - 1;
}

enum show_log_result show_log_line_read(struct show_log_line *line, struct slice text,
                                        struct message *message)
{
    struct reading reading = {.line = line, .json = {.rest = text}, .message = message};
    *message = (struct message){0};
    if (!read_object(&reading))
        return reading.json.no_memory ? SHOW_LOG_NO_MEMORY : SHOW_LOG_WRONG;
    message->body = message->raw = bytes_slice(&line->body);
    message->peer = &line->peer;
    return (uint64_t)reading.size == message->body.size ? SHOW_LOG_MESSAGE : SHOW_LOG_WRONG;
}

void show_log_line_free(struct show_log_line *line)
{
    bytes_free(&line->listener);
    bytes_free(&line->body);
    bytes_free(&line->words);
}
