/* attributes.h: hints to the compiler, where a measured path needs them. */
#ifndef BASE_ATTRIBUTES_H
#define BASE_ATTRIBUTES_H

/* Called seldom from a function that is called for every message: kept out of it, so that the usual
 * way through saves no registers for this one (a dozen instructions each time). */
#define SELDOM __attribute__((noinline, cold))

#endif
