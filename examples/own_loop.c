/* goodtalk in a loop that is not its own: one thread, one poll for the server, for standard input
 * and for a timer. The reply is the line that was typed last; the end of the input is the end.
 *
 *     cc own_loop.c $(pkg-config --cflags --libs goodtalk) -o own_loop && ./own_loop 9999 */
#include <goodtalk.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { SERVER, INPUT, TIMER, WAITED_FOR };

struct line {
    char text[1000];
    size_t size;
};

static void heard(gt_turn *turn, const struct gt_message *message, void *context)
{
    (void)message;
    const struct line *reply = context;
    gt_reply(turn, reply->text, reply->size);
}

/* Take one byte of what is typed; a whole line becomes the reply. False at the end of the input. */
static bool type(struct line *typed, struct line *reply)
{
    char byte;
    if (read(STDIN_FILENO, &byte, 1) != 1)
        return false;
    if (byte != '\n') {
        if (typed->size < sizeof typed->text)
            typed->text[typed->size++] = byte;
        return true;
    }
    *reply = *typed;
    typed->size = 0;
    printf("the reply is now: %.*s\n", (int)reply->size, reply->text);
    return true;
}

static int open_timer(void)
{
    struct itimerspec every_second = {.it_interval = {.tv_sec = 1}, .it_value = {.tv_sec = 1}};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (timer >= 0)
        timerfd_settime(timer, 0, &every_second, NULL);
    return timer;
}

static void tick(int timer, const gt_server *server)
{
    uint64_t ticks;
    if (read(timer, &ticks, sizeof ticks) == sizeof ticks)
        printf("tick: %llu messages so far\n", (unsigned long long)gt_message_count(server));
}

/* The loop, until the server is done: a gt_status. */
static int loop(gt_server *server, int timer, struct line *reply)
{
    struct line typed = {.size = 0};
    struct pollfd waited_for[WAITED_FOR] = {
        [SERVER] = {.fd = gt_fd(server), .events = POLLIN},
        [INPUT] = {.fd = STDIN_FILENO, .events = POLLIN},
        [TIMER] = {.fd = timer, .events = POLLIN},
    };
    int status = GT_FAILED;
    while (waited_for[SERVER].fd >= 0 && (status = gt_step(server)) == GT_RUNNING) {
        if (poll(waited_for, WAITED_FOR, gt_timeout_ms(server)) < 0)
            continue; /* EINTR: nothing else can be wrong here */
        if (waited_for[TIMER].revents)
            tick(timer, server);
        if (waited_for[INPUT].revents && !type(&typed, reply)) {
            waited_for[INPUT].fd = -1; /* poll passes over it from now on */
            gt_stop(server);           /* the steps go on until what is in hand is finished */
        }
    }
    return status;
}

int main(int argc, char **argv)
{
    struct line reply = {.text = "Good talking to you", .size = 19};
    int timer = open_timer();
    gt_server *server = gt_create();
    if (!server || timer < 0)
        return perror("own_loop"), GT_FAILED;
    setvbuf(stdout, NULL, _IOLBF, 0);
    gt_on_message(server, heard, &reply);
    gt_set(server, "ready", "-"); /* say on standard error where it listens */
    int status = gt_listen(server, argc > 1 ? argv[1] : "9999");
    if (status == GT_DONE)
        status = loop(server, timer, &reply);
    if (status != GT_DONE)
        fprintf(stderr, "own_loop: %s\n", gt_error(server));
    gt_free(&server);
    return status;
}
