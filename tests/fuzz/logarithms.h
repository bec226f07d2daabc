/* logarithms.h: libFuzzer takes logarithms, and finds the names of ours (reply/mathematics.h),
 * which are loaded before it does. Every harness includes this. */
#ifndef LOGARITHMS_H
#define LOGARITHMS_H

#include "reply/mathematics.h"

#include <stddef.h>

__attribute__((constructor)) static void load_mathematics(void)
{
    mathematics_load(NULL);
}

#endif
