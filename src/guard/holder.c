/* holder.c: the system tells which sockets there are (/proc/net/tcp, tcp6, udp, udp6, unix), each
 * with its inode; which process has a descriptor of that inode is found by looking at every process
 * (/proc/PID/fd).
 *
 * Processes of other users cannot be looked into without privileges, nor those outside of a
 * container: then the user is told where it is known, and else that nobody can be seen. The work is
 * bounded: on a machine with very many descriptors nobody may be found. Without /proc nothing is
 * known. */
#include "guard/holder.h"

#include "base/escape.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUSPECTS_MAX 16
#define LINES_MAX    100000
#define LOOKS_MAX    262144 /* descriptors looked at */

#define TCP_LISTENS   0x0a    /* a state */
#define UNIX_ACCEPTS  0x10000 /* a flag */
#define UNIX_DATAGRAM 2       /* a type: has no listening state */

/* A socket in question. */
struct suspect {
    unsigned long inode;
    bool relative; /* bound by a relative path: in which directory, only its process knows */
};

struct search {
    struct suspect suspects[SUSPECTS_MAX];
    unsigned count;
    long uid;           /* of one of them, or -1 */
    const char *wanted; /* the Unix socket's name, or NULL */
    int looks;          /* descriptors that may still be looked at */
    unsigned processes; /* holders found */
    pid_t first;        /* of them, the one with the lowest number */
    bool ourselves;     /* this process is one */
};

static void add_suspect(struct search *search, unsigned long inode, bool relative)
{
    if (inode != 0 && search->count < SUSPECTS_MAX)
        search->suspects[search->count++] = (struct suspect){inode, relative};
}

static bool same_file(const char *one, const char *other)
{
    struct stat a, b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* ---- processes ---- */

/* The suspect that a descriptor's link names, or NULL. */
static const struct suspect *find_suspect(const struct search *search, const char *link)
{
    unsigned long inode;
    if (sscanf(link, "socket:[%lu]", &inode) != 1)
        return NULL;
    for (unsigned i = 0; i < search->count; i++)
        if (search->suspects[i].inode == inode)
            return &search->suspects[i];
    return NULL;
}

/* The suspect that a process (a directory of /proc) has a descriptor of, or NULL. */
static const struct suspect *held_suspect(struct search *search, const char *process)
{
    char path[64], link[64];
    snprintf(path, sizeof(path), "/proc/%.20s/fd", process);
    DIR *directory = opendir(path);
    const struct dirent *entry;
    const struct suspect *found = NULL;
    while (directory && !found && search->looks > 0 && (entry = readdir(directory))) {
        ssize_t length = readlinkat(dirfd(directory), entry->d_name, link, sizeof(link) - 1);
        search->looks--;
        link[length > 0 ? length : 0] = '\0';
        found = find_suspect(search, link);
    }
    if (directory)
        closedir(directory);
    return found;
}

/* Two processes may have bound the same relative path in different directories. */
static bool is_wanted(const struct search *search, const struct suspect *suspect,
                      const char *process)
{
    char path[256];
    if (!suspect->relative)
        return true;
    snprintf(path, sizeof(path), "/proc/%.20s/cwd/%s", process, search->wanted);
    return same_file(path, search->wanted);
}

static void look_into(struct search *search, const char *process)
{
    pid_t pid = (pid_t)strtol(process, NULL, 10);
    const struct suspect *suspect = pid > 0 ? held_suspect(search, process) : NULL;
    if (!suspect || !is_wanted(search, suspect, process))
        return;
    search->processes++;
    if (pid == getpid())
        search->ourselves = true;
    if (search->first == 0 || pid < search->first)
        search->first = pid;
}

static void find_processes(struct search *search)
{
    DIR *directory = opendir("/proc");
    const struct dirent *entry;
    search->looks = LOOKS_MAX;
    while (directory && search->looks > 0 && (entry = readdir(directory)))
        look_into(search, entry->d_name);
    if (directory)
        closedir(directory);
}

/* ---- the answer ---- */

/* The name of a process, escaped; "?" where it has gone meanwhile. */
static void process_name(pid_t pid, char *name, size_t size)
{
    char path[64], line[64];
    snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(line, 1, sizeof(line), file) : 0;
    if (file)
        fclose(file);
    if (length > 0 && line[length - 1] == '\n')
        length--;
    if (length > 0)
        escape_string(name, size, slice_of(line, length));
    else
        snprintf(name, size, "?");
}

static void write_unseen(const struct search *search, char *text, size_t size)
{
    if (search->uid >= 0 && (uid_t)search->uid != geteuid())
        snprintf(text, size, "a process of another user (uid %ld)", search->uid);
    else
        snprintf(text, size, "a process that cannot be seen from here");
}

static bool answer(struct search *search, char *text, size_t size)
{
    char name[80];
    if (search->count == 0)
        return false;
    find_processes(search);
    if (search->processes == 0) {
        write_unseen(search, text, size);
        return true;
    }
    process_name(search->first, name, sizeof(name));
    if (search->ourselves)
        snprintf(text, size, "this process");
    else if (search->processes == 1)
        snprintf(text, size, "%s (pid %ld)", name, (long)search->first);
    else
        snprintf(text, size, "several processes, among them %s (pid %ld)", name,
                 (long)search->first);
    return true;
}

/* ---- sockets ---- */

/* Hand the lines of a table in /proc to see, its heading too. */
static void read_table(const char *path, struct search *search, const void *wanted,
                       void (*see)(struct search *search, char *line, const void *wanted))
{
    char line[512];
    FILE *file = fopen(path, "re");
    for (int lines = 0; file && lines < LINES_MAX && fgets(line, sizeof(line), file); lines++)
        see(search, line, wanted);
    if (file)
        fclose(file);
}

/* The sockets wanted of a table of ports. */
struct wanted_port {
    uint16_t port;
    bool listening; /* only those that listen: TCP */
};

/* "sl local_address rem_address st queues timer retransmits uid timeout inode" */
static void see_port(struct search *search, char *line, const void *wanted)
{
    unsigned port, state;
    long uid;
    unsigned long inode;
    const struct wanted_port *want = wanted;
    if (sscanf(line, "%*s %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %ld %*s %lu", &port, &state, &uid,
               &inode) != 4 ||
        (want->listening && state != TCP_LISTENS) || port != want->port)
        return;
    add_suspect(search, inode, false);
    search->uid = uid;
}

bool holder_of_port(int type, uint16_t port, char *text, size_t size)
{
    struct search search = {.uid = -1};
    struct wanted_port wanted = {.port = port, .listening = type == SOCK_STREAM};
    *text = '\0';
    read_table(wanted.listening ? "/proc/net/tcp" : "/proc/net/udp", &search, &wanted, see_port);
    read_table(wanted.listening ? "/proc/net/tcp6" : "/proc/net/udp6", &search, &wanted, see_port);
    return answer(&search, text, size);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Whether a listed socket is the one wanted: the same name, or another name of the same file. */
static bool same_socket(const char *listed, const char *wanted)
{
    if (strcmp(listed, wanted) == 0)
        return true;
    return listed[0] == '/' && wanted[0] != '@' &&
           strcmp(last_part(listed), last_part(wanted)) == 0 && same_file(listed, wanted);
}

/* "Num RefCount Protocol Flags Type St Inode Path" */
static void see_unix(struct search *search, char *line, const void *wanted)
{
    unsigned long flags, inode;
    unsigned type;
    int path = 0;
    if (sscanf(line, "%*s %*s %*s %lx %x %*s %lu %n", &flags, &type, &inode, &path) != 3 || !path)
        return;
    line[path + (int)strcspn(line + path, "\n")] = '\0';
    if (((flags & UNIX_ACCEPTS) || type == UNIX_DATAGRAM) && same_socket(line + path, wanted))
        add_suspect(search, inode, line[path] != '/' && line[path] != '@');
}

bool holder_of_unix(const char *name, char *text, size_t size)
{
    struct search search = {.uid = -1, .wanted = name};
    *text = '\0';
    read_table("/proc/net/unix", &search, name, see_unix);
    return answer(&search, text, size);
}
