/* talk.h: a talk file: settings, addresses, and rules or a conversation, written in Lua.
 *
 * The file is read once, and its source kept. It is run at once to learn what it sets and where it
 * listens (talk_read), and again for each worker, in a script of that worker's own
 * (talk_prepare): a talk instance. A run that says something else than the first one is an error.
 *
 * What runs in it finds: settings, which are assigned by their command-line names with _ for - and
 * read back as they were assigned; listen; the functions reply, talk and log; the table shared; and
 * the sandboxed libraries. reply and talk may be called once, the one or the other, while the file
 * is being run.
 *
 * A talk is counted: the sealed settings of listeners hold it, so that connections finish with the
 * file they were accepted with. */
#ifndef REPLY_TALK_H
#define REPLY_TALK_H

#include "base/bytes.h"
#include "base/error.h"
#include "reply/reply.h"
#include "reply/script.h"

#include <stdatomic.h>

struct outcome;
struct rules;
struct talk;

/* A file may be as long. */
#define TALK_BYTES_MAX ((size_t)16 << 20)

/* An assignment to a setting: as one would give it on the command line. */
struct talk_setting {
    char *name;  /* "max-message" */
    char *value; /* a flag's is "on" or "off"; a TEXT's is escaped, to be read back */
    unsigned line;
};

struct talk_settings {
    struct talk_setting *entries; /* owned; in the order of the assignments */
    size_t count;
};

/* What one entry of listen says. */
struct talk_address {
    char *address;
    struct talk_settings settings; /* of this listener alone */
};

/* What the file has beside settings. */
enum talk_kind { TALK_OF_SETTINGS, TALK_OF_RULES, TALK_OF_CONVERSATION };

/* What a run of the file has said. */
struct talk_words {
    struct talk_settings settings;
    struct talk_address *addresses; /* owned */
    size_t address_count;
    unsigned listen_line; /* 0: listen was not set */
    enum talk_kind kind;
    unsigned kind_line; /* where reply or talk was called */
    size_t rule_count;
};

/* The file, run for one worker. Functions in C that a script calls find theirs by
 * talk_instance_of. */
struct talk_instance {
    struct talk *talk;
    struct script *script;
    struct rules *rules; /* what reply was given; NULL: it was not called */
    int conversation;    /* the function that talk was given, in the registry; LUA_NOREF: none */
    unsigned worker;
    const struct reply_host *host; /* NULL: the file is only being read, nobody will be asked */
    struct outcome *outcome;       /* the host's; likewise */
    struct talk_words *words;      /* while the file itself is being run: what it says; then NULL */
};

struct talk {
    char *name; /* the file's, escaped: "mail.lua", as errors begin */
    struct bytes source;
    const struct talk_vocabulary *vocabulary;
    unsigned load; /* which loading it is, as struct outcome counts them: whoever loads says */
    struct talk_words words;
    struct talk_instance *instances; /* one for each worker, once prepared */
    unsigned instance_count;
    atomic_uint references;
};

/* What a talk file may set. */
struct talk_vocabulary {
    const struct gt_setting *(*at)(size_t index); /* as gt_setting_at */
};

/* Read a file and run it to learn what it says; nothing is opened. *talk gets a reference. GT_DONE;
 * GT_WRONG "mail.lua:3: max_mesage: no such setting; did you mean max_message?", and where it
 * cannot be read; GT_FAILED: memory is out. */
int talk_read(const char *path, const struct talk_vocabulary *vocabulary,
              const struct script_bounds *bounds, struct talk **talk, struct error *error);

/* The same, from text that is given; name is that of errors. */
int talk_read_text(const char *name, struct slice source, const struct talk_vocabulary *vocabulary,
                   const struct script_bounds *bounds, struct talk **talk, struct error *error);

struct talk *talk_keep(struct talk *talk);
/* From any thread; the last one frees it with its instances. *talk becomes NULL. */
void talk_release(struct talk **talk);

/* Make the instances of all the host's workers, unless they are there: GT_DONE or the reason. The
 * host lives as long as the talk is asked. */
int talk_prepare(struct talk *talk, const struct reply_host *host, struct error *error);

/* As if it had not been prepared: nobody will ask it before it is again. */
void talk_retire(struct talk *talk);

/* Worker's instance, once prepared: on that worker's thread. */
static inline struct talk_instance *talk_instance_at(const struct talk *talk, unsigned worker)
{
    return &talk->instances[worker];
}

/* The instance whose script this state, or coroutine, belongs to. */
struct talk_instance *talk_instance_of(lua_State *lua);

/* Reply by the rules of a prepared talk, or hold its conversation; keeps a reference. NULL when
 * memory is out. */
struct replier *replier_talk(struct talk *talk);

#endif
