/* address.c: an address is a kind with a colon, or none, and then what that kind is told: a host
 * and a port, a path, a number, a name.
 *
 * What is no address is answered with the address that was probably meant: brackets around IPv6, a
 * colon in front of the port, unix: before a path, udp where upd stands. A kind that is known but
 * not built yet says so.
 * Nothing is looked up here: whether a host exists is seen when its socket is opened. */
#include "base/address.h"

#include "base/escape.h"
#include "base/nearest.h"
#include "base/units.h"

#include <arpa/inet.h>
#include <goodtalk.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The longest name of a descriptor that a service manager hands in. */
#define NAME_SIZE_MAX 255

/* An address being read. */
struct reading {
    struct address *address;
    const struct kind *kind; /* NULL: none is named */
    const char *text;        /* all of it, for sentences */
    struct error *error;
};

/* Read what stands behind the kind's colon. */
typedef int rest_reader(struct reading *reading, const char *rest);

struct kind {
    const char *name;
    rest_reader *read; /* NULL: not built yet */
    enum address_kind kind;
    enum address_family family;
};

static rest_reader read_host_and_port, read_path, read_descriptor, read_name;

static const struct kind kinds[] = {
    {"tcp", read_host_and_port, ADDRESS_TCP, FAMILY_ANY},
    {"tcp4", read_host_and_port, ADDRESS_TCP, FAMILY_IPV4},
    {"tcp6", read_host_and_port, ADDRESS_TCP, FAMILY_IPV6},
    {"udp", read_host_and_port, ADDRESS_UDP, FAMILY_ANY},
    {"udp4", read_host_and_port, ADDRESS_UDP, FAMILY_IPV4},
    {"udp6", read_host_and_port, ADDRESS_UDP, FAMILY_IPV6},
    {"unix", read_path, ADDRESS_UNIX, FAMILY_ANY},
    {"unixgram", read_path, ADDRESS_UNIXGRAM, FAMILY_ANY},
    {"unixpacket", read_path, ADDRESS_UNIXPACKET, FAMILY_ANY},
    {"fd", read_descriptor, ADDRESS_DESCRIPTOR, FAMILY_ANY},
    {"systemd", read_name, ADDRESS_SYSTEMD, FAMILY_ANY},
    {"tls", NULL, ADDRESS_TCP, FAMILY_ANY},
};

static int refuse(const struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "text: why not; what would be right" */
static int refuse(const struct reading *reading, const char *format, ...)
{
    char shown[192], why[320];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    escape_string(shown, sizeof(shown), slice_of_text(reading->text));
    return error_set(reading->error, GT_WRONG, "%s: %s", *shown ? shown : "''", why);
}

/* The first length bytes of text, fit for a sentence. */
static const char *shown_part(char *to, size_t size, const char *text, size_t length)
{
    return escape_string(to, size, slice_of(text, length));
}

/* ---- kinds ---- */

/* The kind of this name, or NULL. */
static const struct kind *find_kind(struct slice name)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (slice_equal(slice_of_text(kinds[i].name), name))
            return &kinds[i];
    return NULL;
}

/* "tcp, tcp4, ... and systemd": those that are built. */
static const char *list_kinds(char *to, size_t size)
{
    size_t used = 0, built = 0;
    while (built < COUNT(kinds) && kinds[built].read)
        built++;
    for (size_t i = 0; i < built && used < size; i++) {
        const char *before = i == 0 ? "" : i + 1 < built ? ", " : " and ";
        used += (size_t)snprintf(to + used, size - used, "%s%s", before, kinds[i].name);
    }
    return to;
}

/* The built kind that is meant by one who slipped, or NULL. */
static const struct kind *nearest_kind(struct slice name)
{
    const struct kind *nearest = NULL;
    unsigned fewest = nearest_slips_allowed(name.size) + 1;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        unsigned slips = nearest_slips(slice_of_text(kinds[i].name), name);
        if (kinds[i].read && slips < fewest) {
            fewest = slips;
            nearest = &kinds[i];
        }
    }
    return nearest;
}

/* What stands before the first colon is no kind, and no host either. */
static int refuse_kind(const struct reading *reading, struct slice name)
{
    char shown[64], list[128];
    const struct kind *nearest = nearest_kind(name);
    escape_string(shown, sizeof(shown), name);
    return refuse(reading, "%s is no kind of address; %s%s%sthere are %s", *shown ? shown : "this",
                  nearest ? "the nearest is " : "", nearest ? nearest->name : "",
                  nearest ? "; " : "", list_kinds(list, sizeof(list)));
}

/* ---- TCP and UDP ---- */

static bool is_ipv4(const char *host)
{
    struct in_addr parsed;
    return inet_pton(AF_INET, host, &parsed) == 1;
}

/* An IPv6 address, with or without "%" and a scope; length bytes of text. */
static bool is_ipv6(const char *text, size_t length)
{
    char host[INET6_ADDRSTRLEN];
    struct in6_addr parsed;
    const char *scope = memchr(text, '%', length);
    size_t plain = scope ? (size_t)(scope - text) : length;
    if (plain >= sizeof(host) || (scope && plain + 1 == length))
        return false;
    memcpy(host, text, plain);
    host[plain] = '\0';
    return inet_pton(AF_INET6, host, &parsed) == 1;
}

/* Letters, digits, dots, dashes and underscores: what may stand in a sentence's example. */
static bool looks_like_host(const char *text, size_t length)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    return length > 0 && length < 64 && strchr(letters, *text) &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") >=
               length;
}

static int read_port(struct reading *reading, const char *port)
{
    int64_t number;
    if (!*port)
        return refuse(reading, "no port; HOST:PORT, for example localhost:9999");
    if (!units_count(port, 65535, &number))
        return refuse(reading, "not a port; PORT is a number from 0 to 65535");
    reading->address->port = (uint16_t)number;
    return GT_DONE;
}

static int read_host(struct reading *reading, const char *host, size_t length)
{
    struct address *address = reading->address;
    if (length >= sizeof(address->host))
        return refuse(reading, "the host name is too long; at most %zu bytes",
                      sizeof(address->host) - 1);
    memcpy(address->host, host, length);
    address->host[length] = '\0';
    if (is_ipv4(address->host) && address->family == FAMILY_IPV6)
        return refuse(reading, "an IPv4 address, where IPv6 only is asked for");
    return GT_DONE;
}

/* "[V6]:PORT" */
static int read_bracketed(struct reading *reading, const char *rest)
{
    const char *end = strchr(rest, ']');
    if (!end)
        return refuse(reading, "a ] is missing; [V6]:PORT, for example [::1]:9999");
    if (!is_ipv6(rest + 1, (size_t)(end - rest - 1)))
        return refuse(reading, "no IPv6 address between the brackets; for example [::1]:9999");
    if (end[1] != ':')
        return refuse(reading, "no port; [V6]:PORT, for example [::1]:9999");
    if (reading->address->family == FAMILY_IPV4)
        return refuse(reading, "an IPv6 address, where IPv4 only is asked for");
    int status = read_host(reading, rest + 1, (size_t)(end - rest - 1));
    return status == GT_DONE ? read_port(reading, end + 2) : status;
}

/* More than one colon, and no brackets. */
static int refuse_colons(const struct reading *reading, const char *rest)
{
    char all[64], host[64];
    int64_t port;
    const char *last = strrchr(rest, ':');
    bool whole = is_ipv6(rest, strlen(rest));
    shown_part(all, sizeof(all), rest, strlen(rest));
    shown_part(host, sizeof(host), rest, (size_t)(last - rest));
    if (is_ipv6(rest, (size_t)(last - rest)) && units_count(last + 1, 65535, &port))
        return whole ? refuse(reading, "IPv6 stands in brackets; [%s]:PORT or [%s]:%s", all, host,
                              last + 1)
                     : refuse(reading, "IPv6 stands in brackets; [%s]:%s", host, last + 1);
    if (whole)
        return refuse(reading, "IPv6 stands in brackets; [%s]:PORT", all);
    if (reading->kind)
        return refuse(reading, "not an address; %s:HOST:PORT, for example %s:localhost:9999",
                      reading->kind->name, reading->kind->name);
    return refuse_kind(reading, slice_of(rest, strcspn(rest, ":")));
}

/* No colon, and no port. */
static int refuse_word(const struct reading *reading, const char *rest)
{
    char shown[64];
    int64_t port;
    if (strchr(rest, '/'))
        return refuse(reading, "not an address; a Unix socket is unix:PATH");
    if (*rest && rest[strspn(rest, "0123456789")] == '\0')
        return refuse(reading, "not a port; PORT is a number from 0 to 65535");
    size_t word = strcspn(rest, " \t");
    if (!looks_like_host(rest, word))
        return refuse(reading, "not an address; PORT or HOST:PORT, for example localhost:9999");
    shown_part(shown, sizeof(shown), rest, word);
    const char *second = rest + word + strspn(rest + word, " \t");
    if (units_count(second, 65535, &port))
        return refuse(reading, "not an address; HOST:PORT, that is %s:%s", shown, second);
    return refuse(reading, "not an address; HOST:PORT, for example %s:9999", shown);
}

/* Whether "host:port" is rather a kind, mistyped, and what that kind is told: "unxi:/run/x". */
static bool looks_like_kind(const struct reading *reading, struct slice host, const char *port)
{
    return !reading->kind && port[strspn(port, "0123456789")] != '\0' && nearest_kind(host);
}

static int read_host_and_port(struct reading *reading, const char *rest)
{
    int64_t port;
    const char *colon = strrchr(rest, ':');
    if (units_count(rest, 65535, &port))
        return read_port(reading, rest);
    if (*rest == '[')
        return read_bracketed(reading, rest);
    if (!colon)
        return refuse_word(reading, rest);
    if (strchr(rest, ':') != colon)
        return refuse_colons(reading, rest);
    size_t length = (size_t)(colon - rest);
    if (looks_like_kind(reading, slice_of(rest, length), colon + 1))
        return refuse_kind(reading, slice_of(rest, length));
    if (strcspn(rest, " \t/") < length)
        return refuse(reading, "not an address; HOST:PORT, for example localhost:9999");
    int status = read_host(reading, rest, length);
    return status == GT_DONE ? read_port(reading, colon + 1) : status;
}

/* ---- the other kinds ---- */

static int read_path(struct reading *reading, const char *path)
{
    const char *kind = reading->kind->name;
    size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
    if (!*path || strcmp(path, "@") == 0)
        return refuse(reading, "no path; %s:PATH or %s:@NAME, for example %s:/run/talk", kind, kind,
                      kind);
    if (strlen(path) > most)
        return refuse(reading, "the path of a Unix socket has at most %zu bytes; this one has %zu",
                      most, strlen(path));
    memcpy(reading->address->path, path, strlen(path) + 1);
    return GT_DONE;
}

static int read_descriptor(struct reading *reading, const char *number)
{
    int64_t descriptor;
    if (!units_count(number, INT32_MAX, &descriptor))
        return refuse(reading, "not a descriptor; fd:N, for example fd:3");
    reading->address->descriptor = (int)descriptor;
    return GT_DONE;
}

/* Nothing, or a name as sd_listen_fds_with_names(3) has them: ASCII, no controls, no colon. */
static int read_name(struct reading *reading, const char *name)
{
    size_t length = strlen(name);
    if (length == 0 && strchr(reading->text, ':'))
        return refuse(reading, "no name; systemd or systemd:NAME, for example systemd:http");
    for (size_t i = 0; i < length; i++)
        if (name[i] < ' ' || name[i] > '~' || name[i] == ':')
            return refuse(reading, "not a name; FileDescriptorName= is ASCII without a colon");
    if (length > NAME_SIZE_MAX)
        return refuse(reading, "the name of a socket has at most %d bytes; this one has %zu",
                      NAME_SIZE_MAX, length);
    memcpy(reading->address->path, name, length + 1);
    return GT_DONE;
}

int address_parse(struct address *address, const char *text, enum address_family family,
                  struct error *error)
{
    size_t length = strcspn(text, ":");
    const struct kind *kind = find_kind(slice_of(text, length));
    struct reading reading = {address, kind, text, error};
    *address = (struct address){.family = family, .descriptor = -1};
    if (!kind)
        return read_host_and_port(&reading, text);
    if (!kind->read)
        return refuse(&reading, "%s is not built yet in this version", kind->name);
    if (kind->family != FAMILY_ANY && family != FAMILY_ANY && kind->family != family)
        return refuse(&reading, "contradicts %s", family == FAMILY_IPV6 ? "-6" : "-4");
    if (kind->family != FAMILY_ANY)
        address->family = kind->family;
    address->kind = kind->kind;
    return kind->read(&reading, text + length + (text[length] == ':'));
}
