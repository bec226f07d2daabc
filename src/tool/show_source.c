/* show_source.c: a directory, or a file that is called as a segment is, is a journal; any other
 * file is a log. */
#include "tool/show_source.h"

#include "record/journal_series.h"

#include <sys/stat.h>

bool show_is_journal(const char *path)
{
    struct stat status;
    unsigned worker;
    uint64_t number;
    const char *slash = strrchr(path, '/');
    return (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) ||
           journal_segment_parse(slash ? slash + 1 : path, &worker, &number);
}

struct show_source *show_source_open(const char *path, bool follows, struct report *report,
                                     struct error *error)
{
    return show_is_journal(path) ? show_journal_open(path, follows, report, error)
                                 : show_log_open(path, follows, report, error);
}
