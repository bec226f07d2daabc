/* show_table.h: messages as the rows of a table: time, peer, size, text. */
#ifndef TOOL_SHOW_TABLE_H
#define TOOL_SHOW_TABLE_H

#include "base/turn.h"

struct show_table {
    bool colour;
    unsigned columns; /* a row is cut to so many; 0: it is whole */
};

/* Append the names of the columns. 0 or -ENOMEM (to unchanged), as the next. */
int show_table_head(const struct show_table *table, struct bytes *to);

/* Append a message: one line, escaped, cut with "..." where it does not fit. matched is the part of
 * its body that colour points out. */
int show_table_row(const struct show_table *table, struct bytes *to, const struct message *message,
                   struct slice matched);

#endif
