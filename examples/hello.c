/* The smallest server: on port 9999 one message is shown, replied to, and that is all.
 *
 *     cc hello.c -lgoodtalk -o hello && ./hello       elsewhere: telnet localhost 9999 */
#include <goodtalk.h>
#include <stdio.h>

static void heard(gt_turn *turn, const struct gt_message *message, void *context)
{
    (void)message, (void)context;
    gt_reply(turn, "Good talking to you", 19);
}

int main(void)
{
    gt_server *server = gt_create();
    if (!server)
        return GT_FAILED;
    gt_on_message(server, heard, NULL);
    gt_set(server, "show", "talk"); /* "The message was: ...", escaped, before it is replied to */
    gt_set(server, "count", "1");
    int status = gt_listen(server, "9999");
    if (status == GT_DONE)
        status = gt_run(server);
    if (status != GT_DONE)
        fprintf(stderr, "hello: %s\n", gt_error(server));
    gt_free(&server);
    return status;
}
