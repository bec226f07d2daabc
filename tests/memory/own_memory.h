/* own_memory.h: included before everything else by what plays the world around the server, the
 * simulated engine among it: its memory never runs out.
 *
 * In a program whose linker wraps the allocator (allocations.h) these go past the wrappers; and
 * what is kept in a struct bytes is grown by a copy of base/bytes.c, and escaped by one of
 * base/escape.c and base/json.c, of the world's own, built with these names. */
#ifndef MEMORY_OWN_MEMORY_H
#define MEMORY_OWN_MEMORY_H

#define malloc  __real_malloc
#define calloc  __real_calloc
#define realloc __real_realloc
#define strdup  __real_strdup
#define free    __real_free

#define bytes_reserve        own_bytes_reserve
#define bytes_reserve_within own_bytes_reserve_within
#define bytes_append         own_bytes_append
#define bytes_format         own_bytes_format
#define bytes_consume        own_bytes_consume
#define bytes_free           own_bytes_free

#define escape_text       own_escape_text
#define escape_as_typed   own_escape_as_typed
#define escape_string     own_escape_string
#define escape_needed     own_escape_needed
#define escape_json       own_escape_json
#define escape_json_plain own_escape_json_plain
#define escape_base64     own_escape_base64
#define unescape          own_unescape
#define utf8_decode       own_utf8_decode
#define utf8_valid        own_utf8_valid

#endif
