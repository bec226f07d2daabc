/* one-shot CPU REPEATS INPUT COMMAND...: how long a one-shot server takes from its exec to the
 * first byte of its reply, in microseconds, a line for each time.
 *
 * Each time a free port is put for {port} in the command's words; the child goes to the given CPU,
 * takes the time in memory shared with us, and becomes the command, INPUT its standard input (`nc
 * -l` replies with that). Meanwhile we try to connect, again and again without a pause, send a line
 * and wait for the reply. A server that does not reply in time, or does not end afterwards, is
 * ended, and so are we: status 1. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_US 10e6
#define MOST_WORDS  32

static double *began_us; /* shared with the child */

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static _Noreturn void fail(const char *what, pid_t pid)
{
    perror(what);
    if (pid > 0)
        kill(pid, SIGKILL);
    exit(1);
}

static struct sockaddr_in free_address(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        fail("free port", 0);
    close(fd);
    return address;
}

/* The word with the port in it; a word without {port} as it is. */
static char *with_port(char *word, unsigned port)
{
    char *place = strstr(word, "{port}");
    char *made = word;
    if (place && asprintf(&made, "%.*s%u%s", (int)(place - word), word, port, place + 6) < 0)
        fail("memory", 0);
    return made;
}

static _Noreturn void become(char **words, const char *input, int cpu)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    sched_setaffinity(0, sizeof cpus, &cpus);
    int in = open(input, O_RDONLY), out = open("/dev/null", O_WRONLY);
    if (in < 0 || out < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
        _exit(126);
    *began_us = now_us();
    execvp(words[0], words);
    _exit(127);
}

/* A connection, as soon as somebody listens. */
static int connect_early(const struct sockaddr_in *address, pid_t pid)
{
    double until = now_us() + PATIENCE_US;
    do {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0)
            return fd;
        close(fd);
        if (waitpid(pid, NULL, WNOHANG) != 0)
            fail("the server ended", 0);
    } while (now_us() < until);
    fail("connect", pid);
}

static void hear_reply(int fd, pid_t pid)
{
    static const char message[] = "Who is there, at this late hour\n";
    char reply[64];
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    if (send(fd, message, sizeof message - 1, MSG_NOSIGNAL) < 0 ||
        poll(&waiting, 1, (int)(PATIENCE_US / 1e3)) != 1 || recv(fd, reply, sizeof reply, 0) <= 0)
        fail("reply", pid);
}

/* The server has a tenth of a second to end by itself; some need to be told. */
static void reap(pid_t pid)
{
    for (int tries = 0; tries < 100; tries++) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return;
        usleep(1000);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static double once(char **words, const char *input, int cpu)
{
    struct sockaddr_in address = free_address();
    char *command[MOST_WORDS + 1] = {NULL};
    for (int i = 0; words[i] && i < MOST_WORDS; i++)
        command[i] = with_port(words[i], ntohs(address.sin_port));
    pid_t pid = fork();
    if (pid == 0)
        become(command, input, cpu);
    int fd = connect_early(&address, pid);
    hear_reply(fd, pid);
    double took = now_us() - *began_us;
    close(fd);
    reap(pid);
    for (int i = 0; words[i] && i < MOST_WORDS; i++)
        if (command[i] != words[i])
            free(command[i]);
    return took;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fputs("usage: one-shot CPU REPEATS INPUT COMMAND...\n", stderr);
        return 2;
    }
    began_us =
        mmap(NULL, sizeof *began_us, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (began_us == MAP_FAILED)
        fail("mmap", 0);
    for (long left = strtol(argv[2], NULL, 10); left > 0; left--)
        printf("%.1f\n", once(argv + 4, argv[3], (int)strtol(argv[1], NULL, 10)));
    return 0;
}
