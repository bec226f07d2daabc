/* Whatever comes as a message, to patterns of every kind: they come to an end, and what they say is
 * what PCRE2 says without filters and limits, where that comes to an end, too. */
#include "reply/pattern.h"

#include "fuzz.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_BYTES 64

static const char *const texts[] = {
    "^HELO (\\S+)$",
    "(?i)^quit\\b",
    "^a\\.bc?d",
    "(?<year>\\d{4})-(\\d\\d)(?:-(\\d\\d))?",
    "error.*code=(\\d+)",
    "(?i)(k)(s)?x",
    "(*UTF)(?i)^k(.)s",
    "(*UTF)(*UCP)^\\w+ (\\X)",
    "(a+)+$",
    "(?=(a*)(a*))\\1\\2b",
    "(\\w)(?1)*\\1",
    "^\\s*#|^$",
    "[^\\x00-\\x7f]+(.)",
    "a\\Kb|b\\Ka",
};

#define COUNT (sizeof texts / sizeof *texts)

static struct matcher *matcher;
static struct pattern *patterns[COUNT];
static pcre2_code *codes[COUNT];
static pcre2_match_context *context;

static void compile(void)
{
    int number;
    PCRE2_SIZE offset;
    matcher = matcher_create(MATCH_BYTES);
    context = pcre2_match_context_create(NULL);
    require(matcher && context);
    pcre2_set_match_limit(context, 20000);
    for (size_t i = 0; i < COUNT; i++) {
        uint32_t options = strstr(texts[i], "(*UTF)") ? PCRE2_MATCH_INVALID_UTF : 0;
        require(pattern_compile(slice_of_text(texts[i]), &patterns[i], NULL) == 0);
        codes[i] =
            pcre2_compile((PCRE2_SPTR)texts[i], strlen(texts[i]), options, &number, &offset, NULL);
        require(codes[i] != NULL);
    }
}

static void check_captures(const struct pattern *pattern, const PCRE2_SIZE *pairs,
                           struct slice text)
{
    for (unsigned i = 0; i <= pattern_groups(pattern); i++) {
        struct slice capture;
        PCRE2_SIZE start = pairs[(size_t)2 * i], end = pairs[(size_t)2 * i + 1];
        bool set = start != PCRE2_UNSET && end >= start;
        require(pattern_capture(pattern, i, &capture) == set);
        if (set)
            require(capture.data == text.data + start && capture.size == end - start);
    }
}

static void check(size_t i, struct subject *subject)
{
    enum pattern_result result = pattern_match(matcher, patterns[i], subject);
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(codes[i], NULL);
    require(data != NULL);
    int plain = pcre2_match(codes[i], subject->bytes.data, subject->bytes.size, 0,
                            subject->cut ? PCRE2_NOTEOL : 0, data, context);
    if (result != PATTERN_LIMIT && (plain >= 0 || plain == PCRE2_ERROR_NOMATCH))
        require((plain >= 0) == (result == PATTERN_YES));
    if (result == PATTERN_YES && plain > 0)
        check_captures(patterns[i], pcre2_get_ovector_pointer(data), subject->bytes);
    pcre2_match_data_free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct subject subject;
    if (!matcher)
        compile();
    char *text = text_of(slice_of(data, size));
    subject_of(&subject, matcher, slice_of(text, size));
    require(subject.bytes.size <= MATCH_BYTES);
    for (size_t i = 0; i < COUNT; i++)
        check(i, &subject);
    free(text);
    return 0;
}
