/* settings_value.h: how the rows of the settings table read what is written. */
#ifndef SERVE_SETTINGS_VALUE_H
#define SERVE_SETTINGS_VALUE_H

#include "serve/settings.h"

#include <goodtalk.h>

struct setting_row;

/* Read value into the draft: GT_DONE; GT_WRONG with "--name value: why not; what would be right",
 * or GT_FAILED when memory is out: the draft is unchanged then. value is NULL for a flag that
 * stands alone, and never NULL for what takes an argument. */
typedef int setting_reader(struct settings *settings, const struct setting_row *row,
                           const char *value, struct error *error);

/* A row of the table: what everybody sees, and how it is set. */
struct setting_row {
    struct gt_setting shown;
    setting_reader *read; /* NULL: not a server's, or not built yet */
    size_t offset;        /* of the member of struct settings that it sets; 0 where read knows it */
    int64_t least;        /* bounds of a number; durations: in ns */
    int64_t most;         /* a choice: what "on" sets ("off" sets 0, where this was chosen) */
};

setting_reader setting_read_keep;
setting_reader setting_read_flag;   /* a bool */
setting_reader setting_read_choice; /* a flag that makes an int64_t what the row's most says */
setting_reader setting_read_count;
setting_reader setting_read_workers; /* a count, or auto: 0 */
setting_reader setting_read_size;
setting_reader setting_read_rate;   /* as the time between two */
setting_reader setting_read_memory; /* a size, and that it was given */
setting_reader setting_read_script_memory;
setting_reader setting_read_duration;
setting_reader setting_read_sync; /* a duration, always or never */
setting_reader setting_read_reply;
setting_reader setting_read_reply_file;
setting_reader setting_read_command;
setting_reader setting_read_exec; /* a command, and that it replies */
setting_reader setting_read_greeting;
setting_reader setting_read_greeting_file;
setting_reader setting_read_frame;
setting_reader setting_read_show;
setting_reader setting_read_engine;
setting_reader setting_read_mode;
setting_reader setting_read_owner;
setting_reader setting_read_ready;
setting_reader setting_read_path;

#endif
