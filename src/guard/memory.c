/* memory.c: the limits of memory, of which the smallest counts.
 *
 * Control groups: /proc/self/cgroup names the group of this process, which has a limit of its own,
 * as has each one above it. In a container the name may be that of another world, and the
 * container's own limit stands at the top. What cannot be read limits nothing. */
#include "guard/memory.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void consider(struct memory_limit *least, int64_t bytes, const char *what)
{
    if (bytes > 0 && bytes < least->bytes)
        *least = (struct memory_limit){bytes, what};
}

static void consider_resource(struct memory_limit *least, int resource, const char *what)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) == 0 && limit.rlim_cur < INT64_MAX)
        consider(least, (int64_t)limit.rlim_cur, what);
}

/* ---- control groups ---- */

/* The number that a file holds; "max", or no file, is none. */
static void consider_file(struct memory_limit *least, const char *path)
{
    long long bytes;
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    if (fscanf(file, "%lld", &bytes) == 1)
        consider(least, bytes, "the control group's limit of memory");
    fclose(file);
}

/* A group and all above it; group begins with a slash and is used up. */
static void consider_group(struct memory_limit *least, const char *tree, char *group,
                           const char *file)
{
    char path[PATH_MAX];
    for (char *end = group + strlen(group); end; end = strrchr(group, '/')) {
        *end = '\0';
        if (snprintf(path, sizeof path, "%s%s/%s", tree, group, file) < (int)sizeof path)
            consider_file(least, path);
    }
}

/* Whether "memory" is among the names of a list like "cpu,memory". */
static bool names_memory(const char *list, size_t length)
{
    static const char name[] = "memory";
    const char *found = memmem(list, length, name, sizeof name - 1);
    return found != NULL;
}

/* "0::/group", or of the older kind "4:memory:/group". */
static void consider_line(struct memory_limit *least, const char *root, char *line)
{
    char tree[PATH_MAX];
    char *list = strchr(line, ':');
    char *group = list ? strchr(list + 1, ':') : NULL;
    if (!group)
        return;
    size_t length = (size_t)(group++ - ++list);
    group[strcspn(group, "\n")] = '\0';
    bool old = names_memory(list, length);
    if (!old && length > 0)
        return;
    snprintf(tree, sizeof tree, "%s/sys/fs/cgroup%s", root, old ? "/memory" : "");
    consider_group(least, tree, group, old ? "memory.limit_in_bytes" : "memory.max");
}

static void consider_groups(struct memory_limit *least, const char *root)
{
    char line[PATH_MAX];
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *file = fopen(line, "re");
    while (file && fgets(line, sizeof line, file))
        consider_line(least, root, line);
    if (file)
        fclose(file);
}

struct memory_limit memory_allowed(const char *root)
{
    struct memory_limit least = {INT64_MAX, "nothing"};
    consider(&least, (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE), "physical memory");
    consider_resource(&least, RLIMIT_AS, "the limit of address space, ulimit -v");
    consider_resource(&least, RLIMIT_DATA, "the limit of data, ulimit -d");
    consider_groups(&least, root);
    return least;
}
