/* environment.c: see environment.h. Nothing that a peer can choose is in it but numbers and
 * addresses, which the system has made into text.
 *
 * Failing: memory. */
#include "reply/environment.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define USUAL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int add(struct bytes *to, const char *name, const char *value)
{
    int result = bytes_format(to, "%s=%s", name, value);
    return result < 0 ? result : bytes_append(to, slice_of("", 1));
}

static int add_number(struct bytes *to, const char *name, int64_t value)
{
    int result = bytes_format(to, "%s=%lld", name, (long long)value);
    return result < 0 ? result : bytes_append(to, slice_of("", 1));
}

static int add_own(struct bytes *to)
{
    const char *path = getenv("PATH");
    const char *language = getenv("LANG");
    int result = add(to, "PATH", path ? path : USUAL_PATH);
    return language ? result | add(to, "LANG", language) : result;
}

/* "TCPREMOTEIP=192.0.2.1" and "TCPREMOTEPORT=40312". */
static int add_end(struct bytes *to, const char *proto, const char *end, const struct peer *peer)
{
    char name[32], address[INET6_ADDRSTRLEN];
    int family = peer->kind == PEER_IPV4 ? AF_INET : AF_INET6;
    inet_ntop(family, peer->address, address, sizeof address);
    snprintf(name, sizeof name, "%s%sIP", proto, end);
    int result = add(to, name, address);
    snprintf(name, sizeof name, "%s%sPORT", proto, end);
    return result | add_number(to, name, peer->port);
}

static int add_ends(struct bytes *to, const char *proto, const struct environment_facts *facts)
{
    int result = add_end(to, proto, "REMOTE", facts->peer);
    return facts->local ? result | add_end(to, proto, "LOCAL", facts->local) : result;
}

static int add_ip(struct bytes *to, bool udp, const struct environment_facts *facts)
{
    bool six = facts->peer->kind == PEER_IPV6;
    const char *proto = udp ? "UDP" : "TCP";
    const char *proto_six = udp ? "UDP6" : "TCP6";
    int result = add(to, "PROTO", six ? proto_six : proto) | add_ends(to, proto, facts);
    return six ? result | add_ends(to, proto_six, facts) : result;
}

static int add_unix(struct bytes *to, const struct environment_facts *facts)
{
    const char *path = strchr(facts->listener, ':');
    int result = add(to, "PROTO", "UNIX") | add(to, "UNIXLOCALPATH", path ? path + 1 : "");
    if (facts->peer->kind != PEER_UNIX || facts->peer->credentials.pid == 0)
        return result;
    result |= add_number(to, "UNIXREMOTEPID", facts->peer->credentials.pid);
    result |= add_number(to, "UNIXREMOTEUID", facts->peer->credentials.uid);
    return result | add_number(to, "UNIXREMOTEGID", facts->peer->credentials.gid);
}

int environment_make(struct bytes *to, const struct environment_facts *facts)
{
    uint8_t kind = facts->peer->kind;
    int result = add_own(to);
    if (kind == PEER_IPV4 || kind == PEER_IPV6)
        result |= add_ip(to, strncmp(facts->listener, "udp", 3) == 0, facts);
    else
        result |= add_unix(to, facts);
    if (facts->id)
        result |= add(to, "GOODTALK_ID", facts->id);
    return result < 0 ? result : 0;
}

void environment_list(const struct bytes *made, const char *list[ENVIRONMENT_MOST])
{
    struct slice rest = bytes_slice(made);
    size_t count = 0;
    while (rest.size > 0) {
        assert(count + 1 < ENVIRONMENT_MOST);
        list[count] = (const char *)rest.data;
        rest = slice_after(rest, strlen(list[count++]) + 1);
    }
    list[count] = NULL;
}
