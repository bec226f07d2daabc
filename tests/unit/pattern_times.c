/* How long evil patterns take, at most: for make soak-script, on a quiet machine. Arguments: how
 * many milliseconds a match may take. */
#include "evil_patterns.h"
#include "reply/pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LARGEST ((size_t)1 << 20)

static double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* The time of one match, in a process's time on the CPU. */
static double match_ms(struct matcher *matcher, struct pattern *pattern, struct slice text)
{
    struct subject subject;
    double start = now_ms();
    subject_of(&subject, matcher, text);
    pattern_match(matcher, pattern, &subject);
    return now_ms() - start;
}

/* The least of three, where one takes longer than any before: what else the machine was made to do
 * is not the pattern's. */
static double least_ms(struct matcher *matcher, struct pattern *pattern, struct slice text,
                       double before_ms)
{
    double least = match_ms(matcher, pattern, text);
    for (int again = 0; again < 2 && least > before_ms; again++) {
        double ms = match_ms(matcher, pattern, text);
        least = ms < least ? ms : least;
    }
    return least;
}

struct longest {
    double ms;
    unsigned pattern, subject;
    size_t size;
};

static void try_pattern(unsigned number, size_t match_bytes, char *text, struct longest *longest)
{
    static const size_t sizes[] = {20, 41, 100, 300, 1000, 4096, LARGEST};
    struct matcher *matcher = matcher_create(match_bytes);
    struct pattern *pattern = NULL;
    if (!matcher || pattern_compile(slice_of_text(evil_pattern(number)), &pattern, NULL) != 0)
        abort();
    for (unsigned i = 0; i < EVIL_SUBJECTS; i++)
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            evil_subject(i, text, sizes[j]);
            double ms = least_ms(matcher, pattern, slice_of(text, sizes[j]), longest->ms);
            if (ms > longest->ms)
                *longest = (struct longest){ms, number, i, sizes[j]};
        }
    pattern_destroy(&pattern);
    matcher_destroy(&matcher);
}

int main(int count, char **arguments)
{
    double most_ms = count > 1 ? atof(arguments[1]) : 20;
    struct longest longest[2] = {{.ms = 0}, {.ms = 0}};
    static const size_t seen[] = {4096, LARGEST};
    char *text = malloc(LARGEST);
    if (!text)
        return 1;
    for (unsigned i = 0; i < EVIL_PATTERNS; i++)
        for (unsigned j = 0; j < 2; j++)
            try_pattern(i, seen[j], text, &longest[j]);
    for (unsigned j = 0; j < 2; j++)
        printf("%d patterns that see %zu bytes: %.1f ms at most, %s on %zu bytes of subject %u\n",
               EVIL_PATTERNS, seen[j], longest[j].ms, evil_pattern(longest[j].pattern),
               longest[j].size, longest[j].subject);
    free(text);
    return longest[0].ms > most_ms || longest[1].ms > most_ms;
}
