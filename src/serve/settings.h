/* settings.h: the settings, from one table (settings.c), and the sets that listeners keep.
 *
 * A struct settings is a draft while it is being set by name. A listener gets a sealed, immutable,
 * counted copy; a connection keeps the set it was accepted with, whatever is set later. */
#ifndef SERVE_SETTINGS_H
#define SERVE_SETTINGS_H

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "codec/frame.h"
#include "record/record.h"
#include "reply/reply.h"

#include <stdatomic.h>
#include <sys/types.h>

#define DURATION_NONE (-1) /* "none": never */
#define DURATION_AUTO (-2) /* not set: none in a one-shot, else the table's default */

#define SCRIPT_MEMORY_LEAST ((int64_t)1024 * 1024) /* a worker's scripts have at least so much */

struct command_plan;

enum reply_source {
    REPLY_FROM_TEXT,
    REPLY_FROM_FILE,
    REPLY_FROM_ECHO,
    REPLY_FROM_NOTHING,
    REPLY_FROM_COMMAND,
    REPLY_FROM_TALK
};

struct talk;

struct settings {
    atomic_uint references; /* a sealed set's, from any worker; far from what is read often */

    /* What the table sets: strings are owned, NULL when not set. */
    int64_t count;        /* messages; 0: no limit */
    int64_t connections;  /* 0: no limit */
    int64_t reply_source; /* enum reply_source */
    char *reply;          /* as written, escapes not yet read */
    char *reply_file;
    char *exec;
    char *exec_connection;
    const char *reply_given; /* the last setting about replies that was set; not owned */
    int64_t exec_timeout_ns; /* DURATION_AUTO: as the table says, none for --exec-connection */
    int64_t exec_max;        /* commands at once, of all workers */
    int64_t max_reply;       /* bytes that a command may print */
    char *greeting;          /* as written */
    char *greeting_file;
    bool greeting_exact_file; /* the greeting is the file's, not the text's */
    bool close;
    bool strict;
    bool trust;                   /* scripts may do what this process may */
    bool max_memory_given;        /* it was asked for, it is not the default */
    bool max_script_memory_given; /* likewise */
    char *frame;
    int64_t pause_ns;
    int64_t max_message; /* bytes */
    int64_t show;        /* enum show_format */
    int64_t timeout_ns;
    int64_t idle_timeout_ns;
    int64_t message_timeout_ns;
    int64_t write_timeout_ns;
    int64_t drain_timeout_ns;
    int64_t max_connections;   /* 0: as many as descriptors allow, at most 10000 */
    int64_t max_memory;        /* bytes */
    int64_t max_per_source;    /* connections; 0: no limit */
    int64_t rate_interval_ns;  /* between messages of one source; 0: no limit */
    int64_t send_buffer;       /* bytes; 0: not set */
    int64_t receive_buffer;    /* likewise */
    int64_t max_waiting;       /* replies of a connection */
    int64_t workers;           /* 0: one for each CPU */
    int64_t udp_amplification; /* 0: no bound */
    int64_t family;            /* enum address_family */
    int64_t backlog;
    int64_t socket_mode; /* permission bits */
    uid_t socket_uid;    /* (uid_t)-1: as it is */
    gid_t socket_gid;
    char *socket_owner;
    char *ready;
    char *engine;
    char *log;
    char *record;         /* the journal's directory */
    int64_t sync_ns;      /* as the journal has it */
    int64_t segment_size; /* bytes */
    int64_t record_size;  /* bytes; 0: no bound */
    int64_t spin_ns;      /* 0 or less: not at all */
    char *talk_file;
    struct talk *talk; /* of a draft: the file, read; not owned, NULL: there is none */
    char *report;
    int64_t seed;        /* -1: none was given */
    int64_t match_bytes; /* of a message, that patterns see */
    int64_t max_script_steps;
    int64_t max_script_memory;     /* bytes, of a worker */
    int64_t max_script_allocation; /* bytes, of a call or resume */

    /* What sealing makes of it: replies and greeting have around them what the framing asks for. */
    struct framing framing;
    struct replier *replier;
    struct command_plan *connection_plan; /* --exec-connection's; NULL: it is not set */
    struct bytes greeting_bytes;
};

/* A draft with the library's defaults; settings_clear frees what a draft owns. 0 or GT_FAILED. */
int settings_init(struct settings *settings, struct error *error);
void settings_clear(struct settings *settings);

/* Set by name: GT_DONE; GT_WRONG with a sentence: what was given, why not, what would be right, and
 * for an unknown name the nearest known one. */
int settings_set(struct settings *settings, const char *name, const char *value,
                 struct error *error);

/* What the framing is: what --frame says, or that of datagrams and packets. */
enum framing_kind { FRAMING_STREAM, FRAMING_PACKETS };

/* An immutable copy with framing, replier and greeting made; one reference. NULL with the reason.
 */
struct settings *settings_seal(const struct settings *draft, enum framing_kind kind,
                               struct error *error);

/* From any worker's thread. */
struct settings *settings_keep(struct settings *sealed);
/* Let go; the last one frees it. *sealed becomes NULL. */
void settings_release(struct settings **sealed);

#endif
