/* socket_unix.c: Unix sockets, of streams, packets and datagrams, and the files that stand for
 * them.
 *
 * The happy path: the directory is locked, nothing stands at the path, the socket is bound there,
 * its file gets its owner and mode, and only then it listens: before that nobody can connect,
 * whatever the file's mode says, and the mode is never wider than it will be. A datagram socket can
 * be sent to as soon as it is bound: where its file is to get another owner it has no mode until
 * then.
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

#include "base/place.h"
#include "guard/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES   100
#define LOCK_WAIT_NS 10000000
#define BIND_TRIES   8

/* A Unix socket being opened. */
struct opening {
    const char *path;
    int type;
    const struct settings *settings;
    struct listening_socket *socket;
    struct error *error;
    char shown[SOCKET_NAME_SIZE]; /* "unix:PATH", escaped */
};

static int new_socket(int type)
{
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
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
    char directory[sizeof(((struct listening_socket *)0)->path) + 1] = ".";
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
    struct place place = place_of_unix(path);
    int fd = new_socket(SOCK_STREAM);
    if (fd < 0)
        return -fd;
    int number = connect(fd, &place.any, place.size) < 0 ? errno : 0;
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
    case EPROTOTYPE: /* alive, of packets or datagrams */
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

/* Which file is ours, to remove it at the end. */
static void remember_file(const struct opening *opening, const struct stat *made)
{
    struct listening_socket *socket = opening->socket;
    memcpy(socket->path, opening->path, strlen(opening->path) + 1);
    socket->device = made->st_dev;
    socket->inode = made->st_ino;
}

/* It was bound, and cannot be opened (no descriptor is left, say): what stands at the path is to go
 * again. */
static int fail_to_settle(const struct opening *opening, int number)
{
    struct stat made;
    if (lstat(opening->path, &made) == 0)
        remember_file(opening, &made);
    return -number;
}

/* Remember the file of a socket that has just been bound, and make it what it shall be: 0 or
 * -errno. */
static int settle_file(const struct opening *opening)
{
    struct stat made;
    int file = open(opening->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return fail_to_settle(opening, errno);
    int result = fstat(file, &made) < 0 ? fail_to_settle(opening, errno) : 0;
    if (result == 0 && !S_ISSOCK(made.st_mode))
        result = -EADDRINUSE;
    if (result == 0) {
        remember_file(opening, &made);
        result = dress_file(file, opening->settings, made.st_mode);
    }
    close(file);
    return result;
}

/* The file that bind makes gets the socket's mode, less the umask: 0 or -errno. */
static int set_first_mode(const struct opening *opening, int fd)
{
    const struct settings *settings = opening->settings;
    bool to_be_given = settings->socket_uid != (uid_t)-1 || settings->socket_gid != (gid_t)-1;
    mode_t mode = opening->type == SOCK_DGRAM && to_be_given ? 0 : (mode_t)settings->socket_mode;
    return fchmod(fd, mode) < 0 ? -errno : 0;
}

/* Bind to the path, and where there are connections listen: 0 or -errno. */
static int listen_at(struct opening *opening, int fd)
{
    bool abstract = opening->path[0] == '@';
    struct place place = place_of_unix(opening->path);
    int result = socket_tune(fd, AF_UNIX, opening->type, opening->settings);
    if (result == 0 && !abstract)
        result = set_first_mode(opening, fd);
    if (result == 0 && bind(fd, &place.any, place.size) < 0)
        result = -errno;
    if (result < 0)
        return result;
    if (!abstract)
        result = settle_file(opening);
    if (result == 0 && opening->type != SOCK_DGRAM && listen(fd, (int)opening->settings->backlog))
        result = -errno;
    if (result < 0)
        socket_remove_file(opening->socket);
    return result;
}

static int open_once(struct opening *opening)
{
    struct listening_socket *socket = opening->socket;
    *socket = (struct listening_socket){
        .fd = new_socket(opening->type), .type = opening->type, .family = AF_UNIX};
    if (socket->fd < 0)
        return socket->fd;
    int result = listen_at(opening, socket->fd);
    if (result < 0)
        close(socket->fd);
    return result;
}

static int open_abstract(struct opening *opening)
{
    int result = open_once(opening);
    if (result == -EADDRINUSE)
        return fail_taken(opening);
    return result < 0 ? fail(opening, -result) : GT_DONE;
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
        result = open_once(opening);
    }
    if (status == GT_DONE && result < 0)
        status = fail(opening, -result);
    if (lock >= 0)
        close(lock);
    return status;
}

static int type_of(const struct address *address)
{
    switch (address->kind) {
    case ADDRESS_UNIXGRAM:
        return SOCK_DGRAM;
    case ADDRESS_UNIXPACKET:
        return SOCK_SEQPACKET;
    default:
        return SOCK_STREAM;
    }
}

int socket_open_unix(const struct address *address, const struct settings *settings,
                     struct listening_socket *socket, struct error *error)
{
    struct opening opening = {.path = address->path,
                              .type = type_of(address),
                              .settings = settings,
                              .socket = socket,
                              .error = error};
    socket_write_unix_name(opening.shown, sizeof(opening.shown), opening.type,
                           slice_of_text(address->path));
    int status = address->path[0] == '@' ? open_abstract(&opening) : open_path(&opening);
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
