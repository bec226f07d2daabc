/* Any bytes as a socket's address: a peer with a name that is fit for a terminal, and a port that
 * can be set. The input: [0] how many bytes of an address the system claims, then the address. */
#include "base/peer.h"
#include "base/place.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct place place = {.size = next_byte(&input) % (sizeof place.local + 1)};
    struct slice bytes = next_bytes(&input, sizeof place.local);
    char name[PEER_NAME_SIZE];
    if (bytes.size > 0)
        memcpy(&place.local, bytes.data, bytes.size);
    struct peer peer = peer_of_sockaddr(&place.any, place.size);
    require(peer_name(&peer, name) == name && *name);
    require(fit_for_terminal(slice_of_text(name)));
    if (peer.kind == PEER_IPV4 || peer.kind == PEER_IPV6) {
        require(place_port(&place) == peer.port);
        place_set_port(&place, 9999);
        require(peer_of_sockaddr(&place.any, place.size).port == 9999);
    }
    return 0;
}
