/* show_output.h: what is shown gathers here on its way to standard output.
 *
 * A reader who has gone has seen enough: that is no error, and the end. */
#ifndef TOOL_SHOW_OUTPUT_H
#define TOOL_SHOW_OUTPUT_H

#include "base/bytes.h"
#include "base/error.h"

struct show_output {
    struct bytes text; /* append to it */
    bool gone;         /* the reader has gone */
};

/* Write what has gathered, where that is much; or all of it. GT_DONE; GT_FAILED with the reason. */
int show_output_flow(struct show_output *output, struct error *error);
int show_output_flush(struct show_output *output, struct error *error);

void show_output_free(struct show_output *output);

#endif
