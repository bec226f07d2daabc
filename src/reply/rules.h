/* rules.h: what a talk file's reply{...} was given: a list of rules; the first that matches
 * replies.
 *
 * A rule is a table
 *
 *   { pattern, reply, delay = "2s", ... }
 *
 * or a function alone, which is asked about every message that gets there. pattern: see pattern.h;
 * "" matches every message. reply is a text (template.h), a function, or left out, for no reply.
 *
 * Functions are called with the message (message_object.h) and the captures, an unset one being
 * nil. They return the reply, a string or a number; nothing, or nil: there is none, as from a
 * function that only does something; false: this rule does not match after all, the next ones are
 * tried. An error is told with its traceback; there is no reply then, and the connection closes.
 *
 *   replies = {...}  instead of a single reply, taken in turn: texts and functions, and tables
 *                    { reply, close = true, ... } with effects of their own, which go before those
 *                    of the rule; again and again,
 *   once = true      or once each, after which the rule does not match any more (cycle = false)
 *   when             a function(message, captures...): does the rule match?
 *   chance           from 0 to 1: how often it does, by the host's seed
 *   times            how often it may, for all workers together
 *   required         how often it must, or the run fails (outcome.h)
 *   delay, drip, pieces, truncate, close, reset, hang
 *                    what happens to the reply (effects.h)
 *
 * A pattern, `when`, `chance` and `times` are asked in this order. */
#ifndef REPLY_RULES_H
#define REPLY_RULES_H

#include "base/error.h"
#include "reply/reply.h"

#include <lua.h>

struct outcome;
struct rules;

/* Read the table at index, which reply was given: from within the function in C that is `reply`,
 * whose caller errors name ("mail.lua:7: rule 3: ..."). *rules is made first: it is there, to be
 * destroyed, even where an error is raised; NULL: memory was out. */
void rules_read(lua_State *lua, int index, struct rules **rules);

size_t rules_count(const struct rules *rules);

/* Before it is asked: for which worker, and which loading of the file (outcome.h). GT_DONE, or
 * GT_FAILED when memory is out. The host lives as long as the rules. */
int rules_prepare(struct rules *rules, const struct reply_host *host, unsigned worker,
                  unsigned load, struct error *error);

/* The reply to a message; its bytes and effects are there until the next call. */
enum reply_when rules_answer(struct rules *rules, const struct message *message,
                             struct reply *reply);

/* Before the script's state goes. *rules becomes NULL. */
void rules_destroy(struct rules **rules);

#endif
