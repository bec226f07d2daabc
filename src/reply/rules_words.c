/* rules_words.c: how it is told what is wrong with a rule. */
#include "reply/rules_parts.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void rules_refuse(const struct reading *reading, const char *format, ...)
{
    char text[768];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    luaL_error(reading->lua, "rule %d: %s", reading->number, text);
    abort(); /* not reached */
}
