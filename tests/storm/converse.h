/* converse.h: a listener whose connections hold conversations that say what an echo replies. */
#ifndef STORM_CONVERSE_H
#define STORM_CONVERSE_H

#include "speech.h"

#include <goodtalk.h>

/* Let the server's last listener, one of connections, do so. */
void converse_instead(gt_server *server, const struct speech *speech);

#endif
