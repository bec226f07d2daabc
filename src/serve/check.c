/* check.c: gt_check: all that a start would look at before it opens anything.
 *
 * The settings of every address that the talk file lists are composed and sealed, as they would be
 * for the kinds of sockets it stands for, and the file is run for every worker. */
#include "base/address.h"
#include "reply/outcome.h"
#include "reply/talk.h"
#include "serve/server.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* The host of repliers whom nobody will ask. */
static struct reply_host host_of_nobody(gt_server *server, struct outcome *outcome)
{
    draft_bounds(&server->settings, &server->bounds);
    int64_t workers = server->settings.workers;
    return (struct reply_host){.owner = server,
                               .workers = workers == 0 ? crew_size_auto() : (unsigned)workers,
                               .seed = 0,
                               .bounds = &server->bounds,
                               .match_bytes = (size_t)server->settings.match_bytes,
                               .strict = server->settings.strict,
                               .outcome = outcome};
}

/* What is handed in is known once it is there. */
static int type_of(const struct address *address)
{
    switch (address->kind) {
    case ADDRESS_UDP:
    case ADDRESS_UNIXGRAM:
        return SOCK_DGRAM;
    case ADDRESS_UNIXPACKET:
        return SOCK_SEQPACKET;
    default:
        return SOCK_STREAM;
    }
}

static int check_sealed(gt_server *server, const struct settings *draft, const char *text,
                        const struct reply_host *host)
{
    struct address address;
    struct error *error = &server->error;
    int status = address_parse(&address, text, (enum address_family)draft->family, error);
    if (status != GT_DONE)
        return status;
    struct settings *sealed = draft_seal(draft, type_of(&address), text, error);
    if (!sealed)
        return error->status;
    const struct replier_table *table = sealed->replier->table;
    if (table->prepare)
        status = table->prepare(sealed->replier, host, error);
    settings_release(&sealed);
    return status;
}

static int check_address(gt_server *server, const struct talk_address *entry,
                         const struct reply_host *host)
{
    struct settings draft;
    struct draft_parts parts = {
        .given = &server->given, .talk = server->talk, .own = &entry->settings};
    int status = draft_compose(&draft, &parts, &server->error);
    if (status != GT_DONE)
        return status;
    status = check_sealed(server, &draft, entry->address, host);
    settings_clear(&draft);
    if (status != GT_DONE &&
        strncmp(server->error.text, server->talk->name, strlen(server->talk->name)) != 0)
        error_prefix(&server->error, "%s:%u", server->talk->name, server->talk->words.listen_line);
    return status;
}

/* "mail.lua: right: 3 rules, 2 addresses" */
static void tell_right(gt_server *server)
{
    char what[64] = "settings", where[64];
    const struct talk_words *words = &server->talk->words;
    if (words->kind == TALK_OF_RULES)
        snprintf(what, sizeof what, "%zu rule%s", words->rule_count,
                 words->rule_count == 1 ? "" : "s");
    if (words->kind == TALK_OF_CONVERSATION)
        snprintf(what, sizeof what, "a conversation");
    snprintf(where, sizeof where, "%zu address%s", words->address_count,
             words->address_count == 1 ? "" : "es");
    tell(server, GT_EVENT_NOTE, GT_NOTICE, (struct event_origin){.reason = REASON_NONE},
         "%s: right: %s, %s", server->talk->name, what,
         words->address_count ? where : "no address of its own");
}

static int check_all(gt_server *server, const struct reply_host *host)
{
    int status = GT_DONE;
    const struct talk_words *words = &server->talk->words;
    for (size_t i = 0; status == GT_DONE && i < words->address_count; i++)
        status = check_address(server, &words->addresses[i], host);
    if (status == GT_DONE && words->listen_line == 0)
        status = check_sealed(server, &server->settings, gt_listed_at(server, 0), host);
    return status;
}

int gt_check(gt_server *server)
{
    static const struct outcome_host deaf = {NULL, NULL};
    if (!server->talk)
        return error_set(&server->error, GT_WRONG,
                         "no talk file to check: gt_set \"talk\" comes "
                         "first");
    struct outcome *outcome = outcome_create(&deaf);
    if (!outcome)
        return error_set(&server->error, GT_FAILED, "memory is out");
    struct reply_host host = host_of_nobody(server, outcome);
    int status = check_all(server, &host);
    talk_retire(server->talk);
    if (status == GT_DONE)
        tell_right(server);
    outcome_destroy(&outcome);
    return status;
}
