/* scenes.c: the scenes, each about other ways that memory is asked for.
 *
 *     lines    pipelines on streams, one reply for all of them, shared; shown slowly, as JSON
 *     later    an application replies, at once or later, much or little
 *     letters  packets and datagrams, echoed; and streams beside them
 *     counted  a goal, and a slow reader of what is shown
 *     one      a single message
 *     rules    a talk file with a template, a function that keeps, a delay
 *     talks    a conversation for each, with waits
 *     commands a command for each message */
#include "world.h"

#define WORDS                                                                                      \
    "a reply that is long enough to need a buffer of its own when three of its kind are joined, "  \
    "since the space that every output has is a kilobyte, and no more; what is longer than that "  \
    "is copied into a staging buffer, of which each connection takes as many as it has need for; " \
    "so this sentence goes on, and says nothing new, until it has the length that it was written " \
    "for, which is about five hundred bytes, and at its end it stops"

const struct scene scenes[] = {
    {.name = "lines",
     .settings = {"frame", "line", "show", "json", "reply", WORDS, "greeting", "good day to you:"},
     .replies = REPLIES_TEXT,
     .shown_slowly = true,
     .talkers = 12,
     .messages = 300,
     .round = 3,
     .size_most = 60,
     .large = 1500},
    {.name = "later",
     .settings = {"frame", "line", "show", "talk", "greeting", "hello "},
     .replies = REPLIES_BY_APPLICATION,
     .talkers = 8,
     .messages = 220,
     .round = 5,
     .size_most = 300,
     .large = 6000},
    {.name = "letters",
     .settings = {"frame", "line", "show", "talk"},
     .replies = REPLIES_BY_APPLICATION,
     .talkers = 2,
     .packets = 4,
     .writers = 6,
     .messages = 100,
     .round = 4,
     .size_most = 300,
     .large = 2000},
    {.name = "counted",
     .settings = {"frame", "line", "show", "talk", "count", "300", "echo", "on"},
     .replies = REPLIES_ECHO,
     .shown_slowly = true,
     .talkers = 8,
     .messages = 100,
     .round = 5,
     .size_most = 200,
     .large = 5000,
     .count = 300},
    {.name = "one",
     .settings = {"frame", "line", "show", "talk", "count", "1", "echo", "on", "greeting", "hi "},
     .replies = REPLIES_ECHO,
     .shown_slowly = true,
     .talkers = 3,
     .messages = 1,
     .round = 1,
     .size_most = 3000,
     .large = 0,
     .count = 1},
    {.name = "rules",
     .settings = {"frame", "line", "show", "talk", "match-bytes", "64KiB"},
     .talk = "local last = {}\n"
             "reply {\n"
             "  { '^(<[13579]\\\\..*)$', '$1' },\n"
             "  { '^(?<whole><[0248].*)', '${whole}', delay = '1ms' },\n"
             "  { '', when = function (message) last[message.peer] = message return false end },\n"
             "  function (message) return last[message.peer].text .. '' end,\n"
             "}\n",
     .replies = REPLIES_ECHO,
     .talkers = 6,
     .messages = 30,
     .round = 3,
     .size_most = 100,
     .large = 3000},
    {.name = "talks",
     .settings = {"frame", "line", "show", "talk"},
     .talk = "talk(function (peer)\n"
             "  for message in peer.hear, peer do\n"
             "    peer:wait '1ms'\n"
             "    peer:say(message.text, '\\n')\n"
             "  end\n"
             "end)\n",
     .replies = REPLIES_ECHO,
     .talkers = 6,
     .messages = 30,
     .round = 3,
     .size_most = 100,
     .large = 3000},
    {.name = "commands",
     .settings = {"frame", "line", "show", "talk", "exec", "cat"},
     .replies = REPLIES_ECHO,
     .talkers = 4,
     .messages = 20,
     .round = 3,
     .size_most = 100,
     .large = 3000},
    {.name = NULL},
};
