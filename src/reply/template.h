/* template.h: a reply's text with places that are filled in.
 *
 *   $0 $1 ${1}   what the pattern matched, and what its groups captured (nothing where a group
 *                took no part)
 *   ${name}      a group's by name; $name, where a letter, digit or _ does not follow
 *   $peer $listener $time $id, and ${peer} ...
 *                of the message, as in records; a group of that name comes first
 *   $$           a dollar
 *
 * It is parsed once. A name that is not known, and a dollar alone, are errors then. */
#ifndef REPLY_TEMPLATE_H
#define REPLY_TEMPLATE_H

#include "base/error.h"
#include "base/turn.h"
#include "reply/pattern.h"

struct template;

/* pattern: whose groups it names; NULL: there are none. GT_DONE, GT_WRONG, or GT_FAILED when memory
 * is out. */
int template_parse(struct slice text, const struct pattern *pattern, struct template **made,
                   struct error *error);
void template_destroy(struct template **template);

/* Append it, filled in from the last match of the pattern it was parsed for, and from the message:
 * 0 or -ENOMEM. */
int template_fill(const struct template *template, const struct pattern *pattern,
                  const struct message *message, struct bytes *to);

/* Whether there is nothing to fill in: it is this text. */
bool template_fixed(const struct template *template, struct slice *text);

#endif
