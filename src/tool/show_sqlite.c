/* show_sqlite.c: the library is loaded when it is asked for, so that nobody else pays for it.
 *
 * One transaction holds what is added until it is committed. Messages are told apart by id and
 * time: the ids of a log begin anew with each run. So a database can be brought up to date by doing
 * the same again.
 *
 * Refused, in one sentence: no library, no header when goodtalk was built, a file that is no
 * database, a disk that is full. */
#include "tool/show_sqlite.h"

#include <goodtalk.h>

#ifndef GOODTALK_SQLITE

struct show_sqlite *show_sqlite_open(const char *path, struct error *error)
{
    (void)path;
    error_set(error, GT_WRONG, "--sqlite: this goodtalk was built without SQLite");
    return NULL;
}

int show_sqlite_add(struct show_sqlite *sqlite, const struct message *message, struct error *error)
{
    (void)sqlite;
    (void)message;
    return error->status;
}

int show_sqlite_commit(struct show_sqlite *sqlite, struct error *error)
{
    (void)sqlite;
    return error->status;
}

void show_sqlite_close(struct show_sqlite **sqlite)
{
    *sqlite = NULL;
}

#else

#include "base/escape.h"
#include "base/message.h"
#include "record/record.h"

#include <dlfcn.h>
#include <sqlite3.h>
#include <stdlib.h>

#define LIBRARY   "libsqlite3.so.0"

/* What is used of the library. */
/* clang-format off */
#define FUNCTIONS(ROW)                                                                             \
    ROW(open_v2) ROW(close) ROW(errmsg) ROW(exec) ROW(busy_timeout) ROW(prepare_v2)                \
    ROW(bind_text64) ROW(bind_blob64) ROW(bind_int64) ROW(bind_null)                               \
    ROW(step) ROW(reset) ROW(finalize)
/* clang-format on */

struct show_sqlite {
    void *library;
    sqlite3 *database;
    sqlite3_stmt *insert;
    bool adding; /* a transaction is open */
    char path[256];
#define ROW(name) __typeof__(sqlite3_##name) *(name);
    FUNCTIONS(ROW)
#undef ROW
};

static const char make_table[] = "CREATE TABLE IF NOT EXISTS messages ("
                                 "id TEXT NOT NULL, time TEXT NOT NULL, listener TEXT NOT NULL, "
                                 "peer TEXT NOT NULL, size INTEGER NOT NULL, text TEXT, "
                                 "bytes BLOB NOT NULL, PRIMARY KEY (id, time))";
static const char insert_row[] =
    "INSERT OR IGNORE INTO messages (id, time, listener, peer, size, text, bytes) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)";

/* ---- the library ---- */

static int load(struct show_sqlite *sqlite, struct error *error)
{
    sqlite->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!sqlite->library)
        return error_set(
            error, GT_FAILED,
            "--sqlite: SQLite is not installed here (%s; Debian calls it libsqlite3-0)", LIBRARY);
    bool whole = true;
#define ROW(name)                                                                                  \
    *(void **)&sqlite->name = dlsym(sqlite->library, "sqlite3_" #name);                            \
    whole &= sqlite->name != NULL;
    FUNCTIONS(ROW)
#undef ROW
    return whole
               ? GT_DONE
               : error_set(error, GT_FAILED, "--sqlite: the SQLite here (%s) is too old", LIBRARY);
}

/* What it says about its last failure. */
static int fail(struct show_sqlite *sqlite, struct error *error)
{
    char words[256] = "out of memory";
    if (sqlite->database)
        escape_string(words, sizeof words, slice_of_text(sqlite->errmsg(sqlite->database)));
    return error_set(error, GT_FAILED, "--sqlite %s: %s", sqlite->path, words);
}

static int execute(struct show_sqlite *sqlite, const char *statement, struct error *error)
{
    return sqlite->exec(sqlite->database, statement, NULL, NULL, NULL) == SQLITE_OK
               ? GT_DONE
               : fail(sqlite, error);
}

static int prepare(struct show_sqlite *sqlite, const char *path, struct error *error)
{
    escape_string(sqlite->path, sizeof sqlite->path, slice_of_text(path));
    if (load(sqlite, error) != GT_DONE)
        return error->status;
    if (sqlite->open_v2(path, &sqlite->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                        NULL) != SQLITE_OK)
        return fail(sqlite, error);
    sqlite->busy_timeout(sqlite->database, 5000);
    if (execute(sqlite, make_table, error) != GT_DONE)
        return error->status;
    if (sqlite->prepare_v2(sqlite->database, insert_row, -1, &sqlite->insert, NULL) != SQLITE_OK)
        return fail(sqlite, error);
    return GT_DONE;
}

struct show_sqlite *show_sqlite_open(const char *path, struct error *error)
{
    struct show_sqlite *sqlite = calloc(1, sizeof *sqlite);
    if (!sqlite)
        error_set(error, GT_FAILED, "out of memory");
    else if (prepare(sqlite, path, error) != GT_DONE)
        show_sqlite_close(&sqlite);
    return sqlite;
}

void show_sqlite_close(struct show_sqlite **sqlite)
{
    if (*sqlite && (*sqlite)->insert)
        (*sqlite)->finalize((*sqlite)->insert);
    if (*sqlite && (*sqlite)->database)
        (*sqlite)->close((*sqlite)->database);
    free(*sqlite);
    *sqlite = NULL;
}

/* ---- messages ---- */

static bool bind_text(struct show_sqlite *sqlite, int column, struct slice text)
{
    const char *data = text.size > 0 ? (const char *)text.data : "";
    return sqlite->bind_text64(sqlite->insert, column, data, text.size, SQLITE_TRANSIENT,
                               SQLITE_UTF8) == SQLITE_OK;
}

/* text is there where the bytes are UTF-8; the bytes always are. */
static bool bind_body(struct show_sqlite *sqlite, int column, struct slice body)
{
    const void *data = body.size > 0 ? (const void *)body.data : "";
    bool bound = utf8_valid(body) ? bind_text(sqlite, column, body)
                                  : sqlite->bind_null(sqlite->insert, column) == SQLITE_OK;
    return bound && sqlite->bind_blob64(sqlite->insert, column + 1, data, body.size,
                                        SQLITE_TRANSIENT) == SQLITE_OK;
}

static bool bind_message(struct show_sqlite *sqlite, const struct message *message)
{
    char id[MESSAGE_ID_SIZE];
    char time[MESSAGE_TIME_SIZE];
    char peer[PEER_NAME_SIZE];
    message_id(message->worker, message->sequence, id);
    message_time(message->time_us, time);
    peer_name(message->peer, peer);
    return bind_text(sqlite, 1, slice_of_text(id)) && bind_text(sqlite, 2, slice_of_text(time)) &&
           bind_text(sqlite, 3, slice_of_text(message->listener)) &&
           bind_text(sqlite, 4, slice_of_text(peer)) &&
           sqlite->bind_int64(sqlite->insert, 5, (sqlite3_int64)message->body.size) == SQLITE_OK &&
           bind_body(sqlite, 6, message->body);
}

int show_sqlite_add(struct show_sqlite *sqlite, const struct message *message, struct error *error)
{
    if (!sqlite->adding && execute(sqlite, "BEGIN IMMEDIATE", error) != GT_DONE)
        return error->status;
    sqlite->adding = true;
    bool added = bind_message(sqlite, message) && sqlite->step(sqlite->insert) == SQLITE_DONE;
    int status = added ? GT_DONE : fail(sqlite, error);
    sqlite->reset(sqlite->insert);
    return status;
}

int show_sqlite_commit(struct show_sqlite *sqlite, struct error *error)
{
    if (!sqlite->adding)
        return GT_DONE;
    sqlite->adding = false;
    return execute(sqlite, "COMMIT", error);
}

#endif
