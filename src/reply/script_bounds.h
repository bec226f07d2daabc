/* script_bounds.h: how much of a script may run, and what it may hold. */
#ifndef REPLY_SCRIPT_BOUNDS_H
#define REPLY_SCRIPT_BOUNDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct script_bounds {
    uint64_t steps;     /* of a call or resume */
    size_t call_bytes;  /* that a call or resume may allocate, what it frees meanwhile included */
    size_t state_bytes; /* of the whole state: what is in use, for garbage is collected first */
    bool trusted;       /* scripts have io, os, require, debug, bytecode, too: --trust. The bounds
                           hold where Lua's own machine runs: not while a library in C waits or
                           works, nor in a finalizer */
    unsigned step_ns;   /* of the processor's time: what takes longer is charged as several steps;
                           0: 100 */
};

#endif
