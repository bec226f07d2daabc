/* shim.h: system calls that fail, are counted, are cut short, or tell another time.
 *
 * A library that is loaded before libc (LD_PRELOAD) and stands between a program and its calls.
 * What a program asks of libc is seen; raw system calls, those of a ring, and what libc does within
 * itself (stdio, the resolver) are not. The environment says what is to happen:
 *
 *   SHIM_FAIL=CALL:ERRNO:FIRST[:COUNT]   the calls FIRST, FIRST + 1, ... of CALL fail with this
 *                                        number, COUNT of them (1; 0: all from there on)
 *   SHIM_CUT=PERCENT:SEED                so many of a hundred reads ask for less, writes take less
 *   SHIM_COUNT=FILE                      how often each was called, a line each, when it ends
 *   SHIM_MOST=N                          so many calls are too many: a program that spins aborts
 *   SHIM_CLOCK=FILE                      eight bytes, seconds by which the wall clock is wrong, as
 *                                        they stand there at the moment
 *
 * What fails does nothing, but close, which closes all the same, as Linux does. EAGAIN, and a
 * transfer that was cut, are made true: the rest is there a moment later, and epoll tells the edge
 * that then comes. */
#ifndef TORTURE_SHIM_H
#define TORTURE_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct epoll_event;
struct timespec;

/* The calls that it knows, by the names of their manual pages; a write to standard error is
 * "complain", so that what fails can still be told, and one to an event descriptor "wake". */
#define SHIM_CALLS(call)                                                                           \
    call(accept4) call(bind) call(chmod) call(clock_gettime) call(close) call(complain)            \
        call(connect) call(epoll_create1) call(epoll_ctl) call(epoll_wait) call(eventfd)           \
            call(fchmod) call(fchownat) call(fcntl) call(fdatasync) call(flock) call(fstat)        \
                call(getpeername) call(getrandom) call(getrlimit) call(getsockname)                \
                    call(getsockopt) call(ioctl) call(listen) call(lstat) call(mkostemp)           \
                        call(open) call(poll) call(pthread_create) call(read) call(recv)           \
                            call(recvmmsg) call(rename) call(send) call(sendmmsg) call(sendto)     \
                                call(setrlimit) call(setsockopt) call(shutdown) call(socket)       \
                                    call(unlink) call(wake) call(write)

#define SHIM_NUMBER(name) CALL_##name,
enum shim_call { SHIM_CALLS(SHIM_NUMBER) SHIM_CALL_COUNT };

/* ---- shim_plan.c: what the environment asks for ---- */

/* Count a call: whether it is to fail, and then errno is set. */
bool shim_refuses(enum shim_call call);

/* How much of size bytes this transfer gets: at least one, all of them when it is not cut. */
size_t shim_share(size_t size);

/* Seconds by which the wall clock is wrong. */
int64_t shim_clock_seconds(void);

/* ---- shim_edges.c: edges that come later ---- */

/* What the program told an epoll about fd; that fd is closed. */
void shim_note_watched(int epoll_fd, int operation, int fd, const struct epoll_event *event);
void shim_note_closed(int fd);

/* fd is an event descriptor; whether it is one. */
void shim_note_event(int fd);
bool shim_is_event(int fd);

/* fd is, or may be, ready although the program was told that it is not: let epoll say so. */
void shim_tell_again(int fd);

/* Whether bytes of fd may come, or leave, in smaller pieces: those of streams, pipes and files. */
bool shim_may_cut(int fd);

/* ---- libc's own ---- */

/* The next function by this name: libc's. Aborts when there is none. No signal comes meanwhile:
 * dlsym has a lock, and a handler may make calls, too. */
void *shim_next(const char *name);

/* "next" is libc's function by this name. It is asked for once: the answer is kept where several
 * threads may write it, always the same. */
#define NEXT(name)                                                                                 \
    static __typeof__(name) *next;                                                                 \
    if (!next)                                                                                     \
    *(void **)&next = shim_next(#name)

#endif
