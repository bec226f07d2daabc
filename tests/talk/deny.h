/* deny.h: run a command where a system call is denied, as seccomp(2) does it. */
#ifndef TALK_DENY_H
#define TALK_DENY_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a denied call says. */
#define DENY_RETURN(number) (SECCOMP_RET_ERRNO | ((unsigned)(number)&SECCOMP_RET_DATA))

static int deny(struct sock_filter *filter, size_t length)
{
    struct sock_fprog program = {(unsigned short)length, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* What main returns, where it returns. */
static int deny_and_run(struct sock_filter *filter, size_t length, char **command)
{
    if (deny(filter, length) == 0)
        execvp(command[0], command);
    perror(command[0]);
    return 125;
}

#endif
