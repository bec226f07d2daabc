/* Lines of names and values as settings: set or refused with one sentence that is fit for a
 * terminal; the draft can be sealed whatever was set, or says why not. "name=value" or "name", one
 * a line. */
#include "fuzz.h"
#include "serve/settings.h"

#include <goodtalk.h>

static void check_error(const struct error *error)
{
    require(error->status == GT_WRONG || error->status == GT_FAILED);
    require(*error->text && fit_for_terminal(slice_of_text(error->text)));
}

static void set_line(struct settings *settings, char *line)
{
    struct error error = {0};
    char *value = strchr(line, '=');
    if (value)
        *value++ = '\0';
    if (settings_set(settings, line, value, &error) != GT_DONE)
        check_error(&error);
}

/* Files are not read: what a name points at is not the input's business. */
static void seal(struct settings *settings)
{
    struct error error = {0};
    if (settings->reply_source == REPLY_FROM_FILE)
        settings->reply_source = REPLY_FROM_TEXT;
    settings->greeting_exact_file = false;
    struct settings *sealed = settings_seal(settings, FRAMING_STREAM, &error);
    if (!sealed)
        check_error(&error);
    settings_release(&sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings settings;
    char *text = strndup((const char *)data, size);
    char *rest = text;
    require(text && settings_init(&settings, NULL) == GT_DONE);
    for (char *line; (line = strsep(&rest, "\n"));)
        set_line(&settings, line);
    seal(&settings);
    settings_clear(&settings);
    free(text);
    return 0;
}
