/* deny_io_uring ERRNO COMMAND [ARGUMENT]...: run COMMAND where io_uring_setup fails with this errno
 * (1: EPERM, 38: ENOSYS), as containers have it. */
#include "deny.h"

int main(int count, char **arguments)
{
    if (count < 3) {
        fprintf(stderr, "usage: deny_io_uring ERRNO COMMAND [ARGUMENT]...\n");
        return 2;
    }
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, DENY_RETURN(atoi(arguments[1]))),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    return deny_and_run(filter, sizeof filter / sizeof *filter, arguments + 2);
}
