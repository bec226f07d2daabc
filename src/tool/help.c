/* help.c: the options are listed as their table has them; what is not built is not in the list.
 *
 * Help that cannot be written is an error: goodtalk --help >/dev/full has not helped. */
#include "tool/help.h"

#include <errno.h>
#include <goodtalk.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COLUMNS     80
#define HELP_COLUMN 32 /* where the meaning of an option begins */

static const char beginning[] =
    "Usage: goodtalk [OPTION]... [ADDRESS]...\n"
    "       goodtalk send [OPTION]... ADDRESS [MESSAGE]...   (goodtalk send --help)\n"
    "       goodtalk bench [OPTION]... ADDRESS [MESSAGE]     (goodtalk bench --help)\n"
    "       goodtalk show [OPTION]... RECORD                 (goodtalk show --help)\n"
    "       goodtalk check [OPTION]... FILE                  (goodtalk check --help)\n"
    "Listen on a socket, receive a message, show it and reply: once, or with -k for\n"
    "as long as you like. Without arguments: port 9999, one message, done.\n"
    "\n"
    "ADDRESS, one or several, by default 9999 (port 0: any that is free):\n"
    "  PORT, :PORT          every address of this machine, IPv4 and IPv6\n"
    "  HOST:PORT, [V6]:PORT every address that HOST resolves to\n"
    "  tcp4:... tcp6:...    the same, IPv4 or IPv6 alone; tcp:... as either\n"
    "  udp:... udp4: udp6:  the same with UDP\n"
    "  unix:PATH            a Unix socket; unix:@NAME an abstract one\n"
    "  unixgram:... unixpacket:...   one of datagrams, one of packets\n"
    "  fd:N                 a socket that is open already\n"
    "  systemd[:NAME]       sockets handed in by a service manager\n"
    "\n"
    "Options may be shortened, and mixed with addresses; -- ends them. A DURATION is\n"
    "250ms, 30s, 5min, 1h or seconds; a SIZE is 512, 64KiB, 1MiB or 2GB.\n"
    "\n";

static const char ending[] =
    "\n"
    "Exit status: 0 done; 1 something failed; 2 the command line or the talk file is\n"
    "wrong; 3 --timeout passed first; 4 a talk went otherwise than expected.\n"
    "\n"
    "Examples:\n"
    "  goodtalk                      one message on port 9999: show it, reply, quit\n"
    "  goodtalk -k -r 'Thanks' 8080  reply to everybody on port 8080\n"
    "  goodtalk -k --echo unix:/tmp/talk\n"
    "  goodtalk -t talk.lua          reply as a talk file says\n"
    "\n"
    "More: man goodtalk, man goodtalk-talk\n";

const struct help help_listen = {beginning, gt_setting_at, ending};

/* "-n, --count N" */
static int option_words(char *to, size_t size, const struct gt_setting *setting)
{
    char letter[] = "    ";
    if (setting->letter)
        snprintf(letter, sizeof letter, "-%c, ", setting->letter);
    return snprintf(to, size, "  %s--%s%s%s", letter, setting->name, setting->argument ? " " : "",
                    setting->argument ? setting->argument : "");
}

/* Append a word of an option's meaning: after a space, or on a line of its own where it does not
 * fit. */
static int append_word(struct bytes *to, int *column, const char *word, int length)
{
    const char *before = *column > HELP_COLUMN ? " " : "";
    int result = 0;
    if (*column > HELP_COLUMN && *column + 1 + length >= COLUMNS) {
        result = bytes_format(to, "\n%*s", HELP_COLUMN, "");
        *column = HELP_COLUMN;
        before = "";
    }
    *column += length + (int)strlen(before);
    return result ? result : bytes_format(to, "%s%.*s", before, length, word);
}

/* The default is kept together. */
static int append_meaning(struct bytes *to, const struct gt_setting *setting)
{
    int result = 0;
    int column = HELP_COLUMN;
    const char *text = setting->help;
    while (result == 0 && *text) {
        int length = (int)strcspn(text, " ");
        result = append_word(to, &column, text, length);
        text += length;
        text += strspn(text, " ");
    }
    if (result == 0 && setting->argument && setting->initial) {
        char initial[64];
        int length = snprintf(initial, sizeof initial, "(default: %s)", setting->initial);
        result = append_word(to, &column, initial, length);
    }
    return result ? result : bytes_format(to, "\n");
}

static int append_option(struct bytes *to, const struct gt_setting *setting)
{
    char words[64];
    int width = option_words(words, sizeof words, setting);
    int result = bytes_format(to, "%s", words);
    if (result == 0 && width + 2 > HELP_COLUMN)
        result = bytes_format(to, "\n%*s", HELP_COLUMN, "");
    else if (result == 0)
        result = bytes_format(to, "%*s", HELP_COLUMN - width, "");
    return result ? result : append_meaning(to, setting);
}

int help_append(struct bytes *to, const struct help *help)
{
    const struct gt_setting *setting;
    int result = bytes_format(to, "%s", help->beginning);
    for (size_t i = 0; result == 0 && (setting = help->at(i)) != NULL; i++) {
        if (setting->scope != GT_SCOPE_LATER)
            result = append_option(to, setting);
    }
    return result ? result : bytes_format(to, "%s", help->ending);
}

int help_write(struct slice text, struct error *error)
{
    while (text.size > 0) {
        ssize_t written = write(STDOUT_FILENO, text.data, text.size);
        if (written >= 0)
            text = slice_after(text, (size_t)written);
        else if (errno != EINTR)
            return error_errno(error, errno, "cannot write to standard output");
    }
    return GT_DONE;
}

int help_print(const struct help *help, struct error *error)
{
    struct bytes text = {0};
    int status = help_append(&text, help) == 0 ? help_write(bytes_slice(&text), error)
                                               : error_set(error, GT_FAILED, "out of memory");
    bytes_free(&text);
    return status;
}

int help_print_version(struct error *error)
{
    char text[64];
    snprintf(text, sizeof text, "goodtalk %s\n", gt_version());
    return help_write(slice_of_text(text), error);
}
