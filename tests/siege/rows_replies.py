"""Two hundred replies of a megabyte to peers who say more than is read of them: none is cut short."""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import table
from besieged import Server
from goodtalk_talk import Client

REPLIES, REPLY_BYTES, UNREAD_BYTES = 200, 1_000_000, 20_000


PIECES = 20  # what is left unread comes in so many


def hear(client, reply_bytes, slowly=False):
    """How many bytes come until the end of the stream, while what nobody reads goes the other way."""
    heard, said = 0, 0
    piece = client.socket.recv(16384)
    while piece:
        heard += len(piece)
        if heard * PIECES > said * reply_bytes and said < PIECES:
            client.send(b"u" * (UNREAD_BYTES // PIECES))
            said += 1
        if slowly:
            time.sleep(0.005)
        piece = client.socket.recv(16384)
    return heard


def ask(port, slowly, at_once):
    """One reply, and what is left unread: sent with the question, or while the reply comes."""
    with Client(port, receive_buffer=65536 if slowly else None) as client:
        try:
            client.send(b"hello\n" + (b"u" * UNREAD_BYTES if at_once else b""))
            return hear(client, REPLY_BYTES, slowly)
        except OSError:
            return -1


def ask_all(port, count, slowly):
    """How many of them were cut short."""
    with ThreadPoolExecutor(min(count, 50)) as pool:
        heard = list(pool.map(lambda number: ask(port, slowly, number % 2 == 0), range(count)))
    return sum(bytes_heard != REPLY_BYTES for bytes_heard in heard)


def replies(how, engine):
    rows = []
    with tempfile.TemporaryDirectory(prefix="goodtalk-siege-") as folder:
        reply = Path(folder) / "reply"
        reply.write_bytes(b"r" * REPLY_BYTES)
        with Server(how.program, "--close", "-f", "line", "-s", "none", "--reply-file", reply, "--engine",
                    engine) as server:
            for slowly in (False, True):
                count = how.of_crowd(REPLIES)
                cut = ask_all(server.port, count, slowly)
                rows.append(table.holds(f"replies of 1 MB, 20 KB unread, {engine}{', slow readers' if slowly else ''}",
                                        "none cut short", f"{cut} of {count}", cut == 0))
    return rows
