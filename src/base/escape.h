/* escape.h: how foreign bytes are made fit for a terminal, a log line, a JSON string.
 *
 * Escaped are C0 (newline and tab too), DEL, C1, the bidirectional controls (U+061C, U+200E,
 * U+200F, U+202A..U+202E, U+2066..U+2069), line and paragraph separators (U+2028, U+2029), and
 * every byte that is not part of valid UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing
 * over U+10FFFF). Everything else passes as it is. */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include "base/bytes.h"

/* Append slice as text: offending bytes, each, as \xHH (lower case, so U+202E is \xe2\x80\xae);
 * newline, carriage return and tab as \n \r \t; a backslash as \\ so that the text can be read
 * back. 0, or -ENOMEM with to unchanged. */
int escape_text(struct bytes *to, struct slice slice);

/* As escape_text, into a buffer of size bytes, always NUL-terminated, cut with "..." where it does
 * not fit; size is at least 1. Returns to. */
char *escape_string(char *to, size_t size, struct slice slice);

/* The same, but with backslashes as they are: for sentences about what was typed. */
char *escape_as_typed(char *to, size_t size, struct slice slice);

/* Append slice, which is valid UTF-8, as a JSON string with its quotes (RFC 8259); controls, DEL,
 * C1 and bidirectional controls as \u00XX, so that the line is fit for a terminal too. 0 or
 * -ENOMEM. */
int escape_json(struct bytes *to, struct slice slice);

/* Whether a JSON string has these bytes as they are: ASCII without quotes, backslashes, controls.
 */
bool escape_json_plain(struct slice slice);

/* Append slice as the text of an XML element, or of an attribute in double quotes: & < > and what a
 * parser would change as references, what XML 1.0 forbids as \xHH. 0 or -ENOMEM (to unchanged). */
int escape_xml(struct bytes *to, struct slice slice, bool attribute);

/* Append slice in base64 (RFC 4648 section 4, padded), without quotes. 0 or -ENOMEM. */
int escape_base64(struct bytes *to, struct slice slice);

/* Whether the slice is valid UTF-8 as a whole. */
bool utf8_valid(struct slice slice);

/* Decode the first character of slice, which is not empty: its length in bytes, 0 when it is not
 * valid UTF-8 (code is then undefined). */
size_t utf8_decode(struct slice slice, uint32_t *code);

/* Whether this character is one of those escaped, as the top says. */
bool escape_needed(uint32_t code);

/* Read back what people write: \n \r \t \0 \\ and \xHH. Appends to to; 0, -ENOMEM, or -EINVAL when
 * a backslash is followed by anything else (*wrong is then its offset in text). to is unchanged on
 * error. */
int unescape(struct bytes *to, const char *text, size_t *wrong);

#endif
