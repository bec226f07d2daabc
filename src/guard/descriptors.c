/* descriptors.c: the limit of open files, and standard descriptors that were closed.
 *
 * Neither fails in a way that stops anybody: a limit that cannot be raised stays what it is. */
#include "guard/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

int64_t descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return sysconf(_SC_OPEN_MAX);
    rlim_t soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        limit.rlim_cur = soft;
    return limit.rlim_cur > (rlim_t)INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_cur;
}

unsigned descriptors_fill_standard(void)
{
    unsigned closed = 0;
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        closed |= 1u << fd;
        /* The lowest free number is this one. Standard output is opened for reading, so that
         * writing to it stays the error it was: no message is swallowed. */
        if (open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY) < 0)
            (void)open("/", O_PATH | O_DIRECTORY);
    }
    return closed;
}
