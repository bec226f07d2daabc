/* reload.h: the talk file is read again while the server runs. */
#ifndef SERVE_RELOAD_H
#define SERVE_RELOAD_H

struct gt_server;
struct worker;

/* Worker 0's thread: keep what a later reading of the talk file cannot change: GT_DONE or the
 * reason in the server's error. */
int reload_open(struct gt_server *server);

/* Worker 0's thread, between passes: read it again, if that was asked for. */
void reload_talk(struct gt_server *server);

/* Any worker, at the end of its pass: its listeners get the settings that were made for them since.
 */
void reload_obey(struct worker *worker);

#endif
