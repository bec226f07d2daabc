/* given.h: what was given on the command line: plain data, pointing into argv. */
#ifndef TOOL_GIVEN_H
#define TOOL_GIVEN_H

#include <goodtalk.h>

struct given_option {
    const struct gt_setting *setting;
    const char *value; /* NULL for a flag */
};

struct given {
    struct given_option *options; /* in the order given */
    size_t option_count;
    const char **addresses;
    size_t address_count;
};

#endif
