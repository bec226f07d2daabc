"""A hundred milliseconds there and back, and one packet in a hundred lost: everything arrives all the same."""

import contextlib
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import table
from goodtalk_talk import PATIENCE, REPLY, Client, Program
from link import SERVER, Link
from rows_replies import hear

DELAY_SECONDS, LOSS = 0.05, 0.01
REPLY_BYTES, UNREAD_BYTES, STREAM_BYTES = 300_000, 20_000, 300_000
CLIENTS, LINES = 10, 1000


class Far:
    """A server at the other end of the link, and clients at this one."""

    def __init__(self, how, link, engine):
        self.how, self.link, self.engine = how, link, engine

    @contextlib.contextmanager
    def server(self, *options):
        with self.link.there():
            program = Program(["--engine", self.engine, *map(str, options), f"{SERVER}:0"], program=self.how.program)
        try:
            yield program
        finally:
            program.clean_up()

    def hear(self, program, half_close):
        """How many bytes of a reply come; what is left unread is sent before, or goes the other way meanwhile."""
        if half_close:
            return len(self.say(program, b"hello\n" + b"u" * UNREAD_BYTES, True))
        with self.link.here(), Client((SERVER, program.port)) as client:
            return hear(client.send(b"hello\n"), REPLY_BYTES)

    def say(self, program, data, half_close):
        with self.link.here(), Client((SERVER, program.port)) as client:
            client.send(data)
            if half_close:
                client.half_close()
            return client.everything()


def one_shot(far, folder, half_close):
    """The reply came, the status says so."""
    with far.server() as program:
        return far.say(program, b"Who is there?\n", half_close) == REPLY and program.process.wait(PATIENCE) == 0


def large_reply(far, folder, half_close):
    """To a one-shot that leaves 20 KB unread."""
    with far.server("--reply-file", folder / "reply") as program:
        return far.hear(program, half_close) == REPLY_BYTES and program.process.wait(PATIENCE) == 0


def large_replies(far, folder, half_close):
    """Many at once, of a kept server that closes after each."""
    with far.server("-k", "--close", "--reply-file", folder / "reply") as program, ThreadPoolExecutor(CLIENTS) as pool:
        heard = pool.map(lambda _: far.hear(program, half_close), range(CLIENTS))
        return list(heard) == [REPLY_BYTES] * CLIENTS


def pipeline(far, folder, half_close):
    """A thousand lines, the end of our side, and a thousand lines back."""
    said = b"".join(b"line %d\n" % number for number in range(LINES))
    with far.server("-k", "--echo", "-f", "line", "-s", "none") as program:
        return far.say(program, said, True) == said


def stream(far, folder, half_close):
    """All of a stream on standard output, byte for byte."""
    said = bytes(range(256)) * (STREAM_BYTES // 256)
    with far.server("-f", "eof", "-s", "raw") as program:
        return far.say(program, said, True) == REPLY and program.stdout.everything() == said


CASES = [("one-shot", one_shot), ("one-shot, 300 KB reply, 20 KB unread", large_reply),
         ("kept, 10 at once, 300 KB replies, 20 KB unread", large_replies), ("kept, 1000 lines, half-close", pipeline),
         ("one-shot, 300 KB to end-of-stream", stream)]


def arrived(case, far, folder, half_close):
    try:
        return case(far, folder, half_close)
    except (OSError, AssertionError, subprocess.TimeoutExpired):
        return False


def slow_link(how, engine):
    rows = []
    with tempfile.TemporaryDirectory(prefix="goodtalk-siege-") as name:
        folder = Path(name)
        (folder / "reply").write_bytes(b"r" * REPLY_BYTES)
        try:
            link = Link(DELAY_SECONDS, LOSS)
        except OSError as reason:
            return [table.measures(f"slow link, {engine}", "everything arrives", f"not tried: {reason}", False)]
        with link:
            for title, case in CASES:
                came = [arrived(case, Far(how, link, engine), folder, half_close) for half_close in (False, True)]
                rows.append(table.holds(f"100 ms there and back, 1% lost, {engine}: {title}", "all arrives",
                                        f"{sum(came)} of {len(came)}", all(came)))
            rows.append(table.measures(f"the wire, {engine}", "loses some",
                                       f"{link.lost} of {link.carried} packets", link.lost > 0))
    return rows
