/* rules_parts.h: what the files of rules share. */
#ifndef REPLY_RULES_PARTS_H
#define REPLY_RULES_PARTS_H

#include "reply/effects.h"
#include "reply/pattern.h"
#include "reply/rules.h"
#include "reply/template.h"

struct outcome_rule;
struct script;

/* One thing to say: at most one of the two is there; neither: there is no reply. */
struct saying {
    struct template *text;
    int function; /* in the registry, or LUA_NOREF */
    struct effects effects;
    bool affected; /* effects has any */
};

struct rule {
    struct pattern *pattern;    /* NULL: it matches every message */
    struct saying *sayings;     /* owned; in turn, where there are several */
    size_t saying_count;        /* at least one */
    bool once;                  /* each of them once */
    int when;                   /* in the registry, or LUA_NOREF */
    double chance;              /* 1: always */
    uint64_t random;            /* of its own, so that it depends on no other rule */
    uint64_t times;             /* 0: no limit */
    uint64_t required;          /* 0: none */
    struct effects effects;     /* of its sayings, unless they have their own */
    struct outcome_rule *count; /* of its matches; NULL: nobody asks */
};

/* Something that may happen very often: each second the first few are told. */
struct seldom {
    int64_t second; /* in the time of messages */
    unsigned told;  /* in it */
    uint64_t kept;  /* that were not told, since one was */
};

struct rules {
    struct script *script;
    int asking;             /* what calls a function in protected mode, in the registry */
    struct rule *list;      /* owned */
    struct filter *filters; /* owned: of the rules' patterns, together, as they are all looked at */
    size_t count;
    struct matcher *matcher;
    const struct reply_host *host;
    struct bytes filled;     /* the reply that was made last */
    struct seldom limit;     /* patterns at their limit */
    struct seldom unmatched; /* messages without a rule */
};

/* What a function said. */
enum said {
    SAID_REPLY,    /* it is in rules->filled */
    SAID_NOTHING,  /* no reply */
    SAID_DECLINED, /* the rule does not match after all */
    SAID_FAILED    /* an error, which has been told */
};

/* Make what the others below call functions with: rules->asking. */
int rules_ask_function(lua_State *lua);

/* Ask a function for the reply to a message that the rule matches. */
enum said rules_ask(struct rules *rules, const struct rule *rule, int function,
                    const struct message *message);

/* Ask `when`: SAID_REPLY: yes; SAID_DECLINED; SAID_FAILED. */
enum said rules_ask_when(struct rules *rules, const struct rule *rule,
                         const struct message *message);

/* ---- while the rules are being read; each raises an error "rule 3: ..." ---- */

struct reading {
    lua_State *lua;
    struct rule *rule;
    int number; /* of the rule, from 1 */
    int table;  /* where it is on the stack */
};

_Noreturn void rules_refuse(const struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Read the value on top of the stack, of the key that is named; unknown keys are refused. */
void rules_read_key(struct reading *reading, const char *key);

/* The same, of a reply's table: only effects. */
void rules_read_effect(struct reading *reading, const char *key);

#endif
