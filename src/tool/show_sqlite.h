/* show_sqlite.h: --sqlite: messages into a table that people can query. */
#ifndef TOOL_SHOW_SQLITE_H
#define TOOL_SHOW_SQLITE_H

#include "base/error.h"
#include "base/turn.h"

struct show_sqlite;

/* Open or make a database, and its table "messages". NULL with the reason, also where there is no
 * SQLite. */
struct show_sqlite *show_sqlite_open(const char *path, struct error *error);

/* Add a message; one that is there already stays. GT_DONE; GT_FAILED with the reason, as the next.
 */
int show_sqlite_add(struct show_sqlite *sqlite, const struct message *message, struct error *error);

/* Make what was added lasting, and seen by others. */
int show_sqlite_commit(struct show_sqlite *sqlite, struct error *error);

/* *sqlite becomes NULL; what was not committed is lost. */
void show_sqlite_close(struct show_sqlite **sqlite);

#endif
