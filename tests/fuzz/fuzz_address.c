/* Any text as an address: read, or refused with one sentence that is fit for a terminal. */
#include "base/address.h"
#include "base/place.h"
#include "fuzz.h"

#include <goodtalk.h>

static void check_address(const struct address *address)
{
    require(memchr(address->host, 0, sizeof(address->host)) != NULL);
    require(memchr(address->path, 0, sizeof(address->path)) != NULL);
    require((address->kind == ADDRESS_DESCRIPTOR) == (address->descriptor >= 0));
    switch (address->kind) {
    case ADDRESS_TCP:
    case ADDRESS_UDP:
    case ADDRESS_DESCRIPTOR:
        require(address->path[0] == '\0');
        break;
    case ADDRESS_UNIX:
    case ADDRESS_UNIXGRAM:
    case ADDRESS_UNIXPACKET:
        require(address->path[0] != '\0' && strcmp(address->path, "@") != 0);
        require(place_of_unix(address->path).size <= sizeof(struct sockaddr_un));
        break;
    case ADDRESS_SYSTEMD:
        require(fit_for_terminal(slice_of_text(address->path)) && !strchr(address->path, ':'));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct address address;
    struct error error = {0};
    if (size < 1)
        return 0;
    char *text = text_of(slice_of(data + 1, size - 1));
    int status = address_parse(&address, text, (enum address_family)(data[0] % 3), &error);
    if (status == GT_DONE)
        check_address(&address);
    else
        require_sentence(&error);
    free(text);
    return 0;
}
