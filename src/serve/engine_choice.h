/* engine_choice.h: which engine serves. */
#ifndef SERVE_ENGINE_CHOICE_H
#define SERVE_ENGINE_CHOICE_H

#include <goodtalk.h>

struct engine;
struct error;

/* The engine that --engine names, or that "auto" chooses for what the server listens on so far.
 * NULL with the reason in error. */
struct engine *engine_choose(gt_server *server, struct error *error);

#endif
