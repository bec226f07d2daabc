/* reload.c: a talk file that is read again.
 *
 * The happy path, on worker 0's thread: the file is read and run, the settings of each listener are
 * composed anew and sealed, its scripts are run for every worker; only when all of that is done the
 * listeners are given it. Each worker takes over what was made for its listeners at the end of a
 * pass; when all have, that is told, and the next reload may begin. Connections that are open keep
 * what they were accepted with; the last of them frees it.
 *
 * Ways to fail: whatever is wrong is told with its line, and all stays as it was. A pipe
 * ("<(command)") can be read once; the second time it is empty, or never ends. What belongs to
 * the server, to its sockets, and the addresses, stay as they were at the start, too: where the
 * file says something else, that is told. */
#include "serve/reload.h"

#include "base/escape.h"
#include "reply/talk.h"
#include "serve/host.h"
#include "serve/server.h"
#include "serve/verdict.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct event_origin nobody = {.reason = REASON_NONE};

/* Settings of listeners that count when their socket is opened. */
static const char *const of_sockets[] = {
    "ipv4", "ipv6", "backlog", "socket-mode", "socket-owner", "send-buffer", "receive-buffer"};

/* ---- what lasts ---- */

static bool lasts(const char *name)
{
    const struct gt_setting *row;
    for (size_t i = 0; i < sizeof of_sockets / sizeof *of_sockets; i++)
        if (strcmp(of_sockets[i], name) == 0)
            return true;
    for (size_t i = 0; (row = gt_setting_at(i)) != NULL; i++)
        if (strcmp(row->name, name) == 0)
            return row->scope == GT_SCOPE_SERVER;
    return false;
}

static int note_lasting(struct given_settings *lasting, const struct talk *talk,
                        struct error *error)
{
    int status = GT_DONE;
    const struct talk_settings *settings = &talk->words.settings;
    for (size_t i = 0; status == GT_DONE && i < settings->count; i++)
        if (lasts(settings->entries[i].name))
            status =
                given_note(lasting, settings->entries[i].name, settings->entries[i].value, error);
    return status;
}

int reload_open(gt_server *server)
{
    server->talk_reloads_seen = atomic_load(&server->reloads);
    return server->talk ? note_lasting(&server->lasting, server->talk, &server->error) : GT_DONE;
}

/* ---- what differs, and is told ---- */

static bool has_other(const struct given_settings *in, const struct given_setting *setting)
{
    const struct given_setting *other = given_find(in, setting->name);
    return !other || strcmp(other->value, setting->value) != 0;
}

static void tell_later(gt_server *server, const struct talk *talk, const char *name)
{
    char shown[64];
    snprintf(shown, sizeof shown, "%s", name);
    for (char *at = shown; *at; at++)
        *at = *at == '-' ? '_' : *at;
    tell(server, GT_EVENT_NOTE, GT_WARNING, nobody,
         "%s: %s differs from what it was at the start; that takes effect at the next start",
         talk->name, shown);
}

/* Those that are in one and not, or otherwise, in the other; and those only in the other. */
static void tell_differences(gt_server *server, const struct talk *talk,
                             const struct given_settings *now)
{
    const struct given_settings *before = &server->lasting;
    for (size_t i = 0; i < now->count; i++)
        if (has_other(before, &now->entries[i]))
            tell_later(server, talk, now->entries[i].name);
    for (size_t i = 0; i < before->count; i++)
        if (!given_find(now, before->entries[i].name))
            tell_later(server, talk, before->entries[i].name);
}

/* The entry of this number among those that are listed, if it is still there. */
static const struct talk_address *find_entry(const struct talk *talk, const struct origin *origin,
                                             size_t number)
{
    const struct talk_words *words = &talk->words;
    if (!origin->listed)
        return NULL;
    if (number < words->address_count &&
        strcmp(words->addresses[number].address, origin->address) == 0)
        return &words->addresses[number];
    for (size_t i = 0; i < words->address_count; i++)
        if (strcmp(words->addresses[i].address, origin->address) == 0)
            return &words->addresses[i];
    return NULL;
}

/* Whether the file lists the addresses that are listened on because it did. */
static bool lists_the_same(gt_server *server, const struct talk *talk)
{
    size_t listed = 0;
    bool any = false;
    for (struct list *link = server->origins.next; link != &server->origins; link = link->next) {
        const struct origin *origin = list_item(link, struct origin, link);
        any |= !origin->listed;
        if (origin->listed && !find_entry(talk, origin, listed++))
            return false;
    }
    return any || listed == talk->words.address_count;
}

static void tell_what_lasts(gt_server *server, const struct talk *talk)
{
    struct given_settings now = {0};
    if (note_lasting(&now, talk, NULL) == GT_DONE)
        tell_differences(server, talk, &now);
    given_free(&now);
    if (!lists_the_same(server, talk))
        tell_later(server, talk, "listen");
}

/* ---- making what comes next ---- */

/* A reload under way. */
struct reload {
    gt_server *server;
    struct talk *talk;
    struct settings **renewed; /* of worker 0's listeners, in their order */
    size_t count;
    struct error error;
};

/* What number it has among the listed. */
static size_t number_of(gt_server *server, const struct origin *origin)
{
    size_t number = 0;
    struct list *link = server->origins.next;
    for (; link != &origin->link; link = link->next)
        number += list_item(link, struct origin, link)->listed;
    return number;
}

/* Whether this file, if there is one, can be read a second time. Where it is not there, who reads
 * it says so. */
static int check_again(const char *path, struct error *error)
{
    char name[256];
    struct stat known;
    bool unknown = !path || strcmp(path, "/dev/null") == 0 || stat(path, &known);
    if (unknown || S_ISREG(known.st_mode) || S_ISDIR(known.st_mode))
        return GT_DONE;
    return error_set(error, GT_FAILED, "cannot read %s again: it is not a regular file",
                     escape_string(name, sizeof name, slice_of_text(path)));
}

static int check_files_again(const struct settings *draft, struct error *error)
{
    int status = GT_DONE;
    if (draft->reply_source == REPLY_FROM_FILE)
        status = check_again(draft->reply_file, error);
    if (status == GT_DONE && draft->greeting_exact_file)
        status = check_again(draft->greeting_file, error);
    return status;
}

static int seal(struct reload *reload, const struct listener *listener,
                const struct settings *draft)
{
    if (check_files_again(draft, &reload->error) != GT_DONE)
        return reload->error.status;
    struct settings *sealed =
        draft_seal(draft, listener->socket.type, listener->socket.name, &reload->error);
    if (!sealed)
        return reload->error.status;
    reload->renewed[reload->count++] = sealed;
    return host_prepare(reload->server, sealed, &reload->error);
}

static int renew(struct reload *reload, const struct listener *listener)
{
    struct settings draft;
    gt_server *server = reload->server;
    const struct origin *origin = listener->origin;
    const struct talk_address *entry = find_entry(reload->talk, origin, number_of(server, origin));
    struct draft_parts parts = {.given = &origin->given,
                                .talk = reload->talk,
                                .own = entry ? &entry->settings : &origin->own,
                                .lasting = &server->lasting,
                                .running = true};
    if (draft_compose(&draft, &parts, &reload->error) != GT_DONE)
        return reload->error.status;
    int status = seal(reload, listener, &draft);
    settings_clear(&draft);
    return status;
}

static size_t count_listeners(const struct list *listeners)
{
    size_t count = 0;
    for (const struct list *link = listeners->next; link != listeners; link = link->next)
        count++;
    return count;
}

/* The file has to be right as a whole, with the settings, too, that count at the next start only.
 */
static int check_whole(struct reload *reload)
{
    struct settings draft;
    struct draft_parts parts = {
        .given = &reload->server->given, .talk = reload->talk, .running = true};
    int status = draft_compose(&draft, &parts, &reload->error);
    if (status == GT_DONE)
        settings_clear(&draft);
    return status;
}

static int make(struct reload *reload)
{
    gt_server *server = reload->server;
    struct list *listeners = &server->crew.workers[0].listeners;
    const char *path = server->settings.talk_file;
    int status = check_again(path, &reload->error);
    if (status == GT_DONE)
        status = draft_read_talk(&server->settings, path, &reload->talk, &reload->error);
    if (status == GT_DONE)
        status = check_whole(reload);
    if (status != GT_DONE)
        return status;
    reload->talk->load = server->loads + 1;
    size_t count = count_listeners(listeners);
    if (count == 0) /* the server listens nowhere: nothing to renew */
        return GT_DONE;
    reload->renewed = calloc(count, sizeof(struct settings *));
    if (!reload->renewed)
        return error_set(&reload->error, GT_FAILED, "memory is out");
    for (struct list *link = listeners->next; status == GT_DONE && link != listeners;
         link = link->next)
        status = renew(reload, list_item(link, struct listener, link));
    return status;
}

/* ---- giving it to the listeners ---- */

static void note_own(const struct reload *reload)
{
    size_t number = 0;
    struct list *origins = &reload->server->origins;
    for (struct list *link = origins->next; link != origins; link = link->next) {
        struct origin *origin = list_item(link, struct origin, link);
        struct talk_settings own = {0};
        const struct talk_address *entry = find_entry(reload->talk, origin, number);
        number += origin->listed;
        if (!entry || talk_settings_copy(&own, &entry->settings) < 0)
            continue;
        talk_settings_free(&origin->own);
        origin->own = own;
    }
}

static void publish(struct reload *reload)
{
    gt_server *server = reload->server;
    struct crew *crew = &server->crew;
    size_t i = 0;
    struct list *listeners = &crew->workers[0].listeners;
    pthread_mutex_lock(&crew->lock);
    for (struct list *link = listeners->next; link != listeners; link = link->next) {
        struct listener *listener = list_item(link, struct listener, link);
        settings_release(&listener->renewed);
        listener->renewed = reload->renewed[i];
        reload->renewed[i++] = NULL;
    }
    atomic_store(&server->renewing, crew->size);
    atomic_fetch_add(&server->renewals, 1);
    pthread_mutex_unlock(&crew->lock);
    server->loads++;
    talk_release(&server->talk);
    server->talk = talk_keep(reload->talk);
    server->settings.talk = server->talk;
    verdict_use(server);
    worker_wake_others(&crew->workers[0]);
    reload_obey(&crew->workers[0]);
}

/* Once all workers have it. */
static void tell_in_use(gt_server *server)
{
    if (server->loads_told == server->loads || atomic_load(&server->renewing) > 0)
        return;
    server->loads_told = server->loads;
    tell(server, GT_EVENT_NOTE, GT_NOTICE, nobody, "%s: read again, and in use",
         server->talk->name);
}

static void finish(struct reload *reload)
{
    for (size_t i = 0; i < reload->count; i++)
        settings_release(&reload->renewed[i]);
    free(reload->renewed);
    talk_release(&reload->talk);
}

void reload_talk(gt_server *server)
{
    unsigned asked = atomic_load(&server->reloads);
    struct reload reload = {.server = server};
    tell_in_use(server);
    if (!server->talk || asked == server->talk_reloads_seen || atomic_load(&server->renewing) > 0)
        return;
    server->talk_reloads_seen = asked;
    if (make(&reload) == GT_DONE) {
        tell_what_lasts(server, reload.talk);
        note_own(&reload);
        publish(&reload);
        tell_in_use(server);
    } else {
        tell(server, GT_EVENT_NOTE, GT_ERROR, nobody, "%s; the talk file stays as it was",
             reload.error.text);
    }
    finish(&reload);
}

/* ---- each worker ---- */

/* What this listener is to get; a reference, or NULL. */
static struct settings *take_renewed(struct crew *crew, const struct listener *listener)
{
    pthread_mutex_lock(&crew->lock);
    struct settings *renewed = listener->first->renewed;
    if (renewed)
        settings_keep(renewed);
    pthread_mutex_unlock(&crew->lock);
    return renewed;
}

void reload_obey(struct worker *worker)
{
    gt_server *server = worker->server;
    unsigned renewals = atomic_load(&server->renewals);
    if (renewals == worker->renewals_seen)
        return;
    worker->renewals_seen = renewals;
    struct list *listeners = &worker->listeners;
    for (struct list *link = listeners->next; link != listeners; link = link->next) {
        struct listener *listener = list_item(link, struct listener, link);
        struct settings *renewed = take_renewed(&server->crew, listener);
        if (renewed && listener_renew(listener, renewed) < 0)
            tell(server, GT_EVENT_NOTE, GT_ERROR, (struct event_origin){.listener = listener},
                 "memory is out; the talk file stays as it was");
        settings_release(&renewed);
    }
    if (atomic_fetch_sub(&server->renewing, 1) == 1)
        engine_wake(server->crew.workers[0].engine);
}
