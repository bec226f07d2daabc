/* Whatever a line of a log holds, it is a message or it is none; a message, written again, is read
 * back as the same. And whatever the words, a moment and a peer are read or refused. */
#include "logarithms.h"
#include "tool/show_log_line.h"

#include "record/record.h"
#include "tool/show_filter.h"
#include "tool/show_time.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_line(struct slice text)
{
    struct show_log_line line = {0};
    struct show_log_line again = {0};
    struct message message;
    struct message same;
    struct bytes written = {0};
    if (show_log_line_read(&line, text, &message) == SHOW_LOG_MESSAGE) {
        require(show_message(&written, SHOW_JSON, &message) == 0);
        struct slice json = bytes_slice(&written);
        require(slice_ends_with(json, '\n'));
        json.size--;
        require(show_log_line_read(&again, json, &same) == SHOW_LOG_MESSAGE);
        require(slice_equal(message.body, same.body) && message.time_us == same.time_us &&
                message.sequence == same.sequence && strcmp(message.listener, same.listener) == 0);
    }
    bytes_free(&written);
    show_log_line_free(&line);
    show_log_line_free(&again);
}

static void check_words(const char *text)
{
    int64_t time_us;
    struct show_peer wanted;
    struct peer peer = {.kind = PEER_IPV6};
    char words[SHOW_TIME_SIZE];
    if (show_time_parse(text, INT64_C(1769860800000000), &time_us))
        show_time_words(time_us, words);
    if (show_peer_parse(&wanted, text))
        show_peer_matches(&wanted, &peer);
    show_filter_listener(text, "tcp:[::]:9999");
    peer_parse(&peer, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check_line(slice_of(data, size));
    check_words(text);
    free(text);
    return 0;
}
