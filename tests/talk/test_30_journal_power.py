"""A machine that loses power: a file system of one's own is shut down at any moment, so that nothing reaches it
any more, what is in memory is gone, and its own log is as it was. What was replied to before is there.

GOODTALK_CUTS: how many for ext4, of which xfs has two in five; the whole is 500 (make soak-disk). A few controls are
enough."""
import contextlib
import fcntl
import os
import pathlib
import signal
import struct
import subprocess
import threading
import time

import pytest
from goodtalk_crash import Crowd, check_shown
from goodtalk_journal import read_journal

CUTS = int(os.environ.get("GOODTALK_CUTS") or 3)
SHUTDOWN, WITHOUT_LOG = 0x8004587D, 2  # FS_IOC_SHUTDOWN, FS_SHUTDOWN_FLAGS_NOLOGFLUSH
SIZES = {"ext4": 64 << 20, "xfs": 320 << 20}
INTERVAL = 0.1
READING = 0.03  # how much later than written a reply may be read
CONTROLS = 100


class Disk:
    """A file system in a file, that can lose its power. It is mounted where only a keeper sees it, and reached through
    that: a copy of our mounts, which somebody else may have for other reasons, would keep it from being unmounted."""

    def __init__(self, kind, folder):
        self.folder, self.image, self.mounted = folder, folder / "image", folder / "disk"
        self.cuts = CUTS if kind == "ext4" else max(1, CUTS * 2 // 5)
        self.mounted.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(SIZES[kind])
        quiet = ["-q", "-F"] if kind == "ext4" else ["-q"]
        self._do(f"mkfs.{kind}", *quiet, self.image)
        self.keeper = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "cat"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, bufsize=0)
        self._await_keeper()
        self.inside = ["nsenter", f"--target={self.keeper.pid}", "--mount"]
        self.place = pathlib.Path(f"/proc/{self.keeper.pid}/root{self.mounted}")
        self.mount()

    def _await_keeper(self):
        with contextlib.suppress(BrokenPipeError):
            self.keeper.stdin.write(b"?\n")
        if self.keeper.stdout.readline() != b"?\n":
            pytest.skip("no mounts of one's own here")

    def _do(self, *command):
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except OSError as error:
            pytest.skip(f"{command[0]}: {error.strerror}")
        if done.returncode != 0:
            pytest.skip(f"{command[0]}: {done.stderr.strip()}")

    def mount(self):
        self._do(*self.inside, "mount", "-o", "loop", self.image, self.mounted)

    def unmount(self):
        subprocess.run([*self.inside, "umount", self.mounted], check=True)

    def end(self):
        """The mounts go with the keeper."""
        self.keeper.stdin.close()
        self.keeper.wait()
        self.keeper.stdout.close()

    def cut(self):
        """The moment at which nothing is written any more."""
        fd = os.open(self.place, os.O_RDONLY)
        before = time.monotonic()
        fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", WITHOUT_LOG))
        os.close(fd)
        return before


@pytest.fixture(params=SIZES)
def disk(request, tmp_path):
    disk = Disk(request.param, tmp_path)
    yield disk
    disk.end()


def serve(goodtalk, disk, sync, workers="1", program=None):
    address = disk.folder / "socket"
    return address, goodtalk("-k", "-f", "delim:\\n", "-s", "none", "-d", disk.place / "journal", "--segment-size", "256KiB",
                             "--sync", sync, "-j", workers, at=f"unix:{address}", program=program)


def cut_amid(goodtalk, disk, chance, sync, name, program=None):
    """A crowd, and when the power went amid its talk."""
    address, talk = serve(goodtalk, disk, sync, chance.choice(["1", "2"]), program)
    crowd = Crowd([address], 16, chance, name)
    crowd.talk(replies=chance.randint(1, 600))
    cuts = []
    timer = threading.Timer(chance.random() * 0.15, lambda: cuts.append(disk.cut()))
    timer.start()
    while not cuts:
        crowd.talk(replies=crowd.replies + 1, patience=0.01)
    timer.join()
    crowd.close()
    talk.signal(signal.SIGKILL)
    talk.ended()
    disk.unmount()
    disk.mount()
    return crowd, cuts[0]


def starts_again(goodtalk, disk):
    """What it has then."""
    _, talk = serve(goodtalk, disk, "always")
    assert talk.stop() == 0
    kept = read_journal(disk.place / "journal")
    check_shown(disk.place / "journal", kept)
    return kept


def begin_anew(disk):
    for segment in (disk.place / "journal").glob("*.journal"):
        segment.unlink()


class Sum:
    """Of many cuts, for the figures."""

    def __init__(self):
        self.cuts, self.replies, self.lossy, self.began = 0, 0, 0, time.monotonic()

    def add(self, crowd, lost):
        self.cuts += 1
        self.replies += crowd.replies
        self.lossy += bool(lost)

    def __str__(self):
        seconds = time.monotonic() - self.began
        return f"{self.cuts} cuts, {self.replies} replies read, cuts that lost some: {self.lossy}; {seconds:.0f} s"


@pytest.mark.timeout(3600)
def test_nothing_is_lost(disk, goodtalk, chance, record_property):
    figures = Sum()
    for number in range(disk.cuts):
        crowd, cut = cut_amid(goodtalk, disk, chance, "always", f"cut{number}")
        lost = crowd.lost(starts_again(goodtalk, disk), before=cut)
        figures.add(crowd, lost)
        assert lost == 0, f"{figures}"
        if number % 5 == 4:
            begin_anew(disk)
    record_property("figures", f"always: {figures}")


@pytest.mark.timeout(3600)
def test_no_more_than_an_interval_is_lost(disk, goodtalk, chance, record_property):
    """Where a sync is overdue nobody gets a reply: what is lost is what was replied to within one interval, and, as
    long as the disk keeps pace, the last one before the cut."""
    figures, kept_pace = Sum(), 0
    for number in range(disk.cuts):
        crowd, cut = cut_amid(goodtalk, disk, chance, f"{INTERVAL * 1000:.0f}ms", f"cut{number}")
        lost = [read for read in crowd.lost_replies(starts_again(goodtalk, disk)) if read < cut]
        figures.add(crowd, lost)
        assert not lost or lost[-1] - lost[0] <= INTERVAL + READING, f"{figures}"
        kept_pace += not lost or cut - lost[0] <= INTERVAL
        if number % 5 == 4:
            begin_anew(disk)
    record_property("figures", f"{INTERVAL * 1000:.0f}ms: {figures}; all within the interval before the cut: {kept_pace}")
    assert kept_pace >= 0.5 * disk.cuts


@pytest.mark.timeout(3600)
def test_never_loses(disk, goodtalk, chance, record_property):
    """A control: a disk that is not synced has not what was replied to; but it starts again."""
    figures = Sum()
    for number in range(min(disk.cuts, CONTROLS)):
        crowd, cut = cut_amid(goodtalk, disk, chance, "never", f"cut{number}")
        figures.add(crowd, crowd.lost(starts_again(goodtalk, disk), before=cut))
        begin_anew(disk)
    record_property("figures", f"never: {figures}")
    assert figures.lossy >= 0.95 * figures.cuts - 1


def test_a_reply_while_the_sync_runs_loses(disk, goodtalk, chance, mutant):
    """A control: one that syncs, but does not wait for it."""
    program = mutant("record/journal_recorder.c", ("""    own->sync.apart = sync_apart(own);
""", """    own->sync.apart = true;
"""), ("    if (interval_of(own) != JOURNAL_SYNC_ALWAYS)\n        own->recorder", "        own->recorder"))
    for number in range(1000):  # one in some dozens
        crowd, cut = cut_amid(goodtalk, disk, chance, "always", f"cut{number}", program)
        if crowd.lost(starts_again(goodtalk, disk), before=cut) > 0:
            return
        begin_anew(disk)
    assert False, "nothing was lost"
