"""A machine that loses power: a file system of one's own is shut down at any moment, so that nothing reaches it
any more, what is in memory is gone, and its own log is as it was. What was replied to before is there.

GOODTALK_CUTS: how many for ext4, of which xfs has two in five; the whole is 500 (make soak-disk)."""
import fcntl
import os
import random
import signal
import struct
import subprocess
import threading
import time

import pytest
from goodtalk_crash import Crowd
from goodtalk_journal import read_journal

CUTS = int(os.environ.get("GOODTALK_CUTS") or 5)
SHUTDOWN, WITHOUT_LOG = 0x8004587D, 2  # FS_IOC_SHUTDOWN, FS_SHUTDOWN_FLAGS_NOLOGFLUSH
SIZES = {"ext4": 64 << 20, "xfs": 320 << 20}
INTERVAL = 0.1


@pytest.fixture
def chance():
    seed = int(os.environ.get("GOODTALK_SEED") or random.SystemRandom().getrandbits(32))
    print(f"GOODTALK_SEED={seed}")
    return random.Random(seed)


class Disk:
    """A file system in a file, that can lose its power."""

    def __init__(self, kind, folder):
        self.image, self.place = folder / "image", folder / "disk"
        self.cuts = CUTS if kind == "ext4" else max(1, CUTS * 2 // 5)
        self.place.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(SIZES[kind])
        quiet = ["-q", "-F"] if kind == "ext4" else ["-q"]
        self._do(f"mkfs.{kind}", *quiet, self.image)
        self.mount()

    def _do(self, *command):
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except OSError as error:
            pytest.skip(f"{command[0]}: {error.strerror}")
        if done.returncode != 0:
            pytest.skip(f"{command[0]}: {done.stderr.strip()}")

    def mount(self):
        self._do("mount", "-o", "loop", self.image, self.place)

    def unmount(self):
        subprocess.run(["umount", self.place], check=True)

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
    disk.unmount()


def serve(goodtalk, disk, sync, workers="1"):
    address = disk.place.parent / "socket"
    return address, goodtalk("-k", "-f", "delim:\\n", "-s", "none", "-d", disk.place / "journal", "--segment-size", "256KiB",
                             "--sync", sync, "-j", workers, at=f"unix:{address}")


def cut_amid(goodtalk, disk, chance, sync, name):
    """A crowd, and when the power went amid its talk."""
    address, talk = serve(goodtalk, disk, sync, chance.choice(["1", "2"]))
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
    return read_journal(disk.place / "journal")


def begin_anew(disk):
    for segment in (disk.place / "journal").glob("*.journal"):
        segment.unlink()


@pytest.mark.timeout(1800)
def test_nothing_is_lost(disk, goodtalk, chance):
    for number in range(disk.cuts):
        crowd, cut = cut_amid(goodtalk, disk, chance, "always", f"cut{number}")
        assert crowd.lost(starts_again(goodtalk, disk), before=cut) == 0
        if number % 5 == 4:
            begin_anew(disk)


@pytest.mark.timeout(1800)
def test_no_more_than_an_interval_is_lost(disk, goodtalk, chance):
    for number in range(disk.cuts):
        crowd, cut = cut_amid(goodtalk, disk, chance, f"{INTERVAL * 1000:.0f}ms", f"cut{number}")
        assert crowd.lost(starts_again(goodtalk, disk), before=cut - INTERVAL) == 0
        if number % 5 == 4:
            begin_anew(disk)


@pytest.mark.timeout(1800)
def test_never_loses(disk, goodtalk, chance):
    """The control: a disk that is not synced has not what was replied to; but it starts again."""
    losses = 0
    for number in range(disk.cuts):
        crowd, cut = cut_amid(goodtalk, disk, chance, "never", f"cut{number}")
        losses += crowd.lost(starts_again(goodtalk, disk), before=cut) > 0
        begin_anew(disk)
    assert losses >= 0.95 * disk.cuts - 1
