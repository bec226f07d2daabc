/* client_target.c: an address is read, and what it is decides how messages are carried.
 *
 * Refused is what only a listener can have: fd:, systemd:, port 0; and a framing that is none. */
#include "tool/client_target.h"

#include "base/escape.h"

#include <goodtalk.h>

static enum transport transport_of(enum address_kind kind)
{
    if (kind == ADDRESS_UDP || kind == ADDRESS_UNIXGRAM)
        return TRANSPORT_DATAGRAMS;
    return kind == ADDRESS_UNIXPACKET ? TRANSPORT_PACKETS : TRANSPORT_STREAM;
}

static int refuse_listeners(const struct target *target, const char *command, struct error *error)
{
    const struct address *address = &target->address;
    bool has_port = address->kind == ADDRESS_TCP || address->kind == ADDRESS_UDP;
    if (address->kind == ADDRESS_DESCRIPTOR || address->kind == ADDRESS_SYSTEMD)
        return error_set(error, GT_WRONG,
                         "%s: for listening only; %s connects to an address, for example "
                         "localhost:9999",
                         target->shown, command);
    if (has_port && address->port == 0)
        return error_set(error, GT_WRONG,
                         "%s: port 0 is for listening only; %s needs the port of the server",
                         target->shown, command);
    return GT_DONE;
}

int target_read(struct target *target, const char *written, enum address_family family,
                const char *command, struct error *error)
{
    target->written = written;
    escape_string(target->shown, sizeof target->shown, slice_of_text(written));
    if (address_parse(&target->address, written, family, error) != GT_DONE)
        return error->status;
    target->transport = transport_of(target->address.kind);
    return refuse_listeners(target, command, error);
}

int target_read_framing(const struct target *target, const char *frame, size_t max_message,
                        struct framing *framing, struct error *error)
{
    char shown[96];
    if (framing_parse(framing, frame, max_message, error) != GT_DONE)
        return error_prefix(error, "--frame %s",
                            escape_string(shown, sizeof shown, slice_of_text(frame)));
    if (target->transport != TRANSPORT_STREAM)
        *framing = (struct framing){.codec = &codec_packet, .max_message = max_message};
    return GT_DONE;
}
