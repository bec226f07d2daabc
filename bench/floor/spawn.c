/* The floor of running commands: posix_spawn of /bin/sh and waitpid, one after the other, for so
 * many seconds. Its standard descriptors are the command's. It prints how many a second.
 *
 *     floor-spawn COMMAND SECONDS */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void run(char *command)
{
    char *arguments[] = {(char *)"sh", (char *)"-c", command, NULL};
    pid_t pid;
    int status;
    int number = posix_spawn(&pid, "/bin/sh", NULL, NULL, arguments, environ);
    if (number == 0 && waitpid(pid, &status, 0) == pid)
        return;
    fprintf(stderr, "floor-spawn: %s\n", strerror(number ? number : errno));
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: floor-spawn COMMAND SECONDS\n");
        return 2;
    }
    double began = now(), end = began + atof(argv[2]);
    unsigned long count = 0;
    for (; now() < end; count++)
        run(argv[1]);
    printf("%.1f\n", (double)count / (now() - began));
    return 0;
}
