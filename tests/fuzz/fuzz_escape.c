/* Whatever the bytes, escaped they are valid UTF-8 without controls, and can be read back; a string
 * that is cut is still ended and fit to print; JSON and base64 hold nothing but what they may. */
#include "fuzz.h"

static void require_printable(struct slice text)
{
    require(utf8_valid(text) && fit_for_terminal(text));
}

static void check_text(struct slice input)
{
    struct bytes text = {0};
    struct bytes back = {0};
    size_t wrong = 0;
    require(escape_text(&text, input) == 0);
    require_printable(bytes_slice(&text));
    require(bytes_append(&text, slice_of("", 1)) == 0);
    require(unescape(&back, (const char *)bytes_slice(&text).data, &wrong) == 0);
    require(slice_equal(bytes_slice(&back), input));
    bytes_free(&text);
    bytes_free(&back);
}

static void check_string(struct slice input, size_t size)
{
    char *text = malloc(size);
    require(text != NULL);
    escape_string(text, size, input);
    require(strlen(text) < size);
    require_printable(slice_of_text(text));
    free(text);
}

static void check_json(struct slice input)
{
    struct bytes text = {0};
    require(escape_json(&text, input) == 0);
    struct slice json = bytes_slice(&text);
    require(json.size >= 2 && json.data[0] == '"' && slice_ends_with(json, '"'));
    require_printable(json);
    for (size_t i = 1; i + 1 < json.size; i++) {
        require(json.data[i] != '"');
        if (json.data[i] == '\\')
            i++;
    }
    bytes_free(&text);
}

static void check_base64(struct slice input)
{
    struct bytes text = {0};
    require(escape_base64(&text, input) == 0);
    require(text.size == (input.size + 2) / 3 * 4);
    bytes_free(&text);
}

/* Foreign text is read back without harm, too; what is wrong is pointed at within it. */
static void check_unescape(struct slice input)
{
    struct bytes back = {0};
    size_t wrong = 0;
    char *text = text_of(input);
    if (unescape(&back, text, &wrong) != 0)
        require(wrong < strlen(text) && text[wrong] == '\\' && back.size == 0);
    free(text);
    bytes_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    check_text(input);
    check_string(input, size > 0 ? data[0] % 64u + 1u : 1);
    check_json(input);
    check_base64(input);
    check_unescape(input);
    return 0;
}
