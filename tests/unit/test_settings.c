/* The settings: the table, setting by name, and sealed sets. */
#include "serve/settings.h"

#include <goodtalk.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int set_up(void **state)
{
    struct settings *settings = malloc(sizeof(*settings));
    *state = settings;
    return settings ? settings_init(settings, NULL) : -1;
}

static int tear_down(void **state)
{
    settings_clear(*state);
    free(*state);
    return 0;
}

static void set(struct settings *settings, const char *name, const char *value)
{
    struct error error = {0};
    int status = settings_set(settings, name, value, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(status, GT_DONE);
}

/* It is refused with a sentence that begins like this. */
static void refuses(struct settings *settings, const char *name, const char *value,
                    const char *sentence)
{
    struct error error = {0};
    assert_int_equal(settings_set(settings, name, value, &error), GT_WRONG);
    assert_int_equal(error.status, GT_WRONG);
    if (strncmp(error.text, sentence, strlen(sentence)) != 0)
        assert_string_equal(error.text, sentence);
}

/* ---- the table ---- */

static const struct gt_setting *row(const char *name)
{
    const struct gt_setting *setting;
    for (size_t i = 0; (setting = gt_setting_at(i)); i++)
        if (strcmp(setting->name, name) == 0)
            return setting;
    return NULL;
}

static void test_every_row_is_whole_and_there_once(void **state)
{
    (void)state;
    const struct gt_setting *one, *other;
    for (size_t i = 0; (one = gt_setting_at(i)); i++) {
        assert_true(strlen(one->name) > 1 && strlen(one->help) > 5);
        assert_null(strchr(one->help, '\n'));
        for (size_t j = 0; j < i; j++) {
            other = gt_setting_at(j);
            assert_string_not_equal(one->name, other->name);
            assert_true(one->letter == 0 || one->letter != other->letter);
        }
    }
    assert_null(gt_setting_at(SIZE_MAX));
}

static void test_letters_and_scopes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        char letter;
        enum gt_scope scope;
    } some[] = {
        {"keep", 'k', GT_SCOPE_SERVER},
        {"count", 'n', GT_SCOPE_SERVER},
        {"reply", 'r', GT_SCOPE_LISTENER},
        {"frame", 'f', GT_SCOPE_LISTENER},
        {"show", 's', GT_SCOPE_SERVER},
        {"timeout", 'w', GT_SCOPE_SERVER},
        {"max-connections", 'm', GT_SCOPE_SERVER},
        {"ipv4", '4', GT_SCOPE_LISTENER},
        {"ipv6", '6', GT_SCOPE_LISTENER},
        {"log", 0, GT_SCOPE_SERVER},
        {"spin", 0, GT_SCOPE_SERVER},
        {"verbose", 'v', GT_SCOPE_PROGRAM},
        {"exec", 'x', GT_SCOPE_LISTENER},
        {"user", 0, GT_SCOPE_LATER},
        {"chroot", 0, GT_SCOPE_LATER},
        {"version", 'V', GT_SCOPE_PROGRAM},
    };
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        assert_non_null(row(some[i].name));
        assert_int_equal(row(some[i].name)->letter, some[i].letter);
        assert_int_equal(row(some[i].name)->scope, some[i].scope);
    }
}

static void test_defaults_of_the_table_can_be_set(void **state)
{
    const struct gt_setting *setting;
    for (size_t i = 0; (setting = gt_setting_at(i)); i++)
        if (setting->initial && setting->scope != GT_SCOPE_PROGRAM)
            set(*state, setting->name, setting->initial);
    const struct settings *settings = *state;
    assert_int_equal(settings->count, 1);
    assert_int_equal(settings->show, SHOW_TALK);
    assert_int_equal(settings->idle_timeout_ns, INT64_C(300000000000));
}

static void test_defaults_of_the_library(void **state)
{
    const struct settings *settings = *state;
    assert_int_equal(settings->count, 0);
    assert_int_equal(settings->show, SHOW_NONE);
    assert_int_equal(settings->reply_source, REPLY_FROM_TEXT);
    assert_string_equal(settings->reply, "Good talking to you");
    assert_string_equal(settings->frame, "talk");
    assert_string_equal(settings->engine, "auto");
    assert_int_equal(settings->pause_ns, 250000000);
    assert_int_equal(settings->max_message, 1 << 20);
    assert_int_equal(settings->max_memory, 256 << 20);
    assert_int_equal(settings->timeout_ns, DURATION_NONE);
    assert_int_equal(settings->idle_timeout_ns, DURATION_AUTO);
    assert_int_equal(settings->message_timeout_ns, DURATION_AUTO);
    assert_int_equal(settings->drain_timeout_ns, INT64_C(30000000000));
    assert_int_equal(settings->max_connections, 0);
    assert_int_equal(settings->spin_ns, 0);
    assert_int_equal(settings->backlog, 4096);
    assert_int_equal(settings->socket_mode, 0600);
    assert_int_equal(settings->socket_uid, (uid_t)-1);
    assert_int_equal(settings->family, FAMILY_ANY);
    assert_false(settings->close);
}

/* ---- setting by name ---- */

static void test_numbers(void **state)
{
    struct settings *settings = *state;
    set(settings, "count", "12");
    set(settings, "connections", "3");
    set(settings, "max-message", "64KiB");
    set(settings, "pause", "1.5s");
    set(settings, "spin", "50us");
    set(settings, "timeout", "5");
    set(settings, "idle-timeout", "none");
    set(settings, "drain-timeout", "0");
    set(settings, "socket-mode", "660");
    set(settings, "backlog", "1");
    set(settings, "max-per-source", "7");
    set(settings, "max-rate", "30/min");
    assert_int_equal(settings->count, 12);
    assert_int_equal(settings->connections, 3);
    assert_int_equal(settings->max_message, 65536);
    assert_int_equal(settings->pause_ns, 1500000000);
    assert_int_equal(settings->spin_ns, 50000);
    assert_int_equal(settings->timeout_ns, INT64_C(5000000000));
    assert_int_equal(settings->idle_timeout_ns, DURATION_NONE);
    assert_int_equal(settings->drain_timeout_ns, 0);
    assert_int_equal(settings->socket_mode, 0660);
    assert_int_equal(settings->backlog, 1);
    assert_int_equal(settings->max_per_source, 7);
    assert_int_equal(settings->rate_interval_ns, INT64_C(2000000000));
}

static void test_keep_and_count(void **state)
{
    struct settings *settings = *state;
    set(settings, "count", "3");
    set(settings, "keep", "off");
    assert_int_equal(settings->count, 3);
    set(settings, "keep", NULL);
    assert_int_equal(settings->count, 0);
    set(settings, "keep", "off");
    assert_int_equal(settings->count, 1);
}

static void test_flags(void **state)
{
    struct settings *settings = *state;
    set(settings, "close", NULL);
    assert_true(settings->close);
    set(settings, "close", "off");
    assert_false(settings->close);
    set(settings, "close", "on");
    assert_true(settings->close);
    refuses(settings, "close", "maybe", "--close maybe: neither on nor off");
    assert_true(settings->close);
}

static void test_the_last_one_wins(void **state)
{
    struct settings *settings = *state;
    set(settings, "echo", NULL);
    assert_int_equal(settings->reply_source, REPLY_FROM_ECHO);
    set(settings, "silent", "off");
    assert_int_equal(settings->reply_source, REPLY_FROM_ECHO);
    set(settings, "silent", NULL);
    assert_int_equal(settings->reply_source, REPLY_FROM_NOTHING);
    set(settings, "reply-file", "/no/such");
    assert_int_equal(settings->reply_source, REPLY_FROM_FILE);
    set(settings, "reply", "hello");
    assert_int_equal(settings->reply_source, REPLY_FROM_TEXT);
    set(settings, "echo", NULL);
    set(settings, "echo", "off");
    assert_int_equal(settings->reply_source, REPLY_FROM_TEXT);
    set(settings, "greeting-file", "/no/such");
    assert_true(settings->greeting_exact_file);
    set(settings, "greeting", "hello");
    assert_false(settings->greeting_exact_file);
    set(settings, "ipv4", NULL);
    set(settings, "ipv6", NULL);
    assert_int_equal(settings->family, FAMILY_IPV6);
    set(settings, "ipv6", "off");
    assert_int_equal(settings->family, FAMILY_ANY);
}

static void test_owner(void **state)
{
    struct settings *settings = *state;
    set(settings, "socket-owner", "1234:4321");
    assert_int_equal(settings->socket_uid, 1234);
    assert_int_equal(settings->socket_gid, 4321);
    const struct passwd *user = getpwuid(0);
    if (!user)
        skip();
    set(settings, "socket-owner", user->pw_name);
    assert_int_equal(settings->socket_uid, 0);
    assert_int_equal(settings->socket_gid, (gid_t)-1);
    assert_string_equal(settings->socket_owner, user->pw_name);
}

static void test_what_is_right_is_said(void **state)
{
    static const struct {
        const char *name, *value, *sentence;
    } wrong[] = {
        {"max-message", "5x", "--max-message 5x: not a size; for example 64KiB"},
        {"max-message", "0", "--max-message 0: too small; at least 1 byte"},
        {"max-message", "2GiB", "--max-message 2GiB: too large; at most 1 GiB"},
        {"max-memory", "0B", "--max-memory 0B: too small; at least 1 byte"},
        {"pause", "soon", "--pause soon: not a duration; for example 250ms"},
        {"timeout", "soon", "--timeout soon: not a duration; for example 30s"},
        {"idle-timeout", "0", "--idle-timeout 0: too short; at least 1 ms, or none"},
        {"pause", "106751d", "--pause 106751d: too long"},
        {"frame", "lien", "--frame lien: not a framing"},
        {"frame", "netstring:x", "--frame netstring:x: "},
        {"count", "-3", "--count -3: not a count; a number from 0 on"},
        {"count", "99999999999999999999", "--count 99999999999999999999: not a count"},
        {"max-connections", "0", "--max-connections 0: not a count; a number from 1 to "},
        {"backlog", "x", "--backlog x: not a count; a number from 1 to 2147483647"},
        {"socket-mode", "9z", "--socket-mode 9z: not a mode; octal, for example 0660"},
        {"socket-mode", "", "--socket-mode '': not a mode; octal, for example 0660"},
        {"socket-mode", "-1", "--socket-mode -1: not a mode"},
        {"socket-mode", "1777", "--socket-mode 1777: not a mode"},
        {"socket-owner", "nobodyy", "--socket-owner nobodyy: no such user"},
        {"socket-owner", "0:nobodyy", "--socket-owner 0:nobodyy: no such group"},
        {"socket-owner", ":0", "--socket-owner :0: not an owner; USER or USER:GROUP"},
        {"socket-owner", "0:", "--socket-owner 0:: not an owner; USER or USER:GROUP"},
        {"socket-owner", "4294967295", "--socket-owner 4294967295: no such user"},
        {"engine", "foo", "--engine foo: not an engine; one of auto, epoll"},
        {"show", "all", "--show all: not a format; one of talk, raw, json, hex, none"},
        {"reply", "a\\q",
         "--reply 'a\\q': \\q is not an escape; one of \\n \\r \\t \\0 \\xHH \\\\"},
        {"reply", "\\", "--reply '\\': \\ is not an escape"},
        {"reply", "\\\x1b[2J", "--reply '\\\\x1b[2J': \\\\x1b is not an escape"},
        {"greeting", "\\xg", "--greeting '\\xg': \\x is not an escape"},
        {"reply-file", "", "--reply-file '': not a file name"},
        {"ready", "fd:x", "--ready: fd:x is not a descriptor; fd:N, for example fd:3"},
        {"echo", "yes", "--echo yes: neither on nor off"},
        {"keep", "", "--keep '': neither on nor off"},
        {"frame", NULL, "--frame: needs a value: --frame FRAMING"},
        {"log", "", "--log: needs the name of a file"},
        {"tls-cert", NULL, "--tls-cert: not built yet in this version"},
        {"verbose", NULL, "--verbose: an option of the program, not a server's setting"},
        {"count", "\x1b[2J", "--count \\x1b[2J: not a count"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        refuses(*state, wrong[i].name, wrong[i].value, wrong[i].sentence);
    test_defaults_of_the_library(state);
}

static void test_unknown_names(void **state)
{
    refuses(*state, "pauze", "1s", "--pauze: no such setting; did you mean --pause?");
    refuses(*state, "max-mesage", "1",
            "--max-mesage: no such setting; did you mean --max-message?");
    refuses(*state, "kepe", NULL, "--kepe: no such setting; did you mean --keep?");
    refuses(*state, "verbos", NULL, "--verbos: no such setting; did you mean --verbose?");
    struct error error = {0};
    settings_set(*state, "chrot", NULL, &error); /* "chroot" is not built yet */
    assert_null(strstr(error.text, "--chroot"));
    settings_set(*state, "something-else", NULL, &error);
    assert_string_equal(error.text, "--something-else: no such setting");
    settings_set(*state, "", NULL, &error);
    assert_string_equal(error.text, "--: no such setting");
    char longest[2000] = {0};
    memset(longest, '\t', sizeof(longest) - 1);
    refuses(*state, longest, NULL, "--\\t\\t");
    assert_int_equal(settings_set(*state, "no-such", NULL, NULL), GT_WRONG);
}

/* ---- sealing ---- */

static struct settings *seal(const struct settings *draft)
{
    struct error error = {0};
    struct settings *sealed = settings_seal(draft, FRAMING_STREAM, &error);
    assert_string_equal(error.text, "");
    assert_non_null(sealed);
    return sealed;
}

static struct reply answer(const struct settings *sealed, enum reply_when when)
{
    struct message message = {.body = slice_of_text("hello"), .raw = slice_of_text("hello\n")};
    struct gt_turn turn = {0};
    struct reply reply = {0};
    assert_int_equal(replier_answer(sealed->replier, &message, &turn, &reply), when);
    return reply;
}

static void assert_reply(const struct settings *draft, const char *expected)
{
    struct settings *sealed = seal(draft);
    struct reply reply = answer(sealed, REPLY_NOW);
    assert_true(slice_equal(reply.bytes, slice_of_text(expected)));
    settings_release(&sealed);
    assert_null(sealed);
}

static void test_the_fixed_reply_is_ended_once(void **state)
{
    struct settings *settings = *state;
    assert_reply(settings, "Good talking to you\n");
    set(settings, "reply", "a\\r\\n");
    assert_reply(settings, "a\r\n");
    set(settings, "reply", "");
    set(settings, "frame", "line");
    assert_reply(settings, "\n");
    set(settings, "frame", "eof");
    set(settings, "reply", "\\x41\\\\");
    assert_reply(settings, "A\\\n");
}

static void test_other_repliers(void **state)
{
    struct settings *settings = *state;
    set(settings, "echo", NULL);
    assert_reply(settings, "hello");
    set(settings, "silent", NULL);
    struct settings *sealed = seal(settings);
    answer(sealed, REPLY_NONE);
    settings_release(&sealed);
}

/* A file of its own with this content; unlink and free the name. */
static char *new_file(const char *content)
{
    char *path = strdup("/tmp/test_settings.XXXXXX");
    assert_non_null(path);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
    return path;
}

static void test_files_are_read_when_sealed(void **state)
{
    struct settings *settings = *state;
    char *path = new_file("no newline \\n");
    set(settings, "reply-file", path);
    set(settings, "greeting-file", path);
    struct settings *sealed = seal(settings);
    unlink(path);
    struct reply reply = answer(sealed, REPLY_NOW);
    assert_true(reply.shared);
    assert_true(slice_equal(reply.bytes, slice_of_text("no newline \\n")));
    assert_true(slice_equal(bytes_slice(&sealed->greeting_bytes), reply.bytes));
    settings_release(&sealed);
    free(path);
}

static void refuses_to_seal(const struct settings *draft, int status, const char *sentence)
{
    struct error error = {0};
    assert_null(settings_seal(draft, FRAMING_STREAM, &error));
    assert_int_equal(error.status, status);
    if (strncmp(error.text, sentence, strlen(sentence)) != 0)
        assert_string_equal(error.text, sentence);
    assert_null(settings_seal(draft, FRAMING_STREAM, NULL));
}

static void test_what_cannot_be_sealed(void **state)
{
    struct settings *settings = *state;
    set(settings, "greeting-file", "/no/such");
    refuses_to_seal(settings, GT_FAILED, "--greeting-file: cannot read /no/such: No such file");
    set(settings, "reply-file", "/no/such");
    refuses_to_seal(settings, GT_FAILED, "--reply-file: cannot read /no/such: No such file");
    set(settings, "max-message", "2KiB");
    set(settings, "max-memory", "1KiB");
    refuses_to_seal(settings, GT_WRONG,
                    "--max-message 2 KiB: does not fit into --max-memory 1 KiB");
}

static void test_a_sealed_set_is_its_own(void **state)
{
    struct settings *settings = *state;
    set(settings, "greeting", "220 \\x68ello\\r\\n");
    set(settings, "max-message", "77");
    set(settings, "ready", "-");
    struct settings *sealed = seal(settings);
    set(settings, "greeting", "other");
    set(settings, "reply", "other");
    set(settings, "frame", "line");
    set(settings, "max-message", "1");
    assert_true(slice_equal(bytes_slice(&sealed->greeting_bytes), slice_of_text("220 hello\r\n")));
    assert_string_equal(sealed->reply, "Good talking to you");
    assert_string_equal(sealed->frame, "talk");
    assert_string_equal(sealed->ready, "-");
    assert_string_equal(sealed->framing.codec->name, "talk");
    assert_int_equal(sealed->framing.max_message, 77);
    settings_release(&sealed);
}

static void test_sets_are_counted(void **state)
{
    struct settings *first = seal(*state);
    struct settings *second = settings_keep(first);
    assert_ptr_equal(first, second);
    assert_int_equal(first->references, 2);
    settings_release(&first);
    assert_null(first);
    assert_string_equal(second->frame, "talk"); /* still there */
    settings_release(&second);
    settings_release(&second); /* nothing: harmless */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_whole_and_there_once),
        cmocka_unit_test(test_letters_and_scopes),
        cmocka_unit_test_setup_teardown(test_defaults_of_the_table_can_be_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_defaults_of_the_library, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keep_and_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_last_one_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_owner, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_right_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_fixed_reply_is_ended_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_repliers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_are_read_when_sealed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_sealed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_sealed_set_is_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sets_are_counted, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
