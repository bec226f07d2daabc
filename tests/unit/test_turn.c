/* The moves of a turn: those in the table are made, every other aborts and says why. */
#include "base/turn.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct move {
    enum turn_state from;
    enum turn_event event;
    enum turn_state to;
};

static const struct move allowed[] = {
    {TURN_FREE, TURN_TAKEN, TURN_HELD},
    {TURN_HELD, TURN_JOINED, TURN_FREE},
    {TURN_HELD, TURN_REPLIED, TURN_HELD_READY},
    {TURN_HELD, TURN_RECORDED, TURN_OPEN},
    {TURN_HELD, TURN_ORPHANED, TURN_ORPHAN_HELD},
    {TURN_HELD_READY, TURN_RECORDED, TURN_READY},
    {TURN_HELD_READY, TURN_ORPHANED, TURN_ORPHAN_HELD_READY},
    {TURN_OPEN, TURN_REPLIED, TURN_READY},
    {TURN_OPEN, TURN_ORPHANED, TURN_ORPHAN_OPEN},
    {TURN_READY, TURN_SENT, TURN_FREE},
    {TURN_READY, TURN_ORPHANED, TURN_FREE},
    {TURN_ORPHAN_HELD, TURN_RECORDED, TURN_ORPHAN_OPEN},
    {TURN_ORPHAN_HELD, TURN_REPLIED, TURN_ORPHAN_HELD_READY},
    {TURN_ORPHAN_HELD_READY, TURN_RECORDED, TURN_FREE},
    {TURN_ORPHAN_OPEN, TURN_REPLIED, TURN_FREE},
};

static const struct move *find_move(unsigned state, unsigned event)
{
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        if (allowed[i].from == state && allowed[i].event == event)
            return &allowed[i];
    return NULL;
}

static void every_allowed_move_is_made(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        struct gt_turn turn = {.magic = TURN_MAGIC, .state = (uint8_t)allowed[i].from};
        assert_int_equal(turn_move(&turn, allowed[i].event), allowed[i].to);
        assert_int_equal(turn.state, allowed[i].to);
    }
}

/* Make the move in a child: what it said on standard error; the child must have aborted. */
static void abort_words(struct gt_turn turn, unsigned event, char *words, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        turn_move(&turn, (enum turn_event)event);
        _exit(0);
    }
    close(ends[1]);
    ssize_t got = read(ends[0], words, size - 1);
    words[got > 0 ? got : 0] = '\0';
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        fail_msg("state %u, event %u: no abort", turn.state, event);
}

static void every_other_move_aborts(void **state)
{
    (void)state;
    static const char *const events[] = {"taken",   "joined", "recorded",
                                         "replied", "sent",   "orphaned"};
    for (unsigned from = 0; from < TURN_STATE_COUNT; from++) {
        for (unsigned event = 0; event < TURN_EVENT_COUNT; event++) {
            char words[200];
            char expected[200];
            if (find_move(from, event))
                continue;
            struct gt_turn turn = {.magic = TURN_MAGIC, .state = (uint8_t)from};
            abort_words(turn, event, words, sizeof(words));
            snprintf(expected, sizeof(expected), "goodtalk: bug: a turn that is %s cannot be %s\n",
                     turn_state_name((enum turn_state)from), events[event]);
            assert_string_equal(words, expected);
        }
    }
}

static void what_is_not_a_turn_aborts(void **state)
{
    (void)state;
    char words[200];
    struct gt_turn turn = {.magic = 1, .state = TURN_FREE};
    abort_words(turn, TURN_TAKEN, words, sizeof(words));
    assert_string_equal(words, "goodtalk: bug: what should be taken is not a turn\n");
    turn = (struct gt_turn){.magic = TURN_MAGIC, .state = 200};
    abort_words(turn, TURN_TAKEN, words, sizeof(words));
    assert_string_equal(words, "goodtalk: bug: a turn that is no state cannot be taken\n");
    turn.state = TURN_FREE;
    abort_words(turn, 77, words, sizeof(words));
    assert_string_equal(words, "goodtalk: bug: a turn that is free cannot be no event\n");
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(turn_state_name(TURN_FREE), "free");
    assert_string_equal(turn_state_name(TURN_HELD_READY), "held-ready");
    assert_string_equal(turn_state_name(TURN_ORPHAN_OPEN), "orphan-open");
    for (int a = 0; a < TURN_STATE_COUNT; a++)
        for (int b = 0; b < a; b++)
            assert_string_not_equal(turn_state_name((enum turn_state)a),
                                    turn_state_name((enum turn_state)b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allowed_move_is_made),
        cmocka_unit_test(every_other_move_aborts),
        cmocka_unit_test(what_is_not_a_turn_aborts),
        cmocka_unit_test(states_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
