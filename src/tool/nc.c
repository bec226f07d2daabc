/* nc.c: the right command is put together from what nc's letters said, the options that are also
 * goodtalk's, and the addresses: "-l -k -p 8080 localhost" is "goodtalk -k localhost:8080".
 *
 * A command of nc's has the connection: that of -e here. */
#include "tool/nc.h"

#include "base/escape.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"

void nc_note(struct nc *nc, char letter, const char *argument)
{
    if (!nc->letter)
        nc->letter = letter;
    if (letter == 'u')
        nc->udp = true;
    else if (letter == 'U')
        nc->unix_socket = true;
    else if (letter == 'p')
        nc->port = argument;
    else if (letter == 'c')
        nc->command = argument;
}

static bool all_digits(const char *text)
{
    return *text && text[strspn(text, DIGITS)] == '\0';
}

/* Letters that stand alone in nc, and a p with its port at the end. */
static bool is_cluster(const char *text)
{
    const char *after = text + strspn(text, "luUkvn46");
    if (*after == 'p')
        return after[1] == '\0' || all_digits(after + 1);
    return *after == '\0' && strpbrk(text, "luU");
}

bool nc_note_cluster(struct nc *nc, const char *argument)
{
    if (!is_cluster(argument))
        return false;
    const char *at = argument;
    for (; *at && *at != 'p'; at++) {
        if (*at == 'k')
            nc->keep = true;
        else if (strchr("luU", *at))
            nc_note(nc, *at, NULL);
    }
    if (*at == 'p')
        nc_note(nc, 'p', at[1] ? at + 1 : NULL);
    return true;
}

static bool is_ipv6(const char *word)
{
    struct in6_addr address;
    return inet_pton(AF_INET6, word, &address) == 1;
}

/* A HOST as nc takes it: no port, no network before it. */
static bool is_host(const char *word)
{
    if (is_ipv6(word))
        return true;
    return *word && !all_digits(word) && !strpbrk(word, ":/") && strcmp(word, "systemd") != 0;
}

static bool is_host_port_at(const struct given *given, size_t i)
{
    return i + 1 < given->address_count && is_host(given->addresses[i]) &&
           all_digits(given->addresses[i + 1]);
}

bool nc_has_host_port(const struct given *given)
{
    for (size_t i = 0; i < given->address_count; i++) {
        if (is_host_port_at(given, i))
            return true;
    }
    return false;
}

/* The inside of single quotes: escaped for a terminal, but a backslash is what was written. */
static void write_quoted(FILE *to, const char *word)
{
    while (*word) {
        char text[256];
        size_t run = strcspn(word, "\\'");
        fputs(escape_string(text, sizeof text, slice_of(word, run)), to);
        word += run;
        if (*word)
            fputs(*word++ == '\'' ? "'\\''" : "\\", to);
    }
}

/* A word as a shell reads it back. */
static void write_word(FILE *to, const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS "%+,-./:=@_[]";
    if (*word && word[strspn(word, plain)] == '\0') {
        fputs(word, to);
        return;
    }
    fputc('\'', to);
    write_quoted(to, word);
    fputc('\'', to);
}

static void write_options(FILE *to, const struct nc *nc, const struct given *given)
{
    if (nc->command) {
        fputs(" -e ", to);
        write_word(to, nc->command);
    }
    if (nc->keep)
        fputs(" -k", to);
    for (size_t i = 0; i < given->option_count; i++) {
        const struct given_option *option = &given->options[i];
        if (option->setting->letter)
            fprintf(to, " -%c", option->setting->letter);
        else
            fprintf(to, " --%s", option->setting->name);
        if (option->value) {
            fputc(' ', to);
            write_word(to, option->value);
        }
    }
}

static void write_address(FILE *to, const struct nc *nc, const char *host, const char *port)
{
    char word[512];
    const char *network = nc->udp ? "udp:" : "";
    if (nc->unix_socket)
        network = nc->udp ? "unixgram:" : "unix:";
    bool bracketed = port && is_ipv6(host);
    snprintf(word, sizeof word, "%s%s%s%s%s%s", network, bracketed ? "[" : "", host,
             bracketed ? "]" : "", port ? ":" : "", port ? port : "");
    fputc(' ', to);
    write_word(to, word);
}

/* A HOST goes together with the PORT after it, or with that of -p. */
static void write_addresses(FILE *to, const struct nc *nc, const struct given *given)
{
    const char *port = nc->port;
    for (size_t i = 0; i < given->address_count; i++) {
        const char *host = given->addresses[i];
        if (nc->unix_socket || !is_host(host)) {
            write_address(to, nc, host, NULL);
        } else if (is_host_port_at(given, i)) {
            write_address(to, nc, host, given->addresses[++i]);
        } else {
            write_address(to, nc, host, port);
            port = NULL;
        }
    }
    if (port)
        write_address(to, nc, port, NULL);
}

static void write_refusal(FILE *to, const struct nc *nc, const struct given *given)
{
    if (nc->letter)
        fprintf(to, "-%c: ", nc->letter);
    if (nc->command)
        fputs("-e gives a command the connection, -x each message", to);
    else if (nc->udp)
        fputs("UDP is named by the address", to);
    else if (nc->unix_socket)
        fputs("a Unix socket is named by its address", to);
    else if (nc->letter)
        fputs("goodtalk listens by itself", to);
    else
        fputs("HOST and PORT are one word, HOST:PORT", to);
    fputs(": goodtalk", to);
    write_options(to, nc, given);
    write_addresses(to, nc, given);
}

int nc_refuse(const struct nc *nc, const struct given *given, struct error *error)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return error_set(error, GT_FAILED, "out of memory");
    write_refusal(memory, nc, given);
    int status = fclose(memory) == 0 ? error_set(error, GT_WRONG, "%s", text)
                                     : error_set(error, GT_FAILED, "out of memory");
    free(text);
    return status;
}
