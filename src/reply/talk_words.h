/* talk_words.h: what a run of a talk file has said, gathered while it runs. */
#ifndef REPLY_TALK_WORDS_H
#define REPLY_TALK_WORDS_H

#include "reply/talk.h"

/* Append a setting; its strings are copied: 0 or -ENOMEM. */
int talk_settings_add(struct talk_settings *settings, const char *name, struct slice value,
                      unsigned line);
/* Copy them to an empty list: 0, or -ENOMEM and it is empty. */
int talk_settings_copy(struct talk_settings *to, const struct talk_settings *from);
void talk_settings_free(struct talk_settings *settings);

/* Append an address, without settings so far: it, or NULL when memory is out. It stays where it is
 * until the next one. */
struct talk_address *talk_words_add_address(struct talk_words *words, struct slice address);
void talk_words_forget_addresses(struct talk_words *words);

/* Whether two runs said the same; else *what is the word that differs. */
bool talk_words_equal(const struct talk_words *one, const struct talk_words *other,
                      const char **what);

void talk_words_free(struct talk_words *words);

#endif
