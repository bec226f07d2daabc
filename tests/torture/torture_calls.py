"""Which calls are made to fail, and how: the errors that their manual pages name.

Left out everywhere: errors that are a mistake of the caller and cannot be met by a program that calls
with its own open descriptors and valid memory (EBADF, EFAULT, ENOTSOCK, EINVAL of a wrong argument),
since to survive them would be to hide a bug; they are tried where a sandbox or another kernel may say
the same. Left out of single calls:

  epoll_wait      all but EINTR and what a sandbox says: nothing is documented that can happen
  clock_gettime   documented for wrong clocks and wrong pointers only
  fcntl           F_GETFL and F_GETFD: documented for descriptors that are not open only
  poll            EINTR, ENOMEM
  recv, send, ... ENOMEM of the kernel is met as a connection's failure, like ECONNRESET
"""
import errno as e
from dataclasses import dataclass

# What a process without room, and one that somebody else forbids things, meets.
NO_ROOM = [e.EMFILE, e.ENFILE, e.ENOBUFS, e.ENOMEM]
FILES = [e.EACCES, e.EIO, e.ENOENT, e.ENOMEM, e.EROFS]

CALLS = {
    "accept4": [e.EAGAIN, e.EINTR, e.ECONNABORTED, e.EPERM, e.EPROTO, *NO_ROOM,
                # accept(2): errors of the network that are passed on, to be treated like EAGAIN
                e.ENETDOWN, e.ENOPROTOOPT, e.EHOSTDOWN, e.ENONET, e.EHOSTUNREACH, e.EOPNOTSUPP,
                e.ENETUNREACH],
    "bind": [e.EACCES, e.EADDRINUSE, e.EADDRNOTAVAIL, e.ELOOP, e.ENOENT, e.ENOMEM, e.ENOTDIR,
             e.EROFS],
    "chmod": FILES,
    "close": [e.EINTR, e.EIO, e.ENOSPC, e.EDQUOT],
    "complain": [e.EAGAIN, e.EINTR, e.EIO, e.ENOSPC, e.EPIPE],  # write, to standard error
    "connect": [e.EACCES, e.EAGAIN, e.ECONNREFUSED, e.EINTR, e.EPERM, e.ETIMEDOUT],
    "epoll_create1": [e.EMFILE, e.ENFILE, e.ENOMEM],
    "epoll_ctl": [e.ENOMEM, e.ENOSPC, e.EPERM],
    "epoll_wait": [e.EINTR, e.EPERM, e.ENOSYS],
    "eventfd": [e.EMFILE, e.ENFILE, e.ENODEV, e.ENOMEM],
    "fchmod": FILES,
    "flock": [e.EINTR, e.ENOLCK, e.EWOULDBLOCK],
    "fstat": [e.EIO, e.ENOMEM, e.EOVERFLOW],
    "getrandom": [e.EAGAIN, e.EINTR, e.ENOSYS],
    "getrlimit": [e.EPERM],
    "getsockname": [e.ENOBUFS],
    "getsockopt": [e.ENOPROTOOPT],
    "ioctl": [e.ENOTTY],
    "listen": [e.EADDRINUSE, e.EOPNOTSUPP],
    "lstat": [e.EACCES, e.ELOOP, e.ENOMEM, e.ENOENT],
    "mkostemp": [e.EACCES, e.EEXIST, e.EMFILE, e.ENOSPC, e.EROFS],
    "open": [e.EACCES, e.EINTR, e.ENOENT, e.ENXIO, *NO_ROOM],
    "poll": [e.EINTR, e.ENOMEM],
    "pthread_create": [e.EAGAIN, e.EPERM],
    "recv": [e.EAGAIN, e.EINTR, e.ECONNREFUSED, e.ECONNRESET, e.ENOMEM, e.ETIMEDOUT],
    "recvmmsg": [e.EAGAIN, e.EINTR, e.ECONNREFUSED, e.ENOMEM],
    "rename": [e.EACCES, e.ENOSPC, e.EROFS],
    "send": [e.EAGAIN, e.EINTR, e.EACCES, e.ECONNRESET, e.ENOBUFS, e.ENOMEM, e.EPIPE,
             e.EHOSTUNREACH, e.ETIMEDOUT],
    "sendmmsg": [e.EAGAIN, e.EINTR, e.EACCES, e.ENOBUFS, e.ENOMEM, e.EMSGSIZE, e.EPERM,
                 e.ECONNREFUSED],
    "setrlimit": [e.EPERM],
    "setsockopt": [e.ENOPROTOOPT, e.ENOMEM, e.EPERM],
    "shutdown": [e.ENOTCONN],
    "socket": [e.EACCES, e.EAFNOSUPPORT, e.EPROTONOSUPPORT, *NO_ROOM],
    "unlink": [e.EACCES, e.EBUSY, e.ENOENT, e.EROFS],
    "wake": [e.EINTR],  # write, to an event descriptor
    "write": [e.EAGAIN, e.EINTR, e.EDQUOT, e.EFBIG, e.EIO, e.ENOSPC, e.EPIPE],
}

# Never the end of a server, nor of a connection: whoever is told so tries again, or does without.
TRANSIENT = {
    "accept4": set(CALLS["accept4"]),
    "complain": set(CALLS["complain"]),
    "epoll_wait": {e.EINTR},
    "poll": set(CALLS["poll"]),
    "recv": {e.EAGAIN, e.EINTR},
    "recvmmsg": set(CALLS["recvmmsg"]),
    "send": {e.EAGAIN, e.EINTR},
    "sendmmsg": {e.EAGAIN, e.EINTR},
    "write": {e.EAGAIN, e.EINTR},
    "wake": {e.EINTR},
    "getrandom": set(CALLS["getrandom"]),
    "flock": set(CALLS["flock"]),
    "getrlimit": set(CALLS["getrlimit"]),
    "setrlimit": set(CALLS["setrlimit"]),
}

# What goes on failing for so many calls (0: for ever). An accept that fails pauses its listener for
# 100 ms; but one whose connection has died in the queue asks for the next, up to 64 times.
LASTING = {
    "accept4": [(e.EMFILE, 3), (e.ENOMEM, 2), (e.EPERM, 150), (e.ECONNABORTED, 150)],
    "close": [(e.EIO, 0)],
    "complain": [(e.EIO, 0)],
    "epoll_ctl": [(e.ENOSPC, 3)],
    "epoll_wait": [(e.EPERM, 0)],
    "recv": [(e.ENOMEM, 3), (e.EINTR, 9)],
    "recvmmsg": [(e.ENOMEM, 3), (e.EINTR, 9)],
    "send": [(e.ENOBUFS, 3), (e.EINTR, 9)],
    "sendmmsg": [(e.ENOBUFS, 3)],
    "write": [(e.ENOSPC, 0), (e.EPIPE, 0), (e.EINTR, 9)],
}


@dataclass(frozen=True)
class Failure:
    """So many calls of a name fail, from the first one on."""

    call: str
    number: int
    first: int
    count: int = 1

    def __str__(self):
        more = "" if self.count == 1 else f"x{self.count or 'all'}"
        return f"{self.call}-{e.errorcode[self.number]}-{self.first}{more}"

    @property
    def plan(self):
        return f"{self.call}:{self.number}:{self.first}:{self.count}"

    @property
    def transient(self):
        return self.count > 0 and self.number in TRANSIENT.get(self.call, ())


def failures(counts):
    """Every failure of calls that were called so often."""
    for call, numbers in CALLS.items():
        for first in range(1, counts.get(call, 0) + 1):
            yield from (Failure(call, number, first) for number in numbers)
            yield from (Failure(call, number, first, count)
                        for number, count in LASTING.get(call, ()))
