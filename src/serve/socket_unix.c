/* socket_unix.c: listening Unix sockets, and the files that stand for them.
 *
 * The happy path: the directory is locked, nothing stands at the path, the socket is bound there,
 * its file gets its owner and mode, and only then it listens: before that nobody can connect,
 * whatever the file's mode says, and the mode is never wider than it will be.
 *
 * What stands at the path already is looked at without following symbolic links. No socket:
 * refused, and left alone. A socket is asked, by connecting: whoever answers is alive, and named;
 * where nobody does it is stale, left by one who was killed, and is removed, if it is still the
 * same file a moment later.
 *
 * Two starters must not race: one has bound but does not listen yet, the other finds nobody
 * answering, takes its file for stale and removes it. So all this happens while the directory is
 * locked (flock: no lock file is left behind, and the lock ends with the process). Binding under
 * another name and renaming would do too, but then the system would show the other name for ever
 * (ss, getsockname), and nobody would find who holds the socket. A directory that cannot be locked,
 * or is locked by somebody for longer than a second, is used without: then one of two starters
 * might lose its file, as with other servers. A bind that finds the path taken after all looks
 * again, a few times. */
#include "serve/socket_kinds.h"

#include "base/escape.h"
#include "guard/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES   100
#define LOCK_WAIT_NS 10000000
#define BIND_TRIES   8

/* A Unix socket being opened. */
struct opening {
    const char *path;
    const struct settings *settings;
    struct listening_socket *socket;
    struct error *error;
    char shown[SOCKET_NAME_SIZE]; /* "unix:PATH", escaped */
};

/* ---- names ---- */

/* The address of a path or an "@name"; *size counts what is used of it. */
static struct sockaddr_un address_of(const char *path, socklen_t *size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    memcpy(address.sun_path, path, length);
    bool abstract = path[0] == '@';
    if (abstract)
        address.sun_path[0] = '\0';
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
    return address;
}

static void write_name(char *name, size_t size, struct slice path)
{
    snprintf(name, size, "unix:");
    escape_string(name + 5, size - 5, path);
}

int socket_name_unix(struct listening_socket *socket)
{
    struct sockaddr_un address = {0};
    socklen_t size = sizeof(address);
    if (getsockname(socket->fd, (struct sockaddr *)&address, &size) < 0)
        return -errno;
    size_t length = size - offsetof(struct sockaddr_un, sun_path);
    if (length > 0 && address.sun_path[0] == '\0')
        address.sun_path[0] = '@';
    else
        length = strnlen(address.sun_path, length);
    write_name(socket->name, sizeof(socket->name), slice_of(address.sun_path, length));
    return 0;
}

static int new_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

/* ---- what is said when it fails ---- */

static int fail(const struct opening *opening, int number)
{
    return error_errno(opening->error, number, "cannot listen on %s", opening->shown);
}

static int fail_taken(const struct opening *opening)
{
    char holder[160];
    fail(opening, EADDRINUSE);
    if (holder_of_unix(opening->path, holder, sizeof(holder)))
        error_append(opening->error, "; it is held by %s", holder);
    return GT_FAILED;
}

static const char *kind_of_file(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "a regular file";
    case S_IFDIR:
        return "a directory";
    case S_IFLNK:
        return "a symbolic link";
    case S_IFIFO:
        return "a named pipe";
    default:
        return "a device";
    }
}

static int fail_other_file(const struct opening *opening, mode_t mode)
{
    return error_set(opening->error, GT_FAILED,
                     "cannot listen on %s: there is %s in its place; it is left alone",
                     opening->shown, kind_of_file(mode));
}

/* ---- the lock of a directory ---- */

/* A descriptor whose closing ends the lock, or -1: see the top. */
static int lock_directory(const char *path)
{
    char directory[sizeof(((struct address *)0)->path) + 1] = ".";
    const struct timespec moment = {0, LOCK_WAIT_NS};
    const char *slash = strrchr(path, '/');
    if (slash)
        snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path) + 1, path);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int tries = 0; fd >= 0 && tries < LOCK_TRIES; tries++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        if (errno != EWOULDBLOCK && errno != EINTR)
            break;
        nanosleep(&moment, NULL);
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* ---- what stands at the path ---- */

/* Whether somebody answers at a socket file: 0 (somebody does) or the errno of connecting. */
static int knock(const char *path)
{
    socklen_t size;
    struct sockaddr_un address = address_of(path, &size);
    int fd = new_socket();
    if (fd < 0)
        return -fd;
    int number = connect(fd, (struct sockaddr *)&address, size) < 0 ? errno : 0;
    close(fd);
    return number;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Remove a stale socket file, unless another has taken its place since it was looked at. */
static int remove_stale(const struct opening *opening, const struct stat *seen)
{
    struct stat now;
    if (lstat(opening->path, &now) < 0 || !same_file(seen, &now) || unlink(opening->path) == 0)
        return GT_DONE;
    error_errno(opening->error, errno, "cannot listen on %s: cannot remove the stale socket",
                opening->shown);
    return GT_FAILED;
}

/* Make room at the path: GT_DONE where bind may be tried. */
static int clear_place(const struct opening *opening)
{
    struct stat seen;
    if (lstat(opening->path, &seen) < 0)
        return errno == ENOENT ? GT_DONE : fail(opening, errno);
    if (!S_ISSOCK(seen.st_mode))
        return fail_other_file(opening, seen.st_mode);
    int number = knock(opening->path);
    switch (number) {
    case 0:
    case EAGAIN:     /* alive, its queue is full */
    case EPROTOTYPE: /* alive, not a stream socket */
        return fail_taken(opening);
    case ECONNREFUSED:
        return remove_stale(opening, &seen);
    case ENOENT:
        return GT_DONE;
    default:
        fail(opening, number);
        return error_append(opening->error, "; whether the socket there is in use cannot be told");
    }
}

/* ---- opening ---- */

/* Owner and mode, given to the file itself, whatever may stand at the path by now: 0 or -errno. */
static int dress_file(int file, const struct settings *settings, mode_t mode)
{
    char path[64];
    mode_t wanted = (mode_t)settings->socket_mode;
    if ((settings->socket_uid != (uid_t)-1 || settings->socket_gid != (gid_t)-1) &&
        fchownat(file, "", settings->socket_uid, settings->socket_gid, AT_EMPTY_PATH) < 0)
        return -errno;
    if ((mode & 07777) == wanted)
        return 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    return chmod(path, wanted) < 0 ? -errno : 0;
}

/* Remember the file of a socket that has just been bound, and make it what it shall be: 0 or
 * -errno. */
static int settle_file(struct opening *opening)
{
    struct stat made;
    struct listening_socket *socket = opening->socket;
    int file = open(opening->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return -errno;
    int result = fstat(file, &made) < 0 ? -errno : S_ISSOCK(made.st_mode) ? 0 : -EADDRINUSE;
    if (result == 0) {
        memcpy(socket->path, opening->path, strlen(opening->path) + 1);
        socket->device = made.st_dev;
        socket->inode = made.st_ino;
        result = dress_file(file, opening->settings, made.st_mode);
    }
    close(file);
    return result;
}

/* Bind to the path and listen: 0 or -errno. */
static int listen_at(struct opening *opening, int fd, bool abstract)
{
    socklen_t size;
    struct sockaddr_un address = address_of(opening->path, &size);
    /* The file that bind makes gets the socket's mode, less the umask. */
    if (!abstract && fchmod(fd, (mode_t)opening->settings->socket_mode) < 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&address, size) < 0)
        return -errno;
    int result = abstract ? 0 : settle_file(opening);
    if (result == 0 && listen(fd, (int)opening->settings->backlog) < 0)
        result = -errno;
    if (result < 0)
        socket_remove_file(opening->socket);
    return result;
}

static int open_once(struct opening *opening, bool abstract)
{
    struct listening_socket *socket = opening->socket;
    *socket = (struct listening_socket){.fd = new_socket()};
    if (socket->fd < 0)
        return socket->fd;
    int result = listen_at(opening, socket->fd, abstract);
    if (result < 0)
        close(socket->fd);
    return result;
}

static int open_path(struct opening *opening)
{
    int result = -EADDRINUSE;
    int lock = lock_directory(opening->path);
    int status = GT_DONE;
    for (int tries = 0; tries < BIND_TRIES && result == -EADDRINUSE; tries++) {
        status = clear_place(opening);
        if (status != GT_DONE)
            break;
        result = open_once(opening, false);
    }
    if (status == GT_DONE && result < 0)
        status = fail(opening, -result);
    if (lock >= 0)
        close(lock);
    return status;
}

int socket_open_unix(const struct address *address, const struct settings *settings,
                     struct listening_socket *socket, struct error *error)
{
    struct opening opening = {
        .path = address->path, .settings = settings, .socket = socket, .error = error};
    write_name(opening.shown, sizeof(opening.shown), slice_of_text(address->path));
    int status;
    if (address->path[0] == '@') {
        int result = open_once(&opening, true);
        status = result == -EADDRINUSE ? fail_taken(&opening)
                 : result < 0          ? fail(&opening, -result)
                                       : GT_DONE;
    } else {
        status = open_path(&opening);
    }
    if (status == GT_DONE)
        memcpy(socket->name, opening.shown, sizeof(socket->name));
    return status;
}

void socket_remove_file(const struct listening_socket *socket)
{
    struct stat found;
    if (socket->path[0] && lstat(socket->path, &found) == 0 && S_ISSOCK(found.st_mode) &&
        found.st_dev == socket->device && found.st_ino == socket->inode)
        unlink(socket->path);
}
