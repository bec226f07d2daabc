"""The framings as their definitions have them, made by hand: what a peer says, and what that means.

Written against the manual, and not against the program: it takes messages to bytes, never back."""
import re


def varint(number):
    """A number as protobuf writes it."""
    written = b""
    while number > 127:
        written += bytes([number & 127 | 128])
        number >>= 7
    return written + bytes([number])


class Framing:
    """What --frame is told, and how to say a body in it."""

    def __init__(self, spec):
        self.spec = spec
        self.name, _, self.parameter = spec.partition(":")
        self.delimiter = {"crlf": b"\r\n", "nul": b"\0", "line": b"\n", "talk": b"\n"}.get(self.name)
        if self.name == "delim":
            self.delimiter = self.parameter.encode().decode("unicode_escape").encode()
        if self.name == "length":
            self._read_length()

    def _read_length(self):
        size, order, offset, surplus = re.fullmatch(
            r"(\d)(be|le)?(?:@(\d+))?([+-]\d+)?", self.parameter).groups()
        self.size, self.order = int(size), "little" if order == "le" else "big"
        self.offset, self.surplus = offset and int(offset), int(surplus or 0)

    @property
    def strict(self):
        """Whether an echo of whole messages is what was said: nothing is dropped or added."""
        return self.name not in ("talk", "line")

    @property
    def bounded(self):
        """Whether a stream may end within a message."""
        return self.name not in ("talk", "line", "eof", "chunk")

    def takes(self, body):
        """Whether this can be the body of a message."""
        if self.delimiter:
            cr = not self.strict and body.endswith(b"\r")
            return not cr and (body + self.delimiter).find(self.delimiter) == len(body)
        if self.name == "fixed":
            return len(body) == int(self.parameter)
        if self.name == "octet":
            return body != b""
        if self.name == "length":
            return 0 <= len(body) + self.surplus < 256 ** self.size
        return True

    def say(self, body, header=b"\xa5"):
        """The bytes that say it; where a header comes first it is filled with header's bytes."""
        if self.delimiter:
            return body + self.delimiter
        if self.name == "length":
            number = (len(body) + self.surplus).to_bytes(self.size, self.order)
            return (header * (self.offset or 0))[:self.offset or 0] + number + body
        return {"varint": lambda: varint(len(body)) + body,
                "netstring": lambda: b"%d:%s," % (len(body), body),
                "octet": lambda: b"%d %s" % (len(body), body)}.get(self.name, lambda: body)()

    def message(self, body, header=b"\xa5"):
        """What the message is then: with a header, all of it."""
        with_header = self.name == "length" and self.offset is not None
        return self.say(body, header) if with_header else body


# One of each, and the forms that protocols have: BGP (length:2@16+18), PostgreSQL (4@0+4 and 4@1+4),
# MySQL (3le-1), DNS over TCP (2be).
FRAMINGS = [Framing(spec) for spec in (
    "talk", "line", "crlf", "nul", "delim:;", r"delim:\r\n.\r\n", "delim:aab", "length:1",
    "length:2be", "length:2le+2", "length:3le-1", "length:4", "length:8le", "length:4@0+4",
    "length:4@1+4", "length:2@16+18", "length:1@3-2", "varint", "netstring", "octet", "fixed:7",
    "eof", "chunk")]
