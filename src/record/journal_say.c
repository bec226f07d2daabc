/* journal_say.c: what a journal has to say goes to whoever opened it. */
#include "record/journal_parts.h"

#include <stdarg.h>
#include <stdio.h>

void journal_say(const struct journal *journal, bool warning, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (journal->tell)
        journal->tell(journal->tell_context, warning, text);
}
