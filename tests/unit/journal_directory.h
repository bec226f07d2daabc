/* journal_directory.h: a directory for journals of tests, in memory where there is such a place: a
 * sync costs nothing there. */
#ifndef TESTS_JOURNAL_DIRECTORY_H
#define TESTS_JOURNAL_DIRECTORY_H

#include "base/slice.h"

#define JOURNAL_DIRECTORY_SIZE 64

/* Make one. Returns path. */
char *journal_directory_make(char path[JOURNAL_DIRECTORY_SIZE]);

/* Remove a file; all files in it; and the directory itself. */
void journal_directory_unlink(const char *path, const char *name);
void journal_directory_clear(const char *path);
void journal_directory_remove(const char *path);

/* Write a file of it; read one into bytes (size: how many there may be): how many there were. */
void journal_directory_write(const char *path, const char *name, struct slice content);
size_t journal_directory_read(const char *path, const char *name, uint8_t *bytes, size_t size);

#endif
