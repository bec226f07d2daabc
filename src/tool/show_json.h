/* show_json.h: JSON, read as far as goodtalk show needs it: strings, numbers, and whatever is to be
 * passed over. */
#ifndef TOOL_SHOW_JSON_H
#define TOOL_SHOW_JSON_H

#include "base/bytes.h"

/* What is left to be read; each function takes what it has read from its beginning. They are false
 * when that is not there; a reader whose text ran out of memory says so in no_memory. */
struct show_json {
    struct slice rest;
    bool no_memory;
};

/* A sign like "{" or ":", and the space before it. */
bool show_json_sign(struct show_json *json, char sign);

/* Whether that sign comes next. */
bool show_json_peek(struct show_json *json, char sign);

/* A string: what it means replaces the content of to. Must be valid UTF-8. */
bool show_json_string(struct show_json *json, struct bytes *to);

/* A number without sign, fraction and exponent. */
bool show_json_count(struct show_json *json, int64_t *count);

/* Any value. */
bool show_json_skip(struct show_json *json);

/* Base64 (with its padding) appended to to as bytes; false when it is none, or memory is out
 * (*no_memory then). */
bool show_base64_read(struct bytes *to, struct slice text, bool *no_memory);

#endif
