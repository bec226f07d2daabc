/* name.c: every message holds a name, "c7.m3 ": its client's number and its own. */
#include "scenario.h"

#include <stdio.h>

struct slice name_write(char name[NAME_SIZE], unsigned client, unsigned message)
{
    int length = snprintf(name, NAME_SIZE, "c%u.m%u ", client, message);
    return slice_of(name, (size_t)length);
}

static bool read_number(struct slice *text, char before, char after, unsigned *number)
{
    if (text->size < 3 || text->data[0] != before)
        return false;
    size_t at = 1;
    *number = 0;
    for (; at < text->size && at < 6 && text->data[at] >= '0' && text->data[at] <= '9'; at++)
        *number = *number * 10 + text->data[at] - '0';
    if (at == 1 || at == text->size || text->data[at] != after)
        return false;
    *text = slice_after(*text, at + 1);
    return true;
}

bool name_find(struct slice text, unsigned *client, unsigned *message)
{
    for (size_t at = 0; at < text.size; at++) {
        struct slice rest = slice_after(text, at);
        if (read_number(&rest, 'c', '.', client) && read_number(&rest, 'm', ' ', message))
            return true;
    }
    return false;
}
