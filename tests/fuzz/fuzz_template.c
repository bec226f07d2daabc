/* Whatever is written as a reply: what is taken is filled in within bounds, and a text without a
 * dollar stays as it is. */
#include "reply/template.h"

#include "fuzz.h"

static const struct peer peer = {.kind = PEER_IPV6, .port = 65535};
static const struct message message = {
    .peer = &peer, .listener = "tcp:[::]:9999", .worker = 1, .sequence = 2, .time_us = 3};

static struct matcher *matcher;

/* With groups that are set, unset, named and empty. */
static struct pattern *matched(void)
{
    struct pattern *pattern;
    struct subject subject;
    matcher = matcher ? matcher : matcher_create(4096);
    require(matcher != NULL);
    require(pattern_compile(slice_of_text("(a)(x)?(?<name>b)(?<id>)"), &pattern, NULL) == 0);
    subject_of(&subject, matcher, slice_of_text("ab"));
    require(pattern_match(matcher, pattern, &subject) == PATTERN_YES);
    return pattern;
}

static void check(struct slice text, const struct pattern *pattern)
{
    struct template *template;
    struct error error = {0};
    struct slice fixed;
    struct bytes filled = {0};
    if (template_parse(text, pattern, &template, &error) != 0) {
        require_sentence(&error);
        require(!template && memchr(text.data, '$', text.size));
        return;
    }
    require(template_fill(template, pattern, &message, &filled) == 0);
    require(filled.size <= text.size * PEER_NAME_SIZE);
    if (template_fixed(template, &fixed))
        require(slice_equal(fixed, bytes_slice(&filled)));
    if (text.size == 0 || !memchr(text.data, '$', text.size))
        require(template_fixed(template, &fixed) && slice_equal(fixed, text));
    bytes_free(&filled);
    template_destroy(&template);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pattern *pattern;
    pattern = pattern ? pattern : matched();
    char *text = text_of(slice_of(data, size));
    check(slice_of(text, size), pattern);
    check(slice_of(text, size), NULL);
    free(text);
    return 0;
}
