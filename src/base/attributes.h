/* attributes.h: hints to the compiler, where a measured path needs them. */
#ifndef BASE_ATTRIBUTES_H
#define BASE_ATTRIBUTES_H

/* Kept out of the function that calls it for a message, so that the usual way through saves no
 * registers for this one (a dozen instructions each time). */
#define APART __attribute__((noinline))

/* The same, and called seldom: it may be far away and small. */
#define SELDOM __attribute__((noinline, cold))

#endif
