/* socket_side.c: see socket_side.h. */
#include "socket_side.h"

#include <goodtalk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>

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

void assert_in_child(int (*job)(const void *), const void *argument)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(job(argument));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}
