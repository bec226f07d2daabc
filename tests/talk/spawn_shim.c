/* spawn_shim.c: the first SPAWN_FAILS calls of posix_spawn fail with errno SPAWN_ERRNO. */
#include <dlfcn.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef int spawner(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                    const posix_spawnattr_t *attributes, char *const arguments[],
                    char *const environment[]);

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const arguments[],
                char *const environment[])
{
    static atomic_int calls;
    const char *fails = getenv("SPAWN_FAILS");
    union {
        void *symbol;
        spawner *call;
    } next = {dlsym(RTLD_NEXT, "posix_spawn")};
    if (fails && atomic_fetch_add(&calls, 1) < atoi(fails))
        return atoi(getenv("SPAWN_ERRNO"));
    return next.call(pid, path, actions, attributes, arguments, environment);
}
