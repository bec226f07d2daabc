/* Repliers and the files they reply with. */
#include "goodtalk.h"
#include "reply/reply.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct message greeting = {
    .body = {(const uint8_t *)"Who is there?", 13},
    .raw = {(const uint8_t *)"Who is there?\r\n", 15},
};

static struct bytes bytes_of(const char *text)
{
    struct bytes bytes = {0};
    assert_int_equal(bytes_append(&bytes, slice_of_text(text)), 0);
    return bytes;
}

static struct reply answer(struct replier *replier, enum reply_when when)
{
    struct reply reply = {0};
    struct gt_turn turn = {0};
    assert_int_equal(replier_answer(replier, &greeting, &turn, &reply), when);
    return reply;
}

static void test_text_is_shared(void **state)
{
    (void)state;
    struct bytes text = bytes_of("Good talking to you");
    struct replier *replier = replier_text(&text);
    assert_non_null(replier);
    assert_null(text.data); /* taken over */
    struct reply first = answer(replier, REPLY_NOW), second = answer(replier, REPLY_NOW);
    assert_true(slice_equal(first.bytes, slice_of_text("Good talking to you")));
    assert_ptr_equal(first.bytes.data, second.bytes.data);
    assert_true(first.shared);
    replier_destroy(&replier);
    assert_null(replier);
}

static void test_text_may_be_empty(void **state)
{
    (void)state;
    struct bytes text = {0};
    struct replier *replier = replier_text(&text);
    assert_non_null(replier);
    assert_int_equal(answer(replier, REPLY_NOW).bytes.size, 0);
    replier_destroy(&replier);
}

static void test_echo_is_the_message(void **state)
{
    (void)state;
    struct replier *replier = replier_echo();
    struct reply reply = answer(replier, REPLY_NOW);
    assert_ptr_equal(reply.bytes.data, greeting.body.data);
    assert_int_equal(reply.bytes.size, greeting.body.size);
    assert_false(reply.shared);
    replier_destroy(&replier);
    assert_null(replier);
}

static void test_silent_says_nothing(void **state)
{
    (void)state;
    struct replier *replier = replier_silent();
    assert_int_equal(answer(replier, REPLY_NONE).bytes.size, 0);
    replier_destroy(&replier);
    assert_null(replier);
}

static void test_repliers_have_names(void **state)
{
    (void)state;
    struct bytes text = {0};
    struct replier *repliers[] = {replier_text(&text), replier_echo(), replier_silent()};
    static const char *const names[] = {"text", "echo", "silent"};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(repliers[i]->table->name, names[i]);
        replier_destroy(&repliers[i]);
    }
}

/* ---- files: each test in a directory of its own ---- */

static int enter_directory(void **state)
{
    char *path = strdup("/tmp/goodtalk-reply-XXXXXX");
    *state = path;
    return path && mkdtemp(path) ? chdir(path) : -1;
}

static int leave_directory(void **state)
{
    (void)unlink("reply.bin");
    int result = chdir("/") < 0 ? -1 : rmdir(*state);
    free(*state);
    return result;
}

static void write_file(const char *path, const void *content, size_t size)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void assert_unreadable(const char *path, size_t maximum, const char *sentence)
{
    struct bytes content = {0};
    struct error error = {0};
    assert_int_equal(reply_file_read(path, maximum, &content, &error), GT_FAILED);
    assert_string_equal(error.text, sentence);
    assert_int_equal(content.size, 0);
    assert_null(content.data);
}

static void test_file_is_read_whole(void **state)
{
    (void)state;
    static const char bytes[] = "a\0\xff\r\n";
    struct bytes content = {0};
    struct error error = {0};
    write_file("reply.bin", bytes, 5);
    assert_int_equal(reply_file_read("reply.bin", 5, &content, &error), GT_DONE);
    assert_true(slice_equal(bytes_slice(&content), slice_of(bytes, 5)));
    bytes_free(&content);
}

static void test_large_file_is_read_whole(void **state)
{
    (void)state;
    size_t size = 3000001;
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 65536);
    write_file("reply.bin", bytes, size);
    struct bytes content = {0};
    assert_int_equal(reply_file_read("reply.bin", size, &content, NULL), GT_DONE);
    assert_true(slice_equal(bytes_slice(&content), slice_of(bytes, size)));
    bytes_free(&content);
    free(bytes);
}

static void test_empty_file_is_content_too(void **state)
{
    (void)state;
    struct bytes content = {0};
    write_file("reply.bin", "", 0);
    assert_int_equal(reply_file_read("reply.bin", 0, &content, NULL), GT_DONE);
    assert_int_equal(content.size, 0);
    bytes_free(&content);
}

static void test_pipe_is_read_to_its_end(void **state)
{
    (void)state;
    int ends[2];
    char path[32];
    struct bytes content = {0};
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "from a pipe", 11), 11);
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_int_equal(reply_file_read(path, 100, &content, NULL), GT_DONE);
    assert_true(slice_equal(bytes_slice(&content), slice_of_text("from a pipe")));
    bytes_free(&content);
    close(ends[0]);
}

static void test_too_large_is_refused(void **state)
{
    (void)state;
    write_file("reply.bin", "123456", 6);
    assert_unreadable("reply.bin", 5, "cannot read reply.bin: it is larger than 5 bytes");
    assert_unreadable("/dev/zero", 1 << 20, "cannot read /dev/zero: it is larger than 1 MiB");
}

static void test_absent_and_directory_are_told(void **state)
{
    (void)state;
    assert_unreadable("reply.bin", 100,
                      "cannot read reply.bin: No such file or directory (ENOENT, errno 2)");
    assert_unreadable("/", 100, "cannot read /: Is a directory (EISDIR, errno 21)");
    assert_unreadable("a\x1b[2J", 100,
                      "cannot read a\\x1b[2J: No such file or directory (ENOENT, errno 2)");
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, enter_directory, leave_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_shared),         cmocka_unit_test(test_text_may_be_empty),
        cmocka_unit_test(test_echo_is_the_message),    cmocka_unit_test(test_silent_says_nothing),
        cmocka_unit_test(test_repliers_have_names),    FILE_TEST(test_file_is_read_whole),
        FILE_TEST(test_large_file_is_read_whole),      FILE_TEST(test_empty_file_is_content_too),
        FILE_TEST(test_pipe_is_read_to_its_end),       FILE_TEST(test_too_large_is_refused),
        FILE_TEST(test_absent_and_directory_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
