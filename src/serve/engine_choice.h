/* engine_choice.h: which engine serves. */
#ifndef SERVE_ENGINE_CHOICE_H
#define SERVE_ENGINE_CHOICE_H

#include <goodtalk.h>

struct engine;
struct error;

/* The engine that --engine names, or that "auto" chooses for what the server listens on so far.
 * NULL with the reason in error. */
struct engine *engine_choose(gt_server *server, struct error *error);

/* One more like the first, for another worker; under "auto" another one where there are no more of
 * those. NULL with the reason in error. */
struct engine *engine_choose_alike(gt_server *server, const struct engine *first,
                                   struct error *error);

#endif
