/* deny_unread COMMAND [ARGUMENT]...: run COMMAND where nobody can tell how much waits unread in a
 * socket: FIONREAD fails. */
#include "deny.h"

#include <errno.h>
#include <sys/ioctl.h>

int main(int count, char **arguments)
{
    if (count < 2) {
        fprintf(stderr, "usage: deny_unread COMMAND [ARGUMENT]...\n");
        return 2;
    }
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FIONREAD, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, DENY_RETURN(EINVAL)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    return deny_and_run(filter, sizeof filter / sizeof *filter, arguments + 1);
}
