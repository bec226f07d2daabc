/* outcome_failure.c: a failure is counted, told as one sentence, and kept with its texts while
 * there is room.
 *
 * Failing: where memory is out a text is missing, never the count. */
#include "base/escape.h"
#include "base/peer.h"
#include "reply/outcome_parts.h"
#include "reply/outcome_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const outcome_reasons[OUTCOME_KINDS] = {
    [OUTCOME_EXPECT] = "expect", [OUTCOME_SCRIPT] = "script", [OUTCOME_STRICT] = "strict"};

#define SENTENCE_BYTES 900

/* A failure, with its words. */
struct account {
    enum outcome_kind kind;
    const struct outcome_failure *failure;
    char text[SENTENCE_BYTES];
    char expected[OUTCOME_KEPT_BYTES]; /* "": nothing was */
    char heard[OUTCOME_KEPT_BYTES];
};

/* ---- keeping ---- */

/* NULL for an empty one. */
static char *copy_text(const char *text)
{
    return text && *text ? strdup(text) : NULL;
}

static char *copy_peer(const struct peer *peer)
{
    char name[PEER_NAME_SIZE];
    return peer ? strdup(peer_name(peer, name)) : NULL;
}

static char *copy_id(const struct outcome_failure *failure)
{
    char id[40];
    snprintf(id, sizeof id, "%u-%" PRIu64, failure->worker, failure->sequence);
    return failure->sequence > 0 ? strdup(id) : NULL;
}

static char *copy_error(const char *error)
{
    char lines[OUTCOME_KEPT_BYTES];
    return error ? strdup(outcome_join_lines(lines, sizeof lines, error, "\n  ")) : NULL;
}

static void fill(struct outcome_kept *kept, const struct account *account)
{
    const struct outcome_failure *failure = account->failure;
    *kept = (struct outcome_kept){.kind = account->kind,
                                  .conversation = failure->conversation,
                                  .duration_ns = -1,
                                  .text = copy_text(account->text),
                                  .peer = copy_peer(failure->peer),
                                  .listener = copy_text(failure->listener),
                                  .id = copy_id(failure),
                                  .expected = copy_text(account->expected),
                                  .heard = copy_text(account->heard),
                                  .error = copy_error(failure->error)};
}

/* Messages without a rule may be many: they leave room for what is said of conversations. */
static void keep(struct outcome *outcome, const struct account *account)
{
    unsigned most = OUTCOME_FAILURES_MAX / (account->kind == OUTCOME_STRICT ? 2 : 1);
    outcome_lock(outcome);
    if (outcome->kept_count < most)
        fill(&outcome->kept[outcome->kept_count++], account);
    outcome_unlock(outcome);
}

void outcome_forget(struct outcome *outcome)
{
    for (unsigned i = 0; i < outcome->kept_count; i++) {
        struct outcome_kept *kept = &outcome->kept[i];
        char *const texts[] = {kept->text,     kept->peer,  kept->listener, kept->id,
                               kept->expected, kept->heard, kept->error};
        for (size_t j = 0; j < sizeof texts / sizeof *texts; j++)
            free(texts[j]);
    }
    outcome->kept_count = 0;
}

void outcome_keep_duration(struct outcome *outcome, uint64_t conversation, int64_t duration_ns)
{
    outcome_lock(outcome);
    for (unsigned i = outcome->kept_count; i-- > 0;)
        if (outcome->kept[i].conversation == conversation)
            outcome->kept[i].duration_ns = duration_ns;
    outcome_unlock(outcome);
}

/* ---- telling ---- */

static void tell_account(const struct outcome *outcome, const struct account *account, bool unmet,
                         const char *reason)
{
    struct outcome_news news = {.level = unmet ? GT_ERROR : GT_WARNING,
                                .unmet = unmet,
                                .reason = reason,
                                .text = account->text,
                                .peer = account->failure->peer,
                                .listener = account->failure->listener,
                                .expected = account->expected[0] ? account->expected : NULL,
                                .heard = account->heard[0] ? account->heard : NULL};
    outcome_tell(outcome, &news);
}

static void open_account(struct account *account, enum outcome_kind kind,
                         const struct outcome_failure *failure)
{
    account->kind = kind;
    account->failure = failure;
    account->expected[0] = '\0';
    account->heard[0] = '\0';
    if (kind == OUTCOME_SCRIPT) {
        outcome_say_script(account->text, sizeof account->text, failure);
        return;
    }
    outcome_heard_words(account->heard, sizeof account->heard, failure);
    if (kind == OUTCOME_EXPECT) {
        outcome_say_expect(account->text, sizeof account->text, failure);
        escape_string(account->expected, sizeof account->expected, failure->expected);
    } else {
        outcome_say_unmatched(account->text, sizeof account->text, failure);
    }
}

void outcome_failed(struct outcome *outcome, const struct outcome_failure *failure)
{
    struct account account;
    open_account(&account, failure->error ? OUTCOME_SCRIPT : OUTCOME_EXPECT, failure);
    outcome_add(&outcome->failed[account.kind]);
    keep(outcome, &account);
    tell_account(outcome, &account, true, outcome_reasons[account.kind]);
}

void outcome_unmatched(struct outcome *outcome, const struct message *message, bool told)
{
    bool strict = atomic_load(&outcome->strict);
    struct outcome_failure failure = {.peer = message->peer,
                                      .listener = message->listener,
                                      .worker = message->worker,
                                      .sequence = message->sequence,
                                      .heard = message->body};
    struct account account;
    outcome_add(&outcome->unmatched);
    if (!strict && !told)
        return;
    open_account(&account, OUTCOME_STRICT, &failure);
    if (strict) {
        outcome_add(&outcome->failed[OUTCOME_STRICT]);
        keep(outcome, &account);
    }
    if (told)
        tell_account(outcome, &account, strict, strict ? "strict" : "unmatched");
}

void outcome_log(struct outcome *outcome, const char *line)
{
    struct outcome_news news = {.level = GT_NOTICE, .reason = "log", .text = line};
    outcome_tell(outcome, &news);
}
