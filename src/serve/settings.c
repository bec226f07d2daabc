/* settings.c: the one table of settings: the option parser, --help, gt_set, the manual page and the
 * tests are made from it or held against it.
 *
 * A name is looked up, the row's reader puts the value into the draft. Failing: an unknown name
 * (the nearest known one is named), a setting that is not built yet or that is the program's own,
 * an argument that is missing, and whatever the reader refuses. */
#include "serve/settings_value.h"

#include "base/escape.h"
#include "base/nearest.h"
#include "record/journal.h"
#include "serve/crew.h"

#include <stdint.h>
#include <string.h>

#define FIELD(member) offsetof(struct settings, member)
#define MILLISECOND   INT64_C(1000000)
#define LONGEST       (INT64_MAX / 4) /* ns: a deadline that far away can still be added up */
#define GIBIBYTE      (INT64_C(1) << 30)

#define LISTENER GT_SCOPE_LISTENER
#define SERVER   GT_SCOPE_SERVER
#define PROGRAM  GT_SCOPE_PROGRAM
#define LATER    GT_SCOPE_LATER

/* In the order of the manual. */
/* clang-format off */
static const struct setting_row rows[] = {
    {{"keep", 'k', SERVER, NULL, NULL, "keep serving until told to stop"},
     setting_read_keep, FIELD(count), 0, 0},
    {{"count", 'n', SERVER, "N", "1", "quit after N messages; 0: no limit"},
     setting_read_count, FIELD(count), 0, INT64_MAX},
    {{"connections", 0, SERVER, "N", NULL, "quit after N connections that sent something have ended"},
     setting_read_count, FIELD(connections), 0, INT64_MAX},
    {{"reply", 'r', LISTENER, "TEXT", "Good talking to you", "reply; \\n \\r \\t \\0 \\xHH \\\\ as in C"},
     setting_read_reply, 0, 0, 0},
    {{"reply-file", 0, LISTENER, "FILE", NULL, "reply with this file's bytes, exactly"},
     setting_read_reply_file, 0, 0, 0},
    {{"echo", 0, LISTENER, NULL, NULL, "reply with the message"},
     setting_read_choice, FIELD(reply_source), 0, REPLY_FROM_ECHO},
    {{"silent", 0, LISTENER, NULL, NULL, "do not reply"},
     setting_read_choice, FIELD(reply_source), 0, REPLY_FROM_NOTHING},
    {{"greeting", 0, LISTENER, "TEXT", NULL, "said to a peer as it connects, exactly; escapes as in --reply"},
     setting_read_greeting, 0, 0, 0},
    {{"greeting-file", 0, LISTENER, "FILE", NULL, "greet with this file's bytes"},
     setting_read_greeting_file, 0, 0, 0},
    {{"close", 0, LISTENER, NULL, NULL, "with --keep: close a connection after its reply"},
     setting_read_flag, FIELD(close), 0, 0},
    {{"exec", 'x', LISTENER, "COMMAND", NULL, "reply with what COMMAND prints, given the message; run by sh"},
     setting_read_exec, FIELD(exec), 0, 0},
    {{"exec-connection", 'e', LISTENER, "COMMAND", NULL, "run COMMAND for each connection: the socket is its input and output"},
     setting_read_command, FIELD(exec_connection), 0, 0},
    {{"exec-timeout", 0, LISTENER, "DURATION", "30s", "how long a COMMAND may run; with --exec-connection: none"},
     setting_read_duration, FIELD(exec_timeout_ns), MILLISECOND, LONGEST},
    {{"exec-max", 0, SERVER, "N", "32", "commands at once; further ones wait"},
     setting_read_count, FIELD(exec_max), 1, 1 << 16},
    {{"max-reply", 0, LISTENER, "SIZE", "16MiB", "longest reply that a COMMAND may print"},
     setting_read_size, FIELD(max_reply), 1, GIBIBYTE},
    {{"talk", 't', SERVER, "FILE", NULL, "replies, scripts and settings from a talk file"},
     setting_read_path, FIELD(talk_file), 0, 0},
    {{"strict", 0, SERVER, NULL, NULL, "a message that no rule matches fails the run: status 4"},
     setting_read_flag, FIELD(strict), 0, 0},
    {{"report", 0, SERVER, "FILE", NULL, "at the end, write what became of talks to FILE, as JUnit XML"},
     setting_read_path, FIELD(report), 0, 0},
    {{"seed", 0, SERVER, "N", NULL, "what is left to chance, the same again"},
     setting_read_count, FIELD(seed), 0, INT64_MAX},
    {{"match-bytes", 0, SERVER, "SIZE", "4KiB", "how much of a message the patterns of rules see"},
     setting_read_size, FIELD(match_bytes), 1, GIBIBYTE},
    {{"max-script-steps", 0, SERVER, "N", "1000000", "instructions that a script may run at a time"},
     setting_read_count, FIELD(max_script_steps), 1000, INT64_MAX},
    {{"max-script-memory", 0, SERVER, "SIZE", "64MiB", "what the scripts of a worker may hold, all together"},
     setting_read_script_memory, FIELD(max_script_memory), SCRIPT_MEMORY_LEAST, INT64_MAX / CREW_MOST},
    {{"max-script-allocation", 0, SERVER, "SIZE", "8MiB", "what a script may allocate at a time"},
     setting_read_size, FIELD(max_script_allocation), 64 * 1024, INT64_MAX},
    {{"trust", 0, SERVER, NULL, NULL, "scripts have io, os, require and debug too"},
     setting_read_flag, FIELD(trust), 0, 0},
    {{"frame", 'f', LISTENER, "FRAMING", "talk", "how messages are told apart: see FRAMING below"},
     setting_read_frame, FIELD(frame), 0, 0},
    {{"pause", 0, LISTENER, "DURATION", "250ms", "in talk framing: silence that ends a message"},
     setting_read_duration, FIELD(pause_ns), 0, LONGEST},
    {{"max-message", 0, LISTENER, "SIZE", "1MiB", "longest message taken"},
     setting_read_size, FIELD(max_message), 1, GIBIBYTE},
    {{"show", 's', SERVER, "FORMAT", "talk", "what standard output gets: talk, raw, json, hex or none"},
     setting_read_show, FIELD(show), 0, 0},
    {{"log", 0, SERVER, "FILE", NULL, "append every message as a JSON line; SIGHUP reopens it"},
     setting_read_path, FIELD(log), 0, 0},
    {{"record", 'd', SERVER, "DIR", NULL, "durable journal: replies wait until the message is on disk"},
     setting_read_path, FIELD(record), 0, 0},
    {{"sync", 0, SERVER, "WHEN", "always", "when the journal is synced: always, every so often (100ms), or never"},
     setting_read_sync, FIELD(sync_ns), MILLISECOND, LONGEST},
    {{"segment-size", 0, SERVER, "SIZE", "64MiB", "size of the journal's files"},
     setting_read_size, FIELD(segment_size), JOURNAL_SEGMENT_LEAST, JOURNAL_SEGMENT_MOST},
    {{"record-size", 0, SERVER, "SIZE", NULL, "drop the oldest files of a journal that is larger"},
     setting_read_size, FIELD(record_size), JOURNAL_SEGMENT_LEAST, INT64_MAX},
    {{"timeout", 'w', SERVER, "DURATION", NULL, "end the run after this long; status 3 when not done"},
     setting_read_duration, FIELD(timeout_ns), MILLISECOND, LONGEST},
    {{"idle-timeout", 0, LISTENER, "DURATION", "5min", "close a silent connection; none in a one-shot"},
     setting_read_duration, FIELD(idle_timeout_ns), MILLISECOND, LONGEST},
    {{"message-timeout", 0, LISTENER, "DURATION", "30s",
      "close where a message is started but not finished; none in a one-shot"},
     setting_read_duration, FIELD(message_timeout_ns), MILLISECOND, LONGEST},
    {{"write-timeout", 0, LISTENER, "DURATION", "30s", "give up a peer that acknowledges nothing"},
     setting_read_duration, FIELD(write_timeout_ns), MILLISECOND, LONGEST},
    {{"drain-timeout", 0, SERVER, "DURATION", "30s", "how long a stopping server waits for what is in hand"},
     setting_read_duration, FIELD(drain_timeout_ns), 0, LONGEST},
    {{"max-connections", 'm', SERVER, "N", NULL,
      "connections at once; 10000, or what descriptors allow"},
     setting_read_count, FIELD(max_connections), 1, 1 << 24},
    {{"max-memory", 0, SERVER, "SIZE", "256MiB", "unfinished messages and waiting replies, all together"},
     setting_read_memory, FIELD(max_memory), 1, INT64_MAX},
    {{"max-per-source", 0, SERVER, "N", NULL, "connections at once per source address; 0: no limit"},
     setting_read_count, FIELD(max_per_source), 0, 1 << 24},
    {{"max-rate", 0, SERVER, "N/s", NULL, "messages per source address; /min and /h too; 0: no limit"},
     setting_read_rate, FIELD(rate_interval_ns), 0, 0},
    {{"max-waiting", 0, LISTENER, "N", "512", "replies that may wait for a peer to read; then it is not read either"},
     setting_read_count, FIELD(max_waiting), 1, 1 << 20},
    {{"send-buffer", 0, LISTENER, "SIZE", NULL, "what the system keeps for a peer that does not read"},
     setting_read_size, FIELD(send_buffer), 4096, GIBIBYTE},
    {{"receive-buffer", 0, LISTENER, "SIZE", NULL, "what the system keeps of a peer that is not read"},
     setting_read_size, FIELD(receive_buffer), 4096, GIBIBYTE},
    {{"workers", 'j', SERVER, "N", "1", "worker threads; auto: one for each CPU"},
     setting_read_workers, FIELD(workers), 1, CREW_MOST},
    {{"engine", 0, SERVER, "NAME", "auto", "what waits for the network: auto, epoll or uring"},
     setting_read_engine, FIELD(engine), 0, 0},
    {{"spin", 0, SERVER, "DURATION", "0us", "poll this long before sleeping: quicker, for a CPU"},
     setting_read_duration, FIELD(spin_ns), 0, LONGEST},
    {{"udp-amplification", 0, LISTENER, "N", "3", "a UDP reply is at most N times its request; 0: no bound"},
     setting_read_count, FIELD(udp_amplification), 0, 1 << 20},
    {{"ipv4", '4', LISTENER, NULL, NULL, "IPv4 only"},
     setting_read_choice, FIELD(family), 0, FAMILY_IPV4},
    {{"ipv6", '6', LISTENER, NULL, NULL, "IPv6 only"},
     setting_read_choice, FIELD(family), 0, FAMILY_IPV6},
    {{"backlog", 0, LISTENER, "N", "4096", "connections that may wait to be accepted"},
     setting_read_count, FIELD(backlog), 1, INT32_MAX},
    {{"socket-mode", 0, LISTENER, "MODE", "0600", "permissions of a Unix socket, octal"},
     setting_read_mode, FIELD(socket_mode), 0, 0777},
    {{"socket-owner", 0, LISTENER, "USER[:GROUP]", NULL, "owner of a Unix socket"},
     setting_read_owner, FIELD(socket_owner), 0, 0},
    {{"ready", 0, SERVER, "FILE", NULL, "once listening, write the addresses to FILE, - (stderr) or fd:N"},
     setting_read_ready, FIELD(ready), 0, 0},
    {{"tls-cert", 0, LATER, "FILE", NULL, "TLS certificate"}, NULL, 0, 0, 0},
    {{"tls-key", 0, LATER, "FILE", NULL, "TLS key"}, NULL, 0, 0, 0},
    {{"tls-ca", 0, LATER, "FILE", NULL, "clients must show a certificate of this authority"}, NULL, 0, 0, 0},
    {{"tls-alpn", 0, LATER, "NAMES", NULL, "TLS application protocols"}, NULL, 0, 0, 0},
    {{"proxy", 0, LATER, NULL, NULL, "expect a PROXY protocol header"}, NULL, 0, 0, 0},
    {{"allow", 0, LATER, "LIST", NULL, "who may connect"}, NULL, 0, 0, 0},
    {{"deny", 0, LATER, "LIST", NULL, "who may not connect"}, NULL, 0, 0, 0},
    {{"user", 0, LATER, "USER[:GROUP]", NULL, "become this user once listening"}, NULL, 0, 0, 0},
    {{"chroot", 0, LATER, "DIR", NULL, "see only DIR once listening"}, NULL, 0, 0, 0},
    {{"sandbox", 0, LATER, "on|off", NULL, "do without what the settings do not need"}, NULL, 0, 0, 0},
    {{"verbose", 'v', PROGRAM, NULL, NULL, "tell more on standard error"}, NULL, 0, 0, 0},
    {{"quiet", 'q', PROGRAM, NULL, NULL, "tell only errors on standard error"}, NULL, 0, 0, 0},
    {{"log-format", 0, PROGRAM, "FORMAT", "text", "what standard error gets: text or json"}, NULL, 0, 0, 0},
    {{"help", 'h', PROGRAM, NULL, NULL, "print this help"}, NULL, 0, 0, 0},
    {{"version", 'V', PROGRAM, NULL, NULL, "print the version"}, NULL, 0, 0, 0},
};
/* clang-format on */

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

const struct gt_setting *gt_setting_at(size_t index)
{
    return index < ROW_COUNT ? &rows[index].shown : NULL;
}

/* ---- defaults ---- */

int settings_init(struct settings *settings, struct error *error)
{
    *settings = (struct settings){
        .timeout_ns = DURATION_NONE, .seed = -1, .socket_uid = (uid_t)-1, .socket_gid = (gid_t)-1};
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const char *initial = rows[i].shown.initial;
        if (initial && rows[i].read &&
            rows[i].read(settings, &rows[i], initial, error) != GT_DONE) {
            settings_clear(settings);
            return GT_FAILED;
        }
    }
    /* Where a library differs from the program, and what depends on the count. */
    settings->count = 0;
    settings->max_memory_given = false;
    settings->max_script_memory_given = false;
    settings->show = SHOW_NONE;
    settings->idle_timeout_ns = DURATION_AUTO;
    settings->message_timeout_ns = DURATION_AUTO;
    settings->exec_timeout_ns = DURATION_AUTO;
    return GT_DONE;
}

/* ---- the nearest name ---- */

/* The known name nearest to this one, or NULL where none is near. */
static const char *nearest_name(const char *name)
{
    const char *nearest = NULL;
    struct slice given = slice_of_text(name);
    unsigned best = nearest_slips_allowed(given.size) + 1;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].shown.scope == GT_SCOPE_LATER)
            continue;
        unsigned slips = nearest_slips(given, slice_of_text(rows[i].shown.name));
        if (slips < best) {
            best = slips;
            nearest = rows[i].shown.name;
        }
    }
    return nearest;
}

/* ---- setting by name ---- */

static int refuse_unknown(const char *name, struct error *error)
{
    char shown[NEAREST_LENGTH_MAX * 4 + 1];
    const char *nearest = nearest_name(name);
    escape_string(shown, sizeof(shown), slice_of_text(name));
    error_set(error, GT_WRONG, "--%s: no such setting", shown);
    if (nearest)
        error_append(error, "; did you mean --%s?", nearest);
    return GT_WRONG;
}

static const struct setting_row *find_row(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].shown.name, name) == 0)
            return &rows[i];
    return NULL;
}

/* Who has one of these talks with its peers itself. */
static bool is_about_replies(const struct setting_row *row)
{
    static const char *const names[] = {"reply", "reply-file", "echo",          "silent",
                                        "exec",  "greeting",   "greeting-file", NULL};
    const char *const *name = names;
    while (*name && strcmp(*name, row->shown.name) != 0)
        name++;
    return *name != NULL;
}

int settings_set(struct settings *settings, const char *name, const char *value,
                 struct error *error)
{
    const struct setting_row *row = find_row(name);
    if (!row)
        return refuse_unknown(name, error);
    if (row->shown.scope == GT_SCOPE_LATER)
        return error_set(error, GT_WRONG, "--%s: not built yet in this version", name);
    if (row->shown.scope == GT_SCOPE_PROGRAM)
        return error_set(error, GT_WRONG, "--%s: an option of the program, not a server's setting",
                         name);
    if (row->shown.argument && !value)
        return error_set(error, GT_WRONG, "--%s: needs a value: --%s %s", name, name,
                         row->shown.argument);
    int status = row->read(settings, row, value, error);
    if (status == GT_DONE && is_about_replies(row))
        settings->reply_given = row->shown.name;
    return status;
}
