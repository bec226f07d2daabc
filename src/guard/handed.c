/* handed.c: LISTEN_PID says for whom descriptors are, LISTEN_FDS how many there are, from 3 on, and
 * LISTEN_FDNAMES how they are called, with colons between; without it each is "unknown".
 *
 * What the environment says is checked before it is believed. Failing: a variable is missing (there
 * is no service manager), the descriptors are another process's (a shell stands between), a number
 * is none, there are fewer or more names than descriptors, a descriptor is not open; and there is
 * nothing by the name that is asked for. */
#include "guard/handed.h"

#include "base/escape.h"
#include "base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_DESCRIPTOR 3

/* More than any process can have open. */
#define DESCRIPTORS_MOST (1 << 20)

/* What was handed in. */
struct handed {
    unsigned count;
    const char *names; /* with colons between; NULL: they have none */
};

/* "LISTEN_PID is 'x'": what it is, fit for a sentence. */
static int refuse(struct error *error, const char *variable, const char *why)
{
    char shown[128];
    escape_string(shown, sizeof(shown), slice_of_text(getenv(variable)));
    return error_set(error, GT_FAILED, "%s is '%s': %s", variable, shown, why);
}

/* A variable that holds a number from 0 to most: GT_DONE or the reason. */
static int read_number(const char *variable, int64_t most, int64_t *number, struct error *error)
{
    const char *text = getenv(variable);
    if (!text)
        return error_set(error, GT_FAILED,
                         "%s is not set: no service manager has handed in sockets; a .socket unit "
                         "does, and systemd-socket-activate to try it",
                         variable);
    if (!units_count(text, most, number))
        return refuse(error, variable, "not a number as sd_listen_fds(3) has it");
    return GT_DONE;
}

static int check_process(struct error *error)
{
    int64_t pid = 0;
    int status = read_number("LISTEN_PID", INT32_MAX, &pid, error);
    if (status != GT_DONE || pid == getpid())
        return status;
    return error_set(error, GT_FAILED,
                     "LISTEN_PID is %lld, and this is process %lld: the sockets are another's; "
                     "start goodtalk itself, or with exec from a shell",
                     (long long)pid, (long long)getpid());
}

static unsigned count_names(const char *names)
{
    unsigned count = 1;
    for (; *names; names++)
        count += *names == ':';
    return count;
}

static int check_names(const struct handed *handed, struct error *error)
{
    if (!handed->names)
        return GT_DONE;
    /* No descriptors, no names: the empty list is not one empty name. */
    unsigned names = *handed->names || handed->count > 0 ? count_names(handed->names) : 0;
    if (names == handed->count)
        return GT_DONE;
    return error_set(error, GT_FAILED, "LISTEN_FDNAMES has %u name%s for %u socket%s", names,
                     names == 1 ? "" : "s", handed->count, handed->count == 1 ? "" : "s");
}

static int check_descriptors(const struct handed *handed, struct error *error)
{
    for (int fd = FIRST_DESCRIPTOR; fd < FIRST_DESCRIPTOR + (int)handed->count; fd++)
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
            return error_errno(error, errno, "LISTEN_FDS is %u, but descriptor %d is not usable",
                               handed->count, fd);
    return GT_DONE;
}

/* What the environment says: GT_DONE with at least one descriptor, all of them open. */
static int read_environment(struct handed *handed, struct error *error)
{
    int64_t count = 0;
    int status = check_process(error);
    if (status == GT_DONE)
        status = read_number("LISTEN_FDS", DESCRIPTORS_MOST, &count, error);
    if (status != GT_DONE)
        return status;
    handed->count = (unsigned)count;
    handed->names = getenv("LISTEN_FDNAMES");
    if (count == 0)
        return refuse(error, "LISTEN_FDS", "no socket was handed in");
    status = check_names(handed, error);
    return status == GT_DONE ? check_descriptors(handed, error) : status;
}

/* The name of the next descriptor; *names moves on behind it. */
static struct slice next_name(const char **names)
{
    if (!*names)
        return slice_of_text("unknown");
    struct slice name = slice_of(*names, strcspn(*names, ":"));
    *names += name.size + ((*names)[name.size] == ':');
    return name;
}

/* "no socket is called web; there are 'http' and 'unknown'", each name once. */
static int fail_unnamed(const struct handed *handed, const char *name, struct error *error)
{
    char shown[128];
    const char *rest = handed->names;
    struct slice before = {NULL, 0};
    escape_string(shown, sizeof(shown), slice_of_text(name));
    error_set(error, GT_FAILED, "no socket is called '%s'; handed in:", shown);
    for (unsigned i = 0; i < handed->count; i++) {
        struct slice next = next_name(&rest);
        escape_string(shown, sizeof(shown), next);
        if (i == 0 || !slice_equal(before, next))
            error_append(error, "%s '%s'", i == 0 ? "" : ",", shown);
        before = next;
    }
    return GT_FAILED;
}

int handed_find(const char *name, int *descriptors, unsigned most, unsigned *count,
                struct error *error)
{
    struct handed handed;
    *count = 0;
    int status = read_environment(&handed, error);
    if (status != GT_DONE)
        return status;
    const char *rest = handed.names;
    for (unsigned i = 0; i < handed.count; i++) {
        struct slice next = next_name(&rest);
        if (*name && !slice_equal(next, slice_of_text(name)))
            continue;
        if (*count == most)
            return error_set(error, GT_FAILED, "more than %u sockets were handed in", most);
        descriptors[(*count)++] = FIRST_DESCRIPTOR + (int)i;
    }
    return *count > 0 ? GT_DONE : fail_unnamed(&handed, name, error);
}
