/* show_peer.c: an address counts in as many of its bits as are asked for; Unix peers have users and
 * processes instead. */
#include "tool/show_peer.h"

#include "base/units.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define ADDRESS_SIZE 64

/* ---- reading ---- */

static bool read_number(const char *text, int64_t most, uint32_t *number)
{
    int64_t count;
    if (!units_count(text, most, &count))
        return false;
    *number = (uint32_t)count;
    return true;
}

static bool read_address(struct show_peer *wanted, const char *address)
{
    wanted->kind = SHOW_PEER_IP;
    wanted->any_port = true;
    wanted->like.kind = strchr(address, ':') ? PEER_IPV6 : PEER_IPV4;
    wanted->bits = wanted->like.kind == PEER_IPV6 ? 128 : 32;
    return inet_pton(wanted->like.kind == PEER_IPV6 ? AF_INET6 : AF_INET, address,
                     wanted->like.address) == 1;
}

/* "10.0.0.0/8": what stands before the slash, and how many bits count. */
static bool read_network(struct show_peer *wanted, const char *text)
{
    char address[ADDRESS_SIZE];
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);
    if (length >= sizeof address)
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    if (!read_address(wanted, address))
        return false;
    return !slash || read_number(slash + 1, wanted->bits, &wanted->bits);
}

/* As its name is written, with the port: exactly that. */
static bool read_name(struct show_peer *wanted, const char *text)
{
    wanted->kind = SHOW_PEER_IP;
    wanted->any_port = false;
    if (!peer_parse(&wanted->like, text))
        return false;
    wanted->bits = wanted->like.kind == PEER_IPV6 ? 128 : 32;
    return wanted->like.kind == PEER_IPV4 || wanted->like.kind == PEER_IPV6;
}

bool show_peer_parse(struct show_peer *wanted, const char *text)
{
    *wanted = (struct show_peer){.kind = SHOW_PEER_UNIX};
    if (strcmp(text, "unix") == 0)
        return true;
    wanted->kind = SHOW_PEER_UID;
    if (strncmp(text, "uid:", 4) == 0)
        return read_number(text + 4, UINT32_MAX, &wanted->number);
    wanted->kind = SHOW_PEER_PID;
    if (strncmp(text, "pid:", 4) == 0)
        return read_number(text + 4, INT32_MAX, &wanted->number);
    return read_name(wanted, text) || read_network(wanted, text);
}

/* ---- comparing ---- */

static bool same_bits(const uint8_t *left, const uint8_t *right, unsigned bits)
{
    unsigned bytes = bits / 8;
    unsigned rest = bits % 8;
    return memcmp(left, right, bytes) == 0 &&
           (rest == 0 || ((left[bytes] ^ right[bytes]) >> (8 - rest)) == 0);
}

bool show_peer_matches(const struct show_peer *wanted, const struct peer *peer)
{
    if (wanted->kind == SHOW_PEER_IP)
        return peer->kind == wanted->like.kind &&
               (wanted->any_port || peer->port == wanted->like.port) &&
               same_bits(wanted->like.address, peer->address, wanted->bits);
    if (peer->kind != PEER_UNIX || wanted->kind == SHOW_PEER_UNIX)
        return peer->kind == PEER_UNIX;
    if (peer->credentials.pid == 0)
        return false; /* then the user is not known either */
    return wanted->number == (wanted->kind == SHOW_PEER_UID ? peer->credentials.uid
                                                            : (uint32_t)peer->credentials.pid);
}
