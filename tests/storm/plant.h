/* plant.h: bugs put in on purpose, to see that the storm finds them.
 *
 * A plant stands between a server and its engine: it wraps the engine's table and misbehaves now
 * and then, as a server or an engine with that bug would. */
#ifndef STORM_PLANT_H
#define STORM_PLANT_H

#include "engine/engine.h"

struct plant {
    const char *name;
    const char *what; /* what goes wrong */
    void (*put)(struct engine_table *table);
};

/* The plants; ends with a NULL name. */
extern const struct plant plants[];

/* Put it in: false when there is no plant of this name. One engine at a time. */
bool plant_put(struct engine *engine, const char *name);

#endif
