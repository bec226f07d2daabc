/* json_reader.h: JSON lines read back, as a stranger would: by the grammar of RFC 8259, not by what
 * src/ happens to write. Only what such lines hold: objects, strings, unsigned numbers.
 *
 * Whatever is not as it must be ends the harness (require). */
#ifndef FUZZ_JSON_READER_H
#define FUZZ_JSON_READER_H

#include "base/bytes.h"
#include "fuzz.h"

/* Take this text off the front, which must begin with it. */
void json_expect(struct slice *json, const char *text);

/* Take a string off the front: what it means, in UTF-8, is appended. */
void json_string(struct slice *json, struct bytes *meaning);

/* Take a string that is base64: its bytes are appended. */
void json_base64(struct slice *json, struct bytes *meaning);

/* Take an unsigned number. */
uint64_t json_number(struct slice *json);

/* Take ',"name":' if it is what comes next: whether it was. */
bool json_has(struct slice *json, const char *name);

#endif
