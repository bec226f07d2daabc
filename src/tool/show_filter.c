/* show_filter.c: what is cheap is asked first. */
#include "tool/show_filter.h"

bool show_filter_listener(const char *wanted, const char *name)
{
    size_t size = strlen(wanted);
    size_t name_size = strlen(name);
    if (size >= name_size)
        return strcmp(wanted, name) == 0;
    const char *end = name + name_size - size;
    return (strncmp(name, wanted, size) == 0 && name[size] == ':') ||
           (strcmp(end, wanted) == 0 && end[-1] == ':');
}

static bool matches(struct show_filter *filter, struct slice body, struct slice *matched)
{
    enum show_matched result = show_match_find(filter->match, body, matched);
    filter->undecided += result == SHOW_UNDECIDED;
    return result == SHOW_MATCHED;
}

bool show_filter_passes(struct show_filter *filter, const struct message *message,
                        struct slice *matched)
{
    *matched = slice_of(message->body.data, 0);
    if (message->time_us < filter->since_us || message->time_us >= filter->until_us)
        return false;
    if (filter->by_peer && !show_peer_matches(&filter->peer, message->peer))
        return false;
    if (filter->listener && !show_filter_listener(filter->listener, message->listener))
        return false;
    return !filter->match || matches(filter, message->body, matched);
}

bool show_filter_is_open(const struct show_filter *filter)
{
    return filter->since_us == INT64_MIN && filter->until_us == INT64_MAX && !filter->by_peer &&
           !filter->listener && !filter->match;
}
