/* socket_side.c: see socket_side.h. */
#include "socket_side.h"

#include "base/place.h"

#include <goodtalk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct opened open_with(const char *text, const char *const *pairs)
{
    struct opened opened = {.count = 77};
    struct settings settings;
    struct address address;
    assert_int_equal(settings_init(&settings, NULL), GT_DONE);
    for (; pairs && *pairs; pairs += 2)
        assert_int_equal(settings_set(&settings, pairs[0], pairs[1], NULL), GT_DONE);
    assert_int_equal(
        address_parse(&address, text, (enum address_family)settings.family, &opened.error), 0);
    opened.status = sockets_open(&address, &settings, opened.list, &opened.count, &opened.error);
    settings_clear(&settings);
    if (opened.status != GT_DONE)
        assert_int_equal(opened.count, 0);
    return opened;
}

struct opened opens(const char *text, const char *const *pairs)
{
    struct opened opened = open_with(text, pairs);
    assert_string_equal(opened.error.text, "");
    assert_int_equal(opened.status, GT_DONE);
    return opened;
}

void close_opened(struct opened *opened)
{
    for (unsigned i = 0; i < opened->count; i++) {
        socket_remove_file(&opened->list[i]);
        assert_int_equal(close(opened->list[i].fd), 0);
    }
}

void fails(const char *text, const char *sentence)
{
    struct opened opened = open_with(text, NULL);
    assert_int_equal(opened.status, GT_FAILED);
    if (strncmp(opened.error.text, sentence, strlen(sentence)) != 0)
        assert_string_equal(opened.error.text, sentence);
}

uint16_t port_of(const struct listening_socket *socket)
{
    return (uint16_t)atoi(strrchr(socket->name, ':') + 1);
}

int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof(value);
    getsockopt(fd, level, option, &value, &size);
    return value;
}

bool has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&loopback, sizeof(loopback)) == 0;
    if (fd >= 0)
        close(fd);
    return has;
}

int enter_folder(void **state)
{
    static char before[4096];
    char folder[] = "/tmp/test_socket.XXXXXX";
    *state = before;
    return getcwd(before, sizeof(before)) && mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

int leave_folder(void **state)
{
    char folder[4096];
    if (!getcwd(folder, sizeof(folder)) || chdir(*state) < 0)
        return -1;
    return rmdir(folder); /* fails where something was left behind */
}

int unix_socket(const char *path, int type)
{
    struct place place = place_of_unix(path);
    int fd = socket(AF_UNIX, type, 0);
    assert_int_equal(bind(fd, &place.any, place.size), 0);
    return fd;
}

void assert_in_child(int (*job)(const void *), const void *argument)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(job(argument));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}
