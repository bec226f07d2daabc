/* file.c: a whole file read at the start: --reply-file, --greeting-file.
 *
 * Files and pipes ("<(command)") alike are read to their end. Ways to fail: it cannot be opened or
 * read, it is larger than it may be, memory is out. The content is empty then. */
#include "reply/reply.h"

#include "base/escape.h"
#include "base/units.h"
#include "goodtalk.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define READ_BYTES 65536

/* Read to the end, or until there are more than maximum bytes: 0 or -errno. */
static int file_read_all(int fd, size_t maximum, struct bytes *content)
{
    while (content->size <= maximum) {
        if (bytes_reserve(content, READ_BYTES) < 0)
            return -ENOMEM;
        ssize_t count = read(fd, bytes_end(content), READ_BYTES);
        if (count == 0)
            return 0;
        if (count < 0 && errno != EINTR)
            return -errno;
        content->size += count > 0 ? (size_t)count : 0;
    }
    return -EFBIG;
}

static int file_refuse(const char *path, size_t maximum, int number, struct error *error)
{
    char name[256], words[64];
    escape_string(name, sizeof name, slice_of_text(path));
    if (number != EFBIG)
        return error_errno(error, number, "cannot read %s", name);
    return error_set(error, GT_FAILED, "cannot read %s: it is larger than %s", name,
                     units_size_words(words, sizeof words, (int64_t)maximum));
}

int reply_file_read(const char *path, size_t maximum, struct bytes *content, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return file_refuse(path, maximum, errno, error);
    bytes_clear(content);
    int result = file_read_all(fd, maximum, content);
    close(fd);
    if (result == 0)
        return GT_DONE;
    bytes_free(content);
    return file_refuse(path, maximum, -result, error);
}
