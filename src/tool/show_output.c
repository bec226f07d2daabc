/* show_output.c: large writes. SIGPIPE is ignored by whoever uses this, so that a reader who has
 * gone is EPIPE. */
#include "tool/show_output.h"

#include <errno.h>
#include <goodtalk.h>
#include <poll.h>
#include <unistd.h>

#define MUCH ((size_t)64 * 1024)

/* Others may have made it non-blocking. */
static void wait_writable(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    poll(&out, 1, -1);
}

int show_output_flush(struct show_output *output, struct error *error)
{
    while (output->text.size > 0 && !output->gone) {
        struct slice text = bytes_slice(&output->text);
        ssize_t count = write(STDOUT_FILENO, text.data, text.size);
        if (count >= 0)
            bytes_consume(&output->text, (size_t)count);
        else if (errno == EPIPE)
            output->gone = true;
        else if (errno == EAGAIN)
            wait_writable();
        else if (errno != EINTR)
            return error_errno(error, errno, "cannot write to standard output");
    }
    bytes_clear(&output->text);
    return GT_DONE;
}

int show_output_flow(struct show_output *output, struct error *error)
{
    return output->text.size < MUCH ? GT_DONE : show_output_flush(output, error);
}

void show_output_free(struct show_output *output)
{
    bytes_free(&output->text);
}
