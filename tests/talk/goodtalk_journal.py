"""The journal's format, written and read in Python from its description, sharing nothing with goodtalk.

    segment = Segment(worker=0, number=1)
    segment.listener("tcp:127.0.0.1:9999")
    segment.message(b"hello", raw=b"hello\\n", peer="127.0.0.1:40312", time_us=...)
    segment.save(directory)

    read_journal(directory)   what is there, or Damaged
"""
import dataclasses
import ipaddress
import re
import struct

MAGIC = b"goodtalk journal"
HEADER_BYTES = 4096
HEADER = struct.Struct("<16sII QQQQ q II")
FRAME = struct.Struct("<II QQQ q BBHHH II")
PEER = struct.Struct("<16sII")
LISTENER, MESSAGE, MARK, GAP = 1, 2, 3, 4
NO_PEER, IPV4, IPV6, UNIX = 0, 1, 2, 3
NAME = re.compile(r"(0|[1-9][0-9]*)-([0-9]{10,})\.journal")

assert HEADER.size == 72 and FRAME.size == 56 and PEER.size == 24


def _crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = _crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283  # the check value that everybody gives for CRC-32C


class Damaged(Exception):
    """It says where: (worker, number, offset)."""


# ---- peers ----

def peer_bytes(name):
    """(kind, port, the 24 bytes) of "127.0.0.1:40312", "[::1]:99", "unix:pid=812,uid=33"."""
    if name == "unknown":
        return NO_PEER, 0, PEER.pack(b"", 0, 0)
    if name.startswith("unix"):
        pid, uid = re.fullmatch(r"unix(?::pid=(\d+),uid=(\d+))?", name).groups()
        return UNIX, 0, PEER.pack(struct.pack("<iII", int(pid or 0), int(uid or 0), 0), 0, 0)
    address, port = re.fullmatch(r"\[?([^\]]*)\]?:(\d+)", name).groups()
    address, _, scope = address.partition("%")
    address = ipaddress.ip_address(address)
    return (IPV4 if address.version == 4 else IPV6), int(port), PEER.pack(address.packed, int(scope or 0), 0)


def peer_name(kind, port, data):
    address, scope, _ = PEER.unpack(data)
    if kind == IPV4:
        return f"{ipaddress.ip_address(address[:4])}:{port}"
    if kind == IPV6:
        return f"[{ipaddress.ip_address(address)}{f'%{scope}' if scope else ''}]:{port}"
    if kind == UNIX:
        pid, uid, _ = struct.unpack("<iII", address[:12])
        return f"unix:pid={pid},uid={uid}" if pid else "unix"
    return "unknown"


# ---- writing ----

class Segment:
    """One being written. sequence and synced_to go on by themselves, or are given."""

    def __init__(self, worker=0, number=1, sequence=0, synced_to=0, segment_id=None, created_us=0):
        self.worker, self.number, self.sequence, self.synced_to = worker, number, sequence, synced_to
        self.id = segment_id or (0x9E3779B97F4A7C15 * (worker * 1000 + number)) % 2**64
        fields = struct.pack("<QQQQqII", self.id, number, sequence, synced_to, created_us, worker, 1 << 20)
        header = MAGIC + struct.pack("<II", 1, crc32c(fields)) + fields
        self.data = bytearray(header.ljust(HEADER_BYTES, b"\0"))

    def frame(self, kind, rest=b"", time_us=0, peer_kind=0, port=0, listener=0, body_offset=0, body_size=0,
              sequence=None):
        """Append a frame; the offset at which it begins."""
        begins = len(self.data)
        size = FRAME.size + len(rest)
        sequence = self.sequence if sequence is None else sequence
        head = FRAME.pack(size, 0, self.id, sequence, min(self.synced_to, sequence), time_us, kind, peer_kind, port,
                          listener, 0, body_offset, body_size)
        covered = head[8:] + rest
        self.data += struct.pack("<II", size, crc32c(covered)) + covered + b"\0" * (-size % 8)
        return begins

    def listener(self, name, number=0):
        return self.frame(LISTENER, name.encode(), listener=number)

    def message(self, body, raw=None, peer="127.0.0.1:40312", time_us=0, listener=0):
        raw = body + b"\n" if raw is None else raw
        kind, port, rest = peer_bytes(peer)
        self.sequence += 1
        self.synced_to = min(self.synced_to, self.sequence - 1)
        return self.frame(MESSAGE, rest + raw, time_us=time_us, peer_kind=kind, port=port, listener=listener,
                          body_offset=raw.index(body), body_size=len(body))

    def mark(self):
        """Every message so far is on disk."""
        self.synced_to = self.sequence
        return self.frame(MARK)

    def room(self, size=4096):
        self.data += b"\0" * size

    @property
    def name(self):
        return f"{self.worker}-{self.number:010}.journal"

    def save(self, directory):
        path = directory / self.name
        path.write_bytes(self.data)
        return path

    def next(self):
        """The segment that follows in the series."""
        return Segment(self.worker, self.number + 1, self.sequence, self.synced_to)


# ---- reading ----

@dataclasses.dataclass
class Message:
    worker: int
    sequence: int
    time_us: int
    listener: str
    peer: str
    body: bytes
    raw: bytes

    @property
    def id(self):
        return f"{self.worker}-{self.sequence}"


def segments_of(directory):
    """{worker: [(number, path)...]}, in their order."""
    found = {}
    for path in directory.iterdir():
        match = NAME.fullmatch(path.name)
        if match:
            found.setdefault(int(match[1]), []).append((int(match[2]), path))
    return {worker: sorted(segments) for worker, segments in sorted(found.items())}


def read_header(data):
    """The fields of a good header, or None."""
    if len(data) < HEADER.size:
        return None
    magic, version, crc, *fields = HEADER.unpack_from(data)
    if magic != MAGIC or version != 1 or crc != crc32c(data[24:HEADER.size]):
        return None
    return dict(zip(("id", "number", "sequence", "synced_to", "created_us", "worker", "size"), fields))


def read_frame(data, at, segment_id):
    """(fields, rest, size rounded up) of a good frame, or None."""
    if len(data) < at + FRAME.size:
        return None
    names = ("size", "crc", "id", "sequence", "synced_to", "time_us", "kind", "peer_kind", "port", "listener",
             "reserved", "body_offset", "body_size")
    head = dict(zip(names, FRAME.unpack_from(data, at)))
    if head["id"] != segment_id or head["size"] < FRAME.size or at + head["size"] > len(data):
        return None
    if crc32c(data[at + 8:at + head["size"]]) != head["crc"]:
        return None
    return head, data[at + FRAME.size:at + head["size"]], head["size"] + -head["size"] % 8


def message_of(worker, head, rest, listeners):
    raw = bytes(rest[PEER.size:])
    body = raw[head["body_offset"]:head["body_offset"] + head["body_size"]]
    assert len(body) == head["body_size"]
    return Message(worker, head["sequence"], head["time_us"], listeners.get(head["listener"], "unknown"),
                   peer_name(head["peer_kind"], head["port"], rest[:PEER.size]), body, raw)


def follows(head, sequence):
    """Whether a frame may come after the message of that sequence."""
    if head["kind"] == GAP:  # what was set aside: it says which message was the last of it
        return head["sequence"] >= sequence
    return head["sequence"] == sequence + (head["kind"] == MESSAGE)


def read_segment(data, worker, number, before):
    """(messages, the last sequence) of a whole segment; before: the sequence it must begin with, or None."""
    header = read_header(data)
    if header is None and not any(data[HEADER_BYTES:]):
        return [], before  # one that was never finished
    if header is None or (header["worker"], header["number"]) != (worker, number):
        raise Damaged((worker, number, 0))
    sequence = header["sequence"]
    if before not in (None, sequence):
        raise Damaged((worker, number, 0))
    messages, listeners, at = [], {}, HEADER_BYTES
    while any(data[at:at + FRAME.size]):
        found = read_frame(data, at, header["id"])
        if found is None or not follows(found[0], sequence):
            raise Damaged((worker, number, at))
        head, rest, size = found
        if head["kind"] == LISTENER:
            listeners[head["listener"]] = rest.decode()
        if head["kind"] == MESSAGE:
            messages.append(message_of(worker, head, rest, listeners))
        sequence = head["sequence"]
        at += size
    if any(data[at:]):
        raise Damaged((worker, number, at))
    return messages, sequence


def read_journal(directory):
    """{worker: [Message...]} of a journal that is whole; Damaged where it is not."""
    found = {}
    for worker, segments in segments_of(directory).items():
        before, found[worker] = None, []
        for number, path in segments:
            messages, before = read_segment(path.read_bytes(), worker, number, before)
            found[worker] += messages
    return found
