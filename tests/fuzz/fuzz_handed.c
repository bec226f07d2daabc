/* Whatever LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES say: descriptors that were handed in under
 * that name, or one sentence that is fit for a terminal.
 *
 * The input: [0] which of the three are set, and whether the first is this process's number; then
 * the three and the name that is asked for, with NULs between. */
#include "fuzz.h"
#include "guard/handed.h"

#include <fcntl.h>
#include <goodtalk.h>
#include <stdio.h>
#include <unistd.h>

enum { PID_SET = 1, PID_OURS = 2, COUNT_SET = 4, NAMES_SET = 8 };

#define OPEN_UNTIL 20 /* descriptors that are open in any case */
#define MOST       8

static void set(const char *variable, const char *value, bool is_set)
{
    require((is_set ? setenv(variable, value, 1) : unsetenv(variable)) == 0);
}

static void open_descriptors(void)
{
    static bool opened;
    while (!opened)
        opened = open("/dev/null", O_RDONLY | O_CLOEXEC) >= OPEN_UNTIL;
}

/* Each is one of those handed in, none twice, and has the name. */
static void check_found(const int *found, unsigned count, const char *names, const char *name)
{
    require(count >= 1 && count <= MOST);
    for (unsigned i = 0; i < count; i++) {
        require(found[i] >= 3 && (i == 0 || found[i] > found[i - 1]));
        struct slice rest = slice_of_text(names ? names : "");
        struct slice own = slice_of_text("unknown");
        for (int fd = 3; names && fd <= found[i]; fd++)
            own = next_word(&rest, ':');
        require(!*name || slice_equal(own, slice_of_text(name)));
    }
}

static void check(const char *names, const char *name)
{
    int found[MOST];
    unsigned count = 0;
    struct error error = {0};
    if (handed_find(name, found, MOST, &count, &error) == GT_DONE)
        check_found(found, count, names, name);
    else
        require_sentence(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    char pid[16];
    uint8_t flags = next_byte(&input);
    char *texts[4];
    for (int i = 0; i < 4; i++)
        texts[i] = text_of(next_word(&input, 0));
    open_descriptors();
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    set("LISTEN_PID", flags & PID_OURS ? pid : texts[0], flags & PID_SET);
    set("LISTEN_FDS", texts[1], flags & COUNT_SET);
    set("LISTEN_FDNAMES", texts[2], flags & NAMES_SET);
    check(flags & NAMES_SET ? texts[2] : NULL, texts[3]);
    for (int i = 0; i < 4; i++)
        free(texts[i]);
    return 0;
}
