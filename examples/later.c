/* Replies that come later: messages wait in a queue, threads work on them, and each replies when it
 * is done. Whoever is done first: a client gets its replies in the order of its messages.
 *
 *     cc later.c $(pkg-config --cflags --libs goodtalk) -pthread -o later && ./later 9999
 *     printf '900\n100\n' | nc localhost 9999      a message: milliseconds that its work takes */
#include <goodtalk.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS 4

struct job {
    struct job *next;
    gt_turn *turn; /* ours until it is replied to: exactly once, from any thread */
    long milliseconds;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the queue, which is: */
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;
static struct job *first, **last = &first;
static bool over; /* no job will come any more */

static gt_server *server; /* for the signal handler */

/* On the server's thread. A message is valid during the call only: keep what is needed of it. */
static void heard(gt_turn *turn, const struct gt_message *message, void *context)
{
    (void)context;
    char digits[6] = "";
    memcpy(digits, message->bytes, message->size < 5 ? message->size : 5);
    struct job *job = malloc(sizeof *job);
    if (!job) {
        gt_reply_none(turn);
        return;
    }
    *job = (struct job){.turn = turn, .milliseconds = labs(strtol(digits, NULL, 10))};
    pthread_mutex_lock(&lock);
    *last = job;
    last = &job->next;
    pthread_cond_signal(&news);
    pthread_mutex_unlock(&lock);
}

/* The next job; NULL when there is none left and none to come. */
static struct job *next_job(void)
{
    pthread_mutex_lock(&lock);
    while (!first && !over)
        pthread_cond_wait(&news, &lock);
    struct job *job = first;
    if (job && !(first = job->next))
        last = &first;
    pthread_mutex_unlock(&lock);
    return job;
}

/* On a thread of its own: work, then reply, which wakes the server. The peer may have gone by then:
 * no harm. */
static void *work(void *unused)
{
    for (struct job *job; (job = next_job()); free(job)) {
        usleep((useconds_t)job->milliseconds * 1000);
        char text[64];
        int size = snprintf(text, sizeof text, "%ld ms of work", job->milliseconds);
        puts(text);
        gt_reply(job->turn, text, (size_t)size);
    }
    return unused;
}

static void stop(int number)
{
    (void)number;
    gt_stop(server); /* once: what is in hand is finished; twice: leave at once */
}

static void on_signals(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    server = gt_create();
    for (int i = 0; i < THREADS; i++)
        if (!server || pthread_create(&threads[i], NULL, work, NULL) != 0)
            return fputs("later: out of memory or threads\n", stderr), GT_FAILED;
    setvbuf(stdout, NULL, _IOLBF, 0);
    on_signals(stop);
    gt_on_message(server, heard, NULL);
    gt_set(server, "ready", "-"); /* say on standard error where it listens */
    int status = gt_listen(server, argc > 1 ? argv[1] : "9999");
    if (status == GT_DONE)
        status = gt_run(server); /* once stopped, until every turn in hand has its reply */
    if (status != GT_DONE)
        fprintf(stderr, "later: %s\n", gt_error(server));
    pthread_mutex_lock(&lock);
    over = true;
    pthread_cond_broadcast(&news);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL); /* turns that a second signal left are theirs until now */
    on_signals(SIG_IGN);                /* they would find no server any more */
    gt_free(&server);
    return status;
}
