/* What the service manager is told, over a socket of its own: when it is there, and when it is not.
 */
#include "tool/notify.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct gt_event listening(const char *address)
{
    return (struct gt_event){.kind = GT_EVENT_LISTENING, .listener = address};
}

static const struct gt_event ready = {.kind = GT_EVENT_READY};
static const struct gt_event stopping = {.kind = GT_EVENT_STOPPING};

/* A manager at an abstract name (or, without '@', a path), which NOTIFY_SOCKET names. */
static int start_manager(const char *where)
{
    struct place place = place_of_unix(where);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, &place.any, place.size), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", where, 1), 0);
    return fd;
}

static const char *abstract_name(void)
{
    static char name[40];
    snprintf(name, sizeof(name), "@test_notify-%d", (int)getpid());
    return name;
}

static int no_manager(void **state)
{
    (void)state;
    return unsetenv("NOTIFY_SOCKET");
}

static void assert_told(int manager, const char *expected)
{
    char text[NOTIFY_SIZE + 1];
    ssize_t size = recv(manager, text, sizeof(text) - 1, 0);
    assert_true(size > 0);
    text[size] = '\0';
    assert_string_equal(text, expected);
}

static void assert_untold(int manager)
{
    char byte;
    assert_int_equal(recv(manager, &byte, 1, 0), -1);
}

/* Tell an event that must go well. */
static void tell_event(struct notify *notify, struct gt_event event)
{
    struct error error = {0};
    assert_int_equal(notify_event(notify, &event, &error), GT_DONE);
    assert_string_equal(error.text, "");
}

static void tell_life(int manager)
{
    struct notify notify = {0};
    tell_event(&notify, listening("tcp:[::]:9999"));
    tell_event(&notify, listening("unix:/run/gt"));
    tell_event(&notify, (struct gt_event){.kind = GT_EVENT_NOTE, .text = "any"});
    assert_untold(manager);
    tell_event(&notify, ready);
    assert_told(manager, "READY=1\nSTATUS=listening on tcp:[::]:9999, unix:/run/gt");
    tell_event(&notify, (struct gt_event){.kind = GT_EVENT_ENDED, .text = "any"});
    assert_untold(manager);
    tell_event(&notify, stopping);
    assert_told(manager, "STOPPING=1\nSTATUS=finishing what is in hand");
    assert_untold(manager);
}

static void an_abstract_name(void **state)
{
    (void)state;
    int manager = start_manager(abstract_name());
    tell_life(manager);
    close(manager);
}

static void a_path(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_notify.XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/a socket", folder);
    int manager = start_manager(path);
    tell_life(manager);
    close(manager);
    assert_int_equal(unlink(path) | rmdir(folder), 0);
}

static void nobody_asked(void **state)
{
    (void)state;
    struct notify notify = {0};
    tell_event(&notify, listening("tcp:[::]:9999"));
    tell_event(&notify, ready);
    tell_event(&notify, stopping);
}

static void fails(const char *where, const char *sentence)
{
    struct error error = {0};
    struct notify notify = {0};
    assert_int_equal(setenv("NOTIFY_SOCKET", where, 1), 0);
    assert_int_equal(notify_event(&notify, &stopping, &error), GT_FAILED);
    assert_string_equal(error.text, sentence);
    assert_int_equal(notify_event(&notify, &ready, NULL), GT_FAILED);
}

static void nobody_there(void **state)
{
    (void)state;
    fails("/no/such/socket", "cannot notify /no/such/socket (NOTIFY_SOCKET): No such file or "
                             "directory (ENOENT, errno 2)");
    fails("@no such \x1b socket", "cannot notify @no such \\x1b socket (NOTIFY_SOCKET): Connection "
                                  "refused (ECONNREFUSED, errno 111)");
}

static void no_socket_at_all(void **state)
{
    (void)state;
    char longest[200] = "/";
    char sentence[400];
    static const char *const wrong[] = {"", "@", "/", "relative/path", "vsock:2:1234"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        snprintf(sentence, sizeof(sentence),
                 "cannot notify '%s': NOTIFY_SOCKET is neither a path nor @NAME", wrong[i]);
        fails(wrong[i], sentence);
    }
    memset(longest + 1, 'x', 107);
    snprintf(sentence, sizeof(sentence),
             "cannot notify '%s': NOTIFY_SOCKET is neither a path nor @NAME", longest);
    fails(longest, sentence); /* a byte too long */
}

/* Nobody waits for a manager that does not read. */
static void a_full_queue(void **state)
{
    (void)state;
    struct error error = {0};
    struct notify notify = {0};
    int manager = start_manager(abstract_name()), told = 0;
    while (told < 100000 && notify_event(&notify, &stopping, &error) == GT_DONE)
        told++;
    assert_true(told > 0);
    assert_int_equal(error.number, EAGAIN);
    close(manager);
}

/* More than fits: the first ones, whole, and READY in any case. */
static void very_many_addresses(void **state)
{
    (void)state;
    char address[161], text[NOTIFY_SIZE + 1];
    struct notify notify = {0};
    int manager = start_manager(abstract_name());
    for (int i = 0; i < 100; i++) {
        snprintf(address, sizeof(address), "unix:%0155d", i);
        tell_event(&notify, listening(i == 50 ? "tcp:1" : address));
    }
    tell_event(&notify, ready);
    ssize_t size = recv(manager, text, sizeof(text) - 1, 0);
    assert_true(size > NOTIFY_SIZE - 200 && size < NOTIFY_SIZE);
    text[size] = '\0';
    assert_memory_equal(text, "READY=1\nSTATUS=listening on unix:000", 36);
    assert_string_equal(text + size - 8, "011, ..."); /* not one that would fit again later */
    close(manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_abstract_name, no_manager, no_manager),
        cmocka_unit_test_setup_teardown(a_path, no_manager, no_manager),
        cmocka_unit_test_setup_teardown(nobody_asked, no_manager, no_manager),
        cmocka_unit_test_setup_teardown(nobody_there, no_manager, no_manager),
        cmocka_unit_test_setup_teardown(no_socket_at_all, no_manager, no_manager),
        cmocka_unit_test_setup_teardown(a_full_queue, no_manager, no_manager),
        cmocka_unit_test_setup_teardown(very_many_addresses, no_manager, no_manager),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
