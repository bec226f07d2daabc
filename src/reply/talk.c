/* talk.c: a talk file is read, run to learn what it says, and run again for each worker.
 *
 * The happy path: the source is read, a script is made, its globals are those of a talk file
 * (talk_environment.c), the file runs in it and its words are kept; that script has done its work.
 * When the server knows how many workers there are, each gets an instance, made the same way and
 * kept.
 *
 * Ways to fail: no such file, or too large; no Lua, or an error while it runs, with the line;
 * memory, or another bound of scripts; a run that does not say what the first one said. Whatever
 * was made by then is freed again, and a talk that was prepared before stays as it is. */
#include "reply/talk.h"

#include "base/escape.h"
#include "reply/rules.h"
#include "reply/talk_environment.h"
#include "reply/talk_words.h"

#include <errno.h>
#include <goodtalk.h>
#include <stdlib.h>
#include <string.h>

/* ---- a run ---- */

/* One line, fit for a terminal: what Lua says, without where it was called from. The file is not
 * wrong where memory is out. */
static int tell_wrong(struct script *script, int failed, struct error *error)
{
    int status = failed == LUA_ERRMEM ? GT_FAILED : GT_WRONG;
    lua_State *lua = script_lua(script);
    const char *text = lua_tostring(lua, -1);
    struct slice said = slice_of_text(text ? text : "an error that is no string");
    const char *trace = strstr((const char *)said.data, "\nstack traceback:");
    char line[sizeof error->text];
    if (trace)
        said.size = (size_t)(trace - (const char *)said.data);
    error_set(error, status, "%s", escape_as_typed(line, sizeof line, said));
    lua_pop(lua, 1);
    return status;
}

/* What helps where an option's name or value stands as on the command line. */
static const char *advice(const char *said)
{
    if (strstr(said, "syntax error near '-'"))
        return "; settings have _ where options have -";
    if (strstr(said, "malformed number near"))
        return "; what has a unit is a string, in quotes: \"64KiB\"";
    return "";
}

/* What Lua says of what is no Lua may have the bytes of the file in it, and not its name. */
static int refuse_source(const struct talk *talk, struct error *error)
{
    char line[sizeof error->text];
    bool named = strncmp(error->text, talk->name, strlen(talk->name)) == 0;
    escape_as_typed(line, sizeof line, slice_of_text(error->text));
    error_set(error, error->status, "%s%s", line, advice(line));
    return named ? error->status : error_prefix(error, "%s", talk->name);
}

/* Run the file in the instance's script: what it says is added to words. */
static int run(struct talk_instance *instance, struct talk_words *words, struct error *error)
{
    struct talk *talk = instance->talk;
    struct script *script = instance->script;
    int status = script_protect(script, talk_environment_make, instance);
    if (status != LUA_OK)
        return tell_wrong(script, status, error);
    if (script_load(script, bytes_slice(&talk->source), talk->name, error) != GT_DONE)
        return refuse_source(talk, error);
    instance->words = words;
    status = script_call(script, 0, 0);
    instance->words = NULL;
    return status == LUA_OK ? GT_DONE : tell_wrong(script, status, error);
}

static void close_instance(struct talk_instance *instance)
{
    rules_destroy(&instance->rules);
    script_destroy(&instance->script);
}

/* Where reply was called and did not come to its end, the file has caught its error. */
static int check_rules_are_whole(const struct talk *talk, const struct talk_words *words,
                                 struct error *error)
{
    if (words->kind != TALK_OF_RULES || words->rule_count > 0)
        return GT_DONE;
    return error_set(error, GT_WRONG,
                     "%s: reply: its rules are wrong, and the error was caught (pcall), which "
                     "would tell why",
                     talk->name);
}

/* Make the instance's script, and run the file in it. */
static int open_instance(struct talk_instance *instance, const struct script_bounds *bounds,
                         struct talk_words *words, struct error *error)
{
    instance->conversation = LUA_NOREF;
    instance->script = script_create(bounds, error);
    int status = instance->script ? run(instance, words, error) : error->status;
    if (status == GT_DONE)
        status = check_rules_are_whole(instance->talk, words, error);
    if (status != GT_DONE)
        close_instance(instance);
    return status;
}

void talk_retire(struct talk *talk)
{
    for (unsigned i = 0; i < talk->instance_count; i++)
        close_instance(&talk->instances[i]);
    free(talk->instances);
    talk->instances = NULL;
    talk->instance_count = 0;
}

/* ---- reading ---- */

static void destroy(struct talk *talk)
{
    talk_retire(talk);
    talk_words_free(&talk->words);
    bytes_free(&talk->source);
    free(talk->name);
    free(talk);
}

/* As it is shown. */
static char *make_name(const char *path)
{
    struct bytes name = {0};
    if (escape_text(&name, slice_of_text(path)) == 0 && bytes_append(&name, slice_of("", 1)) == 0)
        return (char *)name.data;
    bytes_free(&name);
    return NULL;
}

/* A talk whose source is still missing. */
static struct talk *create(const char *name, const struct talk_vocabulary *vocabulary)
{
    struct talk *talk = calloc(1, sizeof *talk);
    if (!talk)
        return NULL;
    atomic_init(&talk->references, 1);
    talk->vocabulary = vocabulary;
    talk->name = make_name(name);
    if (!talk->name)
        talk_release(&talk);
    return talk;
}

/* Run it for what it says. */
static int learn(struct talk *talk, const struct script_bounds *bounds, struct error *error)
{
    struct talk_instance instance = {.talk = talk};
    int status = open_instance(&instance, bounds, &talk->words, error);
    close_instance(&instance);
    return status;
}

static int finish_reading(struct talk **talk, int status, const struct script_bounds *bounds,
                          struct error *error)
{
    if (status == GT_DONE)
        status = learn(*talk, bounds, error);
    if (status != GT_DONE)
        talk_release(talk);
    return status;
}

static int no_memory(struct error *error)
{
    return error_set(error, GT_FAILED, "memory is out");
}

int talk_read(const char *path, const struct talk_vocabulary *vocabulary,
              const struct script_bounds *bounds, struct talk **talk, struct error *error)
{
    *talk = create(path, vocabulary);
    if (!*talk)
        return no_memory(error);
    int status = reply_file_read(path, TALK_BYTES_MAX, &(*talk)->source, error);
    if (status != GT_DONE && error->number != ENOMEM)
        status = error->status = GT_WRONG; /* whoever named the file was wrong */
    return finish_reading(talk, status, bounds, error);
}

int talk_read_text(const char *name, struct slice source, const struct talk_vocabulary *vocabulary,
                   const struct script_bounds *bounds, struct talk **talk, struct error *error)
{
    *talk = create(name, vocabulary);
    if (!*talk)
        return no_memory(error);
    int status = bytes_append(&(*talk)->source, source) == 0 ? GT_DONE : no_memory(error);
    return finish_reading(talk, status, bounds, error);
}

struct talk *talk_keep(struct talk *talk)
{
    atomic_fetch_add(&talk->references, 1);
    return talk;
}

void talk_release(struct talk **handle)
{
    struct talk *talk = *handle;
    *handle = NULL;
    if (talk && atomic_fetch_sub(&talk->references, 1) == 1)
        destroy(talk);
}

/* ---- one for each worker ---- */

static int refuse_whim(const struct talk *talk, const char *what, struct error *error)
{
    return error_set(error, GT_WRONG,
                     "%s: %s is not the same each time the file is run; it is run for every worker",
                     talk->name, what);
}

static int prepare_instance(struct talk *talk, unsigned worker, const struct reply_host *host,
                            struct error *error)
{
    struct talk_instance *instance = &talk->instances[worker];
    *instance = (struct talk_instance){
        .talk = talk, .worker = worker, .host = host, .outcome = host->outcome};
    struct talk_words words = {0};
    const char *differs;
    int status = open_instance(instance, host->bounds, &words, error);
    talk->instance_count++;
    if (status == GT_DONE && !talk_words_equal(&talk->words, &words, &differs))
        status = refuse_whim(talk, differs, error);
    talk_words_free(&words);
    if (status == GT_DONE && instance->rules)
        status = rules_prepare(instance->rules, host, worker, talk->load, error);
    return status;
}

int talk_prepare(struct talk *talk, const struct reply_host *host, struct error *error)
{
    if (talk->instances)
        return GT_DONE;
    talk->instances = calloc(host->workers, sizeof *talk->instances);
    if (!talk->instances)
        return no_memory(error);
    int status = GT_DONE;
    for (unsigned i = 0; status == GT_DONE && i < host->workers; i++)
        status = prepare_instance(talk, i, host, error);
    if (status != GT_DONE)
        talk_retire(talk);
    return status;
}
