/* show_verify.c: the judgement of each series, in words. */
#include "record/record.h"
#include "tool/show_check.h"
#include "tool/show_place.h"

#include "base/message.h"
#include "base/units.h"

#include <errno.h>
#include <goodtalk.h>
#include <inttypes.h>

static int append_counts(struct bytes *to, unsigned worker, const struct journal_verdict *verdict)
{
    char read[32];
    char first[MESSAGE_ID_SIZE];
    char last[MESSAGE_ID_SIZE];
    units_size_words(read, sizeof read, (int64_t)verdict->read_bytes);
    int result = bytes_format(to, "worker %u: %" PRIu64 " segment%s, %s, %" PRIu64 " message%s",
                              worker, verdict->segments, verdict->segments == 1 ? "" : "s", read,
                              verdict->messages, verdict->messages == 1 ? "" : "s");
    if (result == 0 && verdict->messages > 0)
        result = bytes_format(to, " (%s to %s)", message_id(worker, verdict->before + 1, first),
                              message_id(worker, verdict->last_sequence, last));
    return result;
}

static int append_verdict(struct bytes *to, const struct show_place *place, unsigned worker,
                          const struct journal_verdict *verdict)
{
    char words[512];
    if (append_counts(to, worker, verdict) < 0)
        return -ENOMEM;
    if (verdict->state == JOURNAL_WHOLE)
        return bytes_format(to, ": whole\n");
    return bytes_format(to, ": %s\n",
                        show_place_words(place, worker, verdict, words, sizeof words));
}

static int verify(const struct show_place *place, struct show_output *output, struct error *error)
{
    int status = GT_DONE;
    struct journal_verdict verdict;
    struct journal_place from = place->place;
    int64_t worker = -1;
    while ((worker = show_place_worker(place, worker)) >= 0) {
        if (journal_judge(&verdict, &from, &place->index, (unsigned)worker, NULL, NULL, error) !=
            GT_DONE)
            return GT_FAILED;
        if (append_verdict(&output->text, place, (unsigned)worker, &verdict) < 0)
            return error_set(error, GT_FAILED, "out of memory");
        if (verdict.state == JOURNAL_CORRUPT)
            status = GT_FAILED;
    }
    if (place->index.count == 0 && bytes_format(&output->text, "no segments\n") < 0)
        return error_set(error, GT_FAILED, "out of memory");
    return status;
}

int show_verify(const char *path, struct show_output *output, struct error *error)
{
    struct show_place place;
    int status = show_place_open(&place, path, error);
    if (status == GT_DONE)
        status = verify(&place, output, error);
    show_place_close(&place);
    return status;
}
