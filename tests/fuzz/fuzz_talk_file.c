/* Any bytes as a talk file: read, or refused with one sentence that is fit for a terminal; what it
 * has said can be set, or is refused so; run again for two workers it says the same, or is refused;
 * those who reply by it answer any message, and nothing is left behind. */
#include "fuzz.h"
#include "reply/effects.h"
#include "reply/outcome.h"
#include "reply/talk.h"
#include "serve/settings.h"

#include <goodtalk.h>

static const struct script_bounds bounds = {
    .steps = 20000, .call_bytes = 1 << 20, .state_bytes = 4 << 20};

static void check_error(const struct error *error)
{
    require(error->status == GT_WRONG || error->status == GT_FAILED);
    require(*error->text && fit_for_terminal(slice_of_text(error->text)));
}

/* Files are not read: what a name points at is not the input's business. */
static void set_all(const struct talk_settings *settings)
{
    struct settings draft;
    require(settings_init(&draft, NULL) == GT_DONE);
    for (size_t i = 0; i < settings->count; i++) {
        struct error error = {0};
        const struct talk_setting *setting = &settings->entries[i];
        if (settings_set(&draft, setting->name, setting->value, &error) != GT_DONE)
            check_error(&error);
    }
    settings_clear(&draft);
}

static void check_words(const struct talk_words *words)
{
    set_all(&words->settings);
    for (size_t i = 0; i < words->address_count; i++) {
        require(*words->addresses[i].address);
        set_all(&words->addresses[i].settings);
    }
    require((words->kind == TALK_OF_RULES) == (words->rule_count > 0));
    require((words->kind == TALK_OF_SETTINGS) == (words->kind_line == 0));
}

/* ---- asking ---- */

static void tell_nobody(void *owner, enum gt_level level, const struct peer *peer,
                        const char *listener, const char *text)
{
    (void)owner, (void)level, (void)peer, (void)listener;
    require(fit_for_terminal(slice_of_text(text)));
}

static void ask(struct replier *replier, unsigned worker, const char *text)
{
    struct peer peer = {0};
    struct reply reply = {0};
    struct message message = {.body = slice_of_text(text),
                              .raw = slice_of_text(text),
                              .peer = &peer,
                              .listener = "tcp:[::]:9999",
                              .worker = worker,
                              .sequence = 1};
    enum reply_when when = replier_answer(replier, &message, NULL, &reply);
    require(when == REPLY_NOW || when == REPLY_NONE);
}

static void reply_by(struct talk *talk, const struct reply_host *host)
{
    struct error error = {0};
    struct replier *replier = replier_talk(talk);
    require(replier != NULL);
    if (replier->table->prepare(replier, host, &error) != GT_DONE) {
        check_error(&error);
    } else if (talk->words.kind == TALK_OF_RULES) {
        ask(replier, 0, "Who is there?");
        ask(replier, 1, "");
    }
    replier_destroy(&replier);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct talk_vocabulary vocabulary = {gt_setting_at};
    struct talk *talk;
    struct error error = {0};
    struct outcome *outcome = outcome_create(&(struct outcome_host){NULL, NULL});
    struct reply_host host = {.workers = 2,
                              .seed = 1,
                              .bounds = &bounds,
                              .match_bytes = 4096,
                              .outcome = outcome,
                              .tell = tell_nobody};
    require(outcome != NULL);
    if (talk_read_text("t", slice_of(data, size), &vocabulary, &bounds, &talk, &error) == GT_DONE) {
        check_words(&talk->words);
        reply_by(talk, &host);
        talk_release(&talk);
    } else {
        check_error(&error);
    }
    outcome_destroy(&outcome);
    return 0;
}
