"""Negative controls: a protection is switched off in a copy of the source, and the siege must break on it.

Each mutant is a text replaced in one file, once, by another. The copy is built once; each mutant costs the compiling
of its file.
"""

import contextlib
import functools
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import rows_floods
import rows_link
import rows_nofile
import rows_replies
import rows_resets
import rows_siege
import rows_stderr
import table
from goodtalk_talk import ROOT

NOT_COPIED = shutil.ignore_patterns("build*", ".git", "__pycache__", ".hypothesis", ".pytest_cache")


@dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    old: str
    new: str
    rows: object  # how -> rows, of which at least one must be broken
    broken: str  # a part of that row's name


def besiege(kind, idle=3, message=2, **options):
    """A siege that is short, with short timeouts, by this kind."""
    timeouts = rows_siege.Timeouts(idle, message, write=2)
    return lambda how: rows_siege.siege(how, "epoll", 1, [kind], timeouts, **options)


NO_LINGER = ("    if (is_certain(connection)) {\n"
             "        connection_end(connection, connection->reason);\n        return;\n    }\n    if (!output_need",
             "    if (connection->fd >= 0) {\n"
             "        connection_end(connection, connection->reason);\n        return;\n    }\n    if (!output_need")

MUTANTS = [
    Mutant("message-timeout begins anew with each byte", "src/serve/connection.c",
           "    connection->last_try = false;\n",
           "    connection->last_try = false;\n    connection->started_ns = worker->engine->now_ns;\n",
           besiege("drip"), "drip: not ended"),
    Mutant("no idle-timeout", "src/serve/deadlines.c", "idle && now_ns >= idle_deadline(connection)", "idle && false",
           besiege("silent"), "silent: not ended"),
    Mutant("no write-timeout", "src/serve/deadlines.c",
           "connection_end(connection, REASON_WRITE_TIMEOUT);\n    return", "(void)now_ns;\n    return",
           besiege("mute"), "mute: not ended"),
    Mutant("a half-closed peer without a message stays", "src/serve/connection.c",
           "    if (connection->finished && done)", "    if (connection->finished && !done)",
           besiege("half-closed", idle=60), "half-closed: not ended"),
    Mutant("max-memory is no bound", "src/serve/worker.h", "worker->memory_bytes += after - before;",
           "worker->memory_bytes += 0 * (after - before);",
           lambda how: besiege("endless", message=15, max_memory=8 << 20)(replace(how, crowd=1000)), "resident memory"),
    Mutant("closing does not linger", "src/serve/closing.c", NO_LINGER[0], NO_LINGER[1],
           lambda how: rows_replies.replies(how, "epoll"), "none cut short"),
    Mutant("closing does not linger, on a slow link", "src/serve/closing.c", NO_LINGER[0], NO_LINGER[1],
           lambda how: rows_link.slow_link(how, "epoll"), "20 KB unread"),
    Mutant("a reset leaves its descriptor", "src/serve/ending.c",
           "    engine_close(worker->engine, connection->fd, connection->reason == REASON_RESET_SENT);\n",
           "    if (connection->reason != REASON_RESET)\n"
           "        engine_close(worker->engine, connection->fd, false);\n",
           lambda how: rows_resets.resets(how, "epoll"), "descriptors left"),
    Mutant("a reset leaves its memory", "src/serve/ending.c",
           "    bytes_free(&connection->input);\n}",
           "    bytes_free(&connection->input);\n    bytes_reserve(&connection->input, 8000);\n"
           "    connection->input = (struct bytes){.data = NULL};\n}",
           lambda how: rows_resets.resets(how, "epoll"), "memory left"),
    Mutant("any number for each source", "src/serve/listener.c", "if (!source_has_room(worker, &newcomer))",
           "if (!source_has_room(worker, &newcomer) && !worker)",
           lambda how: rows_floods.connects_from_few(how, "epoll"), "open connections"),
    Mutant("streams have no rate", "src/serve/paying.c", "return connection->source &&",
           "return connection->source && false &&", lambda how: rows_floods.messages_over_rate(how, "epoll"),
           "messages taken"),
    Mutant("datagrams have no rate", "src/serve/post.c", "return sources && sources_rated(sources) &&",
           "return sources && false && sources_rated(sources) &&",
           lambda how: rows_floods.datagrams_over_rate(how, "epoll"), "taken of"),
    Mutant("servers answer each other for ever", "src/serve/post.c", "return sources && sources_rated(sources) &&",
           "return sources && false && sources_rated(sources) &&",
           lambda how: rows_floods.answer_each_other(how, "epoll"), "messages in"),
    *(Mutant(f"no pause without descriptors (nofile, {engine})", "src/serve/listener.c",
             "#define RETRY_NS INT64_C(100000000)", "#define RETRY_NS INT64_C(0)",
             lambda how, engine=engine: rows_nofile.nofile(how, engine), "CPU over")
      for engine in ("epoll", "uring")),
    Mutant("standard error is waited for", "src/tool/report.c", "return poll(&descriptor, 1, wait_ms) != 0;",
           "return poll(&descriptor, 0, 0) >= 0 || wait_ms;",
           lambda how: rows_stderr.stuck_stderr(how, "epoll"), "honest messages unanswered"),
    Mutant("as many warnings as peers provoke", "src/tool/report.c", "report->said >= REPORT_PEER_LINES",
           "report->said >= 1000000", lambda how: rows_stderr.stuck_stderr(how, "epoll"), "lines once it is read"),
]


class Workshop:
    """A copy of the source and its build."""

    def __init__(self, folder):
        self.source, self.build = folder / "source", folder / "build"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(ROOT, self.source, ignore=NOT_COPIED)
        subprocess.run(["meson", "setup", self.build, self.source, "-Dtests=disabled"], check=True,
                       stdout=subprocess.DEVNULL)
        self.compile()

    def compile(self):
        subprocess.run(["meson", "compile", "-C", self.build, "goodtalk:executable"], check=True,
                       stdout=subprocess.DEVNULL)

    @contextlib.contextmanager
    def mutated(self, mutant):
        """The program, with the mutant in it."""
        path = self.source / mutant.file
        original = path.read_text()
        if original.count(mutant.old) != 1:
            raise ValueError(f"{mutant.file}: what the mutant replaces stands {original.count(mutant.old)} times in it")
        path.write_text(original.replace(mutant.old, mutant.new))
        try:
            self.compile()
            yield self.build / "goodtalk"
        finally:
            path.write_text(original)


@functools.cache
def workshop(folder):
    """One for all mutants of a run."""
    return Workshop(folder)


def control(how, mutant):
    """In a siege just large enough: the row that says whether it has seen the mutant."""
    small = replace(how, crowd=100, seconds=16, scale=0.1, shortest=5)
    try:
        with workshop(Path(how.build) / "siege-mutants").mutated(mutant) as program:
            seen = [row for row in mutant.rows(replace(small, program=str(program))) if row.broken]
    except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as reason:
        return [table.holds(f"control: {mutant.name}", f"breaks: {mutant.broken}", f"no rows: {reason}", False)]
    found = [row for row in seen if mutant.broken in f"{row.name} {row.aim}"]
    shown = found[0].figure if found else ", ".join(row.name for row in seen) or "nothing is broken"
    return [table.holds(f"control: {mutant.name}", f"breaks: {mutant.broken}", shown, found)]
