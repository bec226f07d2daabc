/* Any lines as the tables of sockets in /proc, whose names other processes choose: suspects within
 * their bound, and no harm. The input: what is looked for, with a NUL behind it, then the lines. */
#include "fuzz.h"

#include "guard/holder.c"

static void see_line(struct search *search, struct slice line, const char *wanted)
{
    struct wanted_port port = {.port = 9999, .listening = wanted[0] == 'l'};
    char *text = text_of(line);
    see_port(search, text, &port);
    see_unix(search, text, wanted);
    find_suspect(search, text);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    char *wanted = text_of(next_word(&input, 0));
    struct search search = {.uid = -1, .wanted = wanted};
    while (input.size > 0)
        see_line(&search, next_word(&input, '\n'), wanted);
    require(search.count <= SUSPECTS_MAX);
    for (unsigned i = 0; i < search.count; i++)
        require(search.suspects[i].inode != 0);
    free(wanted);
    return 0;
}
