/* The command line, read with the real settings table and applied to a real server; and --help,
 * which is made from the same table. */
#include "tool/grammar.c"
#include "tool/help.c"
#include "tool/nc.c"
#include "tool/options.c"
#include "tool/refusal.c"

#include "serve/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define WORDS_MAX 16

static struct options options;
static struct error error;

static int clear(void **state)
{
    (void)state;
    options_free(&options);
    return 0;
}

/* Read "goodtalk" and these words, split at spaces. */
static int parse(const char *line)
{
    static char text[512];
    static char program[] = "goodtalk";
    static char *words[WORDS_MAX];
    int count = 1;
    options_free(&options);
    error = (struct error){0};
    words[0] = program;
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        words[count++] = word;
    words[count] = NULL;
    return options_parse(&options, count, words, &error);
}

static void expect_wrong(const char *line, const char *sentence)
{
    assert_int_equal(parse(line), GT_WRONG);
    assert_string_equal(error.text, sentence);
}

/* Refused with a sentence that holds this. */
static void expect_refused(const char *line, const char *part)
{
    assert_int_equal(parse(line), GT_WRONG);
    if (!strstr(error.text, part))
        fail_msg("%s: '%s' is not in: %s", line, part, error.text);
}

static void expect_option(size_t at, const char *name, const char *value)
{
    assert_in_range(at + 1, 1, options.given.option_count);
    const struct given_option *option = &options.given.options[at];
    assert_string_equal(option->setting->name, name);
    if (value)
        assert_string_equal(option->value, value);
    else
        assert_null(option->value);
}

static void nothing_is_one_message_on_9999(void **state)
{
    (void)state;
    assert_int_equal(parse(""), GT_DONE);
    assert_int_equal(options.action, OPTIONS_SERVE);
    assert_int_equal(options.given.option_count, 0);
    assert_int_equal(options.given.address_count, 0); /* the library knows the usual one */
    assert_int_equal(options.count, 1);
    assert_true(options_one_shot(&options));
    assert_true(options.shows);
    assert_false(options.tells_ready);
    assert_int_equal(options.report.threshold, GT_NOTICE);
}

static void options_come_in_order(void **state)
{
    (void)state;
    assert_int_equal(parse("-kf line --max-message=5x -n 7 --echo"), GT_DONE);
    assert_int_equal(options.given.option_count, 5);
    expect_option(0, "keep", NULL);
    expect_option(1, "frame", "line");
    expect_option(2, "max-message", "5x");
    expect_option(3, "count", "7");
    expect_option(4, "echo", NULL);
    assert_int_equal(options.count, 7);
}

static void addresses_may_stand_anywhere(void **state)
{
    (void)state;
    assert_int_equal(parse("8080 -k unix:/tmp/x -s raw -- -k"), GT_DONE);
    assert_int_equal(options.given.option_count, 2);
    assert_int_equal(options.given.address_count, 3);
    assert_string_equal(options.given.addresses[0], "8080");
    assert_string_equal(options.given.addresses[1], "unix:/tmp/x");
    assert_string_equal(options.given.addresses[2], "-k");
}

static void posixly_correct_changes_nothing(void **state)
{
    (void)state;
    setenv("POSIXLY_CORRECT", "1", 1);
    assert_int_equal(parse("8080 -k"), GT_DONE);
    unsetenv("POSIXLY_CORRECT");
    assert_int_equal(options.given.option_count, 1);
    assert_int_equal(options.given.address_count, 1);
}

static void long_options_may_be_shortened(void **state)
{
    (void)state;
    assert_int_equal(parse("--bac 5 --log-f json --rea -"), GT_DONE);
    expect_option(0, "backlog", "5");
    assert_true(options.report.json);
    assert_true(options.tells_ready);
}

static void ambiguous_ones_say_which(void **state)
{
    (void)state;
    expect_refused("--reply-f x --greet hello",
                   "--greet: could be several options: --greeting, --greeting-file");
    expect_refused("--lo x", "--log-format");
}

static void unknown_ones_name_the_nearest(void **state)
{
    (void)state;
    expect_refused("--kepe", "--kepe: no such");
    expect_refused("--kepe", "--keep");
    expect_refused("--max-mesage=5", "--max-message");
    expect_refused("--zzzzzzzzzzzz", "goodtalk --help");
    expect_refused("-z", "-z: no such option");
    expect_refused("--\x1b[2J", "\\x1b[2J");
}

static void the_first_error_is_told(void **state)
{
    (void)state;
    expect_refused("--kepe --echho -z", "--kepe");
    expect_refused("-z --help", "-z");
}

static void values_are_needed_or_not(void **state)
{
    (void)state;
    expect_wrong("--reply", "--reply: needs an argument: --reply TEXT");
    expect_wrong("-r", "--reply: needs an argument: --reply TEXT");
    expect_wrong("--keep=yes", "--keep: takes no value");
}

static void what_is_not_built_is_refused(void **state)
{
    (void)state;
    expect_wrong("--chroot x", "--chroot: not built yet in this version");
    expect_wrong("--chroot", "--chroot: not built yet in this version");
    expect_wrong("--user x", "--user: not built yet in this version");
    expect_wrong("--tls-ce x", "--tls-cert: not built yet in this version");
    expect_wrong("--proxy", "--proxy: not built yet in this version");
}

static void listen_is_the_main_job_spelled_out(void **state)
{
    (void)state;
    assert_int_equal(parse("listen send -k"), GT_DONE);
    assert_int_equal(options.given.address_count, 1);
    assert_string_equal(options.given.addresses[0], "send");
    assert_int_equal(parse("listen"), GT_DONE);
    assert_int_equal(options.given.address_count, 0);
}

static void nc_letters_are_caught(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *command;
    } words[] = {
        {"-l 8080", ": goodtalk 8080"},
        {"-lp 8080", ": goodtalk 8080"},
        {"-l -p 8080", ": goodtalk 8080"},
        {"-p 8080", ": goodtalk 8080"},
        {"-p", ": goodtalk"},
        {"-lk 9999", ": goodtalk -k 9999"},
        {"-lU /tmp/x", ": goodtalk unix:/tmp/x"},
        {"-U /tmp/x", ": goodtalk unix:/tmp/x"},
        {"-u 9999", ": goodtalk udp:9999"},
        {"-lu 9999", ": goodtalk udp:9999"},
        {"-c cat", ": goodtalk -e cat"},
        {"-lvnp 8080", ": goodtalk 8080"},
        {"-nlp 8080", ": goodtalk 8080"},
        {"-lvz 8080", ": goodtalk 8080"},
        {"-k -l localhost 8080", ": goodtalk -k localhost:8080"},
        {"localhost 8080", ": goodtalk localhost:8080"},
        {"-s raw ::1 8080", ": goodtalk -s raw [::1]:8080"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_int_equal(parse(words[i].line), GT_WRONG);
        size_t length = strlen(error.text), tail = strlen(words[i].command);
        assert_true(length > tail);
        assert_string_equal(error.text + length - tail, words[i].command);
    }
}

static void help_and_version_answer_at_once(void **state)
{
    (void)state;
    assert_int_equal(parse("--help --nonsense"), GT_DONE);
    assert_int_equal(options.action, OPTIONS_HELP);
    assert_int_equal(parse("-V -h"), GT_DONE);
    assert_int_equal(options.action, OPTIONS_VERSION);
}

static void the_program_has_its_own(void **state)
{
    (void)state;
    assert_int_equal(parse("-v"), GT_DONE);
    assert_int_equal(options.report.threshold, GT_DETAIL);
    assert_int_equal(options.given.option_count, 0);
    assert_int_equal(parse("-vq --log-format json"), GT_DONE);
    assert_int_equal(options.report.threshold, GT_ERROR);
    assert_true(options.report.json);
    expect_wrong("--log-format yaml", "--log-format yaml: not a format; text or json");
    expect_refused("--log-format json --kepe", "--kepe");
    assert_true(options.report.json);
}

static void one_shot_is_one_message(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int64_t count;
        bool one_shot;
    } lines[] = {{"", 1, true},
                 {"-k", 0, false},
                 {"-n 1", 1, true},
                 {"-n 2", 2, false},
                 {"-k -n 1", 1, true},
                 {"-n 1 -k", 0, false},
                 {"--connections 1", 0, false},
                 {"--connections 0", 1, true},
                 {"--connections 3 -n 1", 1, false}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(parse(lines[i].line), GT_DONE);
        assert_int_equal(options.count, lines[i].count);
        assert_int_equal(options_one_shot(&options), lines[i].one_shot);
        gt_server *server = gt_create();
        assert_int_equal(options_apply(&options, server), GT_DONE);
        assert_int_equal(server->settings.count, lines[i].count);
        assert_int_equal(server->settings.connections, options.connections);
        gt_free(&server);
    }
}

static void the_defaults_are_the_programs(void **state)
{
    (void)state;
    gt_server *server = gt_create();
    assert_int_equal(parse(""), GT_DONE);
    assert_int_equal(server->settings.show, SHOW_NONE);
    assert_int_equal(options_apply(&options, server), GT_DONE);
    assert_int_equal(server->settings.show, SHOW_TALK);
    assert_int_equal(parse("-s hex -s none --max-message 64KiB"), GT_DONE);
    assert_false(options.shows);
    assert_int_equal(options_apply(&options, server), GT_DONE);
    assert_int_equal(server->settings.show, SHOW_NONE);
    assert_int_equal(server->settings.max_message, 65536);
    gt_free(&server);
}

static void a_wrong_value_is_the_servers_to_refuse(void **state)
{
    (void)state;
    gt_server *server = gt_create();
    assert_int_equal(parse("--max-message 5x -n 3"), GT_DONE);
    assert_int_equal(options_apply(&options, server), GT_WRONG);
    assert_string_equal(gt_error(server), "--max-message 5x: not a size; for example 64KiB");
    gt_free(&server);
}

static void help_lists_what_is_built_within_80_columns(void **state)
{
    (void)state;
    struct bytes help = {0};
    assert_int_equal(help_append(&help, &help_listen), 0);
    assert_int_equal(bytes_append(&help, slice_of("", 1)), 0);
    const char *text = (const char *)bytes_slice(&help).data;
    const struct gt_setting *setting;
    for (size_t i = 0; (setting = gt_setting_at(i)) != NULL; i++) {
        char words[64];
        snprintf(words, sizeof words, "--%s%s%s ", setting->name, setting->argument ? " " : "",
                 setting->argument ? setting->argument : "");
        words[strlen(words) - 1] = '\0';
        if ((strstr(text, words) != NULL) != (setting->scope != GT_SCOPE_LATER))
            fail_msg("%s: scope %d", words, setting->scope);
    }
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 0, 79);
    bytes_free(&help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_one_message_on_9999),
        cmocka_unit_test(options_come_in_order),
        cmocka_unit_test(addresses_may_stand_anywhere),
        cmocka_unit_test(posixly_correct_changes_nothing),
        cmocka_unit_test(long_options_may_be_shortened),
        cmocka_unit_test(ambiguous_ones_say_which),
        cmocka_unit_test(unknown_ones_name_the_nearest),
        cmocka_unit_test(the_first_error_is_told),
        cmocka_unit_test(values_are_needed_or_not),
        cmocka_unit_test(what_is_not_built_is_refused),
        cmocka_unit_test(listen_is_the_main_job_spelled_out),
        cmocka_unit_test(nc_letters_are_caught),
        cmocka_unit_test(help_and_version_answer_at_once),
        cmocka_unit_test(the_program_has_its_own),
        cmocka_unit_test(one_shot_is_one_message),
        cmocka_unit_test(the_defaults_are_the_programs),
        cmocka_unit_test(a_wrong_value_is_the_servers_to_refuse),
        cmocka_unit_test(help_lists_what_is_built_within_80_columns),
    };
    return cmocka_run_group_tests(tests, NULL, clear);
}
