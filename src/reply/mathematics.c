/* mathematics.c: libm's functions under their own names, called through pointers.
 *
 * The list is what the undefined symbols of liblua5.4.a and those of libm have in common. The names
 * are hidden: nobody else in the process meets them. */
#include "reply/mathematics.h"

#include <dlfcn.h>
#include <goodtalk.h>
#include <pthread.h>
#include <stdbool.h>

#define LIBRARY "libm.so.6"

#define OF_ONE(each)                                                                               \
    each(acos) each(asin) each(cos) each(cosh) each(exp) each(log) each(log10) each(log2)          \
        each(sin) each(sinh) each(sqrt) each(tan) each(tanh)
#define OF_TWO(each) each(atan2) each(fmod) each(pow)

typedef double of_one(double);
typedef double of_two(double, double);

static struct {
#define MEMBER(name) of_one *name;
    OF_ONE(MEMBER)
#undef MEMBER
#define MEMBER(name) of_two *name;
    OF_TWO(MEMBER)
#undef MEMBER
} real;

#define DEFINE(name)                                                                               \
    double name(double x);                                                                         \
    double name(double x)                                                                          \
    {                                                                                              \
        return real.name(x);                                                                       \
    }
OF_ONE(DEFINE)
#undef DEFINE

#define DEFINE(name)                                                                               \
    double name(double x, double y);                                                               \
    double name(double x, double y)                                                                \
    {                                                                                              \
        return real.name(x, y);                                                                    \
    }
OF_TWO(DEFINE)
#undef DEFINE

static bool loaded;

/* A function's address as what dlsym returns: POSIX has them be the same. */
static bool find(void *library, const char *name, void **place)
{
    *place = dlsym(library, name);
    return *place != NULL;
}

static void load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return;
    bool all = true;
#define FIND(name) all = find(library, #name, (void **)(void *)&real.name) && all;
    OF_ONE(FIND)
    OF_TWO(FIND)
#undef FIND
    loaded = all; /* never closed: it is needed as long as anything runs */
}

int mathematics_load(struct error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (loaded)
        return GT_DONE;
    return error_set(error, GT_FAILED, "cannot load %s, which scripts need", LIBRARY);
}
