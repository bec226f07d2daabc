/* Whatever is written as a size, duration or count: what is taken is in range, and what is said of
 * it reads back. */
#include "base/units.h"
#include "fuzz.h"

#include <stdio.h>

/* "250 ms" is what is said, "250ms" what is written. */
static void check_duration_words(int64_t ns)
{
    char words[40];
    char written[40];
    int64_t again = 0;
    units_duration_words(words, sizeof(words), ns);
    size_t length = strcspn(words, " ");
    require(length < sizeof(words));
    const char *unit = words[length] ? words + length + 1 : "";
    snprintf(written, sizeof(written), "%.*s%s", (int)length, words, unit);
    require(units_duration(written, &again) && again == ns);
}

static void check_count(const char *text)
{
    int64_t count = 0;
    char written[32];
    if (!units_count(text, INT64_MAX, &count))
        return;
    require(count >= 0);
    require(count == 0 || !units_count(text, count - 1, &(int64_t){0}));
    snprintf(written, sizeof(written), "%lld", (long long)count);
    size_t zeros = strspn(text, "0");
    zeros = text[zeros] ? zeros : zeros - 1;
    require(strcmp(text + zeros, written) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t value = 0;
    char words[40];
    char *text = text_of(slice_of(data, size));
    if (units_duration(text, &value)) {
        require(value >= -1);
        check_duration_words(value);
    }
    if (units_size(text, &value)) {
        require(value >= 0);
        require(strlen(units_size_words(words, sizeof(words), value)) < sizeof(words) - 1);
    }
    if (units_rate(text, &value))
        require(value == 0 || value >= 100);
    check_count(text);
    free(text);
    return 0;
}
