/* Any words as the command line: read and applied, or refused with one sentence that is fit for a
 * terminal. The input: see fuzz_words.h. */
#include "fuzz_words.h"
#include "tool/options.h"

static void check_given(const struct options *options, const struct words *words)
{
    require(options->count >= 0 && options->connections >= 0);
    require(options->given.address_count <= (size_t)words->count);
    for (size_t i = 0; i < options->given.option_count; i++) {
        const struct given_option *option = &options->given.options[i];
        require(option->setting && !option->setting->argument == !option->value);
    }
}

/* A talk file is not read: what a name points at is not the input's business. */
static void apply(struct options *options)
{
    if (options->talks)
        return;
    gt_server *server = gt_create();
    require(server != NULL);
    if (options_apply(options, server) != GT_DONE)
        require(*gt_error(server) && fit_for_terminal(slice_of_text(gt_error(server))));
    gt_free(&server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct words words = words_read(&input);
    char *list[WORDS_MOST + 2];
    struct options options;
    struct error error = {0};
    memcpy(list, words.list, sizeof list);
    int status = options_parse(&options, words.count, list, &error);
    if (status != GT_DONE)
        require_sentence(&error);
    else
        check_given(&options, &words);
    if (status == GT_DONE && options.action == OPTIONS_SERVE)
        apply(&options);
    options_free(&options);
    words_free(&words);
    return 0;
}
