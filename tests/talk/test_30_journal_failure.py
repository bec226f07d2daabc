"""A disk that fails, is full, or lies: no reply covers what is not kept.

GOODTALK_CALLS, GOODTALK_KILLS: each call fails, or is the last, at its first, second ... so many-th time; the whole is
40 and 100 (make soak-disk)."""
import contextlib
import errno
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest
from goodtalk_crash import Crowd, check_shown
from goodtalk_journal import Damaged, Segment, read_journal
from goodtalk_talk import REPLY, Client, run, until

CALLS = int(os.environ.get("GOODTALK_CALLS") or 2)
KILLS = int(os.environ.get("GOODTALK_KILLS") or 2)
SHIM = pathlib.Path(os.environ["GOODTALK_BUILD"]) / "tests" / "libdisk_shim.so"


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal"


def shimmed(plan):
    """The environment in which the program's disk does as the plan says."""
    options = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return {**os.environ, "LD_PRELOAD": str(SHIM), "DISK_SHIM": plan, "ASAN_OPTIONS": options}


def talk_on(crowd, talk, words):
    """How many messages a write takes is for the machine to say: talk on until what they bring about is told."""
    for _ in range(1000):
        if words.encode() in talk.stderr.data:
            return
        crowd.talk(replies=crowd.replies + 20)
    raise AssertionError(f"{words!r} was never said")


def served(goodtalk, journal, chance, plan, replies=400, options=(), large=False, program=None, words=""):
    """A server on such a disk, until so many replies, and until it said these words, or its end: the crowd, the
    status, what it said. large: every message needs a segment of its own."""
    address, ready = journal.parent / "socket", journal.parent / "ready"
    ready.unlink(missing_ok=True)
    talk = goodtalk("-k", "-f", "delim:\\n", "-s", "none", "-d", journal, "--segment-size", "64KiB", *options,
                    "--ready", ready, at=f"unix:{address}", ready=False, env=shimmed(plan), program=program)
    until(lambda: ready.exists() or talk.process.poll() is not None, "readiness, or the end")
    crowd = None
    if ready.exists():
        with contextlib.suppress(ConnectionError):
            crowd = Crowd([address], 1, chance, sizes=[33000, 40000]) if large else Crowd([address], 8, chance)
            crowd.talk(replies=replies)
            talk_on(crowd, talk, words)
            crowd.finish()
        talk.signal(signal.SIGTERM)
    status = talk.ended()
    assert "disk_shim" not in talk.said()
    return crowd, status, talk.said()


def goes_on(goodtalk, journal, crowd, dropped=False):
    """On a good disk it starts again, and has what was replied to. Then the journal goes."""
    talk = goodtalk("-k", "-f", "delim:\\n", "-s", "none", "-d", journal)
    with Client(talk.port) as client:
        assert client.send(b"after 0 that\n").line() == REPLY
    assert talk.stop() == 0
    kept = read_journal(journal)
    assert kept[0][-1].body == b"after 0 that"
    check_shown(journal, kept)
    if crowd:
        crowd.check(kept, dropped)
    for path in journal.iterdir():
        path.unlink()


def few_kept(call):
    return ["--record-size", "256KiB"] if call == "unlinkat" else []


NUMBERS = range(1, CALLS + 1)
CALL_NAMES = ["pwritev", "pwrite", "fdatasync", "fsync", "fallocate", "ftruncate", "openat", "unlinkat"]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("call", CALL_NAMES)
def test_killed_at_a_call(goodtalk, journal, chance, record_property, call):
    """Just before the n-th call of each kind; messages are large, so that segments follow each other, of which only
    few are kept where the call is unlinkat."""
    killed, dropped = 0, call == "unlinkat"
    for number in range(1, KILLS + 1):
        crowd, status, _ = served(goodtalk, journal, chance, f"{call}:{number}:kill", 10**9, few_kept(call), True)
        killed += status == -signal.SIGKILL
        goes_on(goodtalk, journal, crowd, dropped)
    assert killed == KILLS
    record_property("figures", f"killed {killed} times at one of the first {KILLS} {call}, none lost")


def left_by_a_crash(journal):
    """Three segments of which the last two are a tail, and messages that nobody knows to be durable."""
    journal.mkdir()
    first = Segment()
    first.listener("tcp:127.0.0.1:9999")
    for number in range(3):
        first.message(b"kept %d that" % number)
    first.mark()
    for number in range(3, 6):
        first.message(b"kept %d that" % number)
    bad = first.message(b"torn 0 that")
    first.data[bad + 90] ^= 1
    first.room(8192)
    first.save(journal)
    second = first.next()
    second.listener("tcp:127.0.0.1:9999")
    second.message(b"torn 1 that")
    second.save(journal)
    third = second.next()
    third.data = third.data[:100]
    third.save(journal)


@pytest.mark.parametrize("what", ["kill", str(errno.EIO)])
@pytest.mark.parametrize("call", ["pwrite", "fsync", "ftruncate", "openat", "unlinkat"])
def test_a_start_that_ends_early(goodtalk, journal, chance, call, what):
    """Whatever the first start had done when it ended: the next one has the same messages."""
    for number in range(1, 12):
        left_by_a_crash(journal)
        goodtalk("-n", "1", "-w", "1us", "-d", journal, ready=False, env=shimmed(f"{call}:{number}:{what}")).ended()
        talk = goodtalk("-k", "-d", journal)
        assert talk.stop() == 0
        assert [message.body for message in read_journal(journal)[0]] == [b"kept %d that" % kept for kept in range(6)]
        shutil.rmtree(journal)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("call", CALL_NAMES)
def test_a_call_that_fails(goodtalk, journal, chance, call):
    """An I/O error ends it with status 1; or is at nothing that matters."""
    for number in NUMBERS:
        final = call in ("pwritev", "fdatasync")
        crowd, status, said = served(goodtalk, journal, chance, f"{call}:{number}:{errno.EIO}",
                                     10**9 if final else number + 60, few_kept(call), True)
        assert status == (1 if "EIO" in said else 0), said
        assert not final or (status == 1 and str(journal) in said)
        goes_on(goodtalk, journal, crowd, dropped=call == "unlinkat")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EINTR])
def test_a_sync_that_fails_is_final_whatever_it_says(goodtalk, journal, chance, number):
    for when in NUMBERS:
        crowd, status, said = served(goodtalk, journal, chance, f"fdatasync:{when}:{number}", replies=10**9)
        assert status == 1 and "cannot sync" in said
        goes_on(goodtalk, journal, crowd)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("sync", [[], ["--sync", "20ms"]])
@pytest.mark.parametrize("call", ["pwritev", "pwrite", "fallocate"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_lack_of_room_is_waited_for(goodtalk, journal, chance, call, number, sync):
    for when in NUMBERS if call == "pwritev" else range(4, CALLS + 4):  # the first are at the start
        writes = call == "pwritev"
        enough = 20 * when if writes else 4 * when + 60
        crowd, status, said = served(goodtalk, journal, chance, f"{call}:{when}:{number}", enough, sync, not writes,
                                     words="nothing is taken until there is room" if writes else "")
        assert status == 0
        assert crowd.replies >= enough
        assert not writes or errno.errorcode[number] in said
        goes_on(goodtalk, journal, crowd)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("what", ["short", str(errno.EINTR)])
@pytest.mark.parametrize("call", ["pwritev", "pwrite", "fallocate"])
def test_short_and_interrupted_calls_go_on(goodtalk, journal, chance, call, what):
    for when in NUMBERS:
        enough = when + 30
        crowd, status, said = served(goodtalk, journal, chance, f"{call}:{when}:{what}", enough, large=True)
        assert status == 0 and said == ""
        assert crowd.replies >= enough
        goes_on(goodtalk, journal, crowd)


def test_a_disk_that_cannot_allocate(goodtalk, journal, chance):
    crowd, status, said = served(goodtalk, journal, chance, f"fallocate:1:on:{errno.EOPNOTSUPP}")
    assert status == 0 and said == "" and crowd.replies >= 400
    goes_on(goodtalk, journal, crowd)


# ---- a control ----


def test_the_shim_sees_a_second_sync(tmp_path):
    """A program that syncs again what could not be synced."""
    program = "import os\nfd = os.open('file', os.O_CREAT | os.O_RDWR)\ntry: os.fsync(fd)\nexcept OSError: os.fsync(fd)"
    ended = subprocess.run(["/usr/bin/python3", "-c", program], cwd=tmp_path, capture_output=True,
                           env={**os.environ, "LD_PRELOAD": str(SHIM), "DISK_SHIM": f"fsync:1:{errno.EIO}"})
    assert ended.returncode == -signal.SIGABRT and b"disk_shim" in ended.stderr


# ---- a disk that is full ----


@pytest.fixture(params=["tmpfs", "ext4"])
def small_disk(request, tmp_path):
    """A file system of 4 MB of one's own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", place]
    if request.param == "ext4":
        image = tmp_path / "image"
        with open(image, "wb") as file:
            file.truncate(4 << 20)
        if subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", image], capture_output=True).returncode != 0:
            pytest.skip("mkfs.ext4 cannot be run")
        mount = ["mount", "-o", "loop", image, place]
    mounted = subprocess.run(mount, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_waited_for(small_disk, goodtalk, chance, record_property):  # the server goes before its disk does
    journal, filler = small_disk / "journal", small_disk / "filler"
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 2 << 20)
    address = small_disk.parent / "socket"
    talk = goodtalk("-k", "-f", "delim:\\n", "-s", "none", "-d", journal, "--max-message", "64KiB", at=f"unix:{address}")
    crowd = Crowd([address], 32, chance)
    poll_until_told(crowd, talk, b"nothing is taken until there is room")
    crowd.check(read_living(journal))
    before = crowd.replies
    filler.unlink()
    freed = time.monotonic()
    crowd.talk(replies=before + 1)
    record_property("figures", f"the first reply {time.monotonic() - freed:.3f} s after a full disk had room")
    crowd.talk(replies=before + 300)
    assert talk.told_about("there is room again")
    crowd.finish()
    assert talk.stop() == 0
    crowd.check(read_journal(journal))


def read_living(journal):
    """Of a server that goes on trying: a segment that it could not begin comes and goes."""
    while True:
        try:
            return read_journal(journal)
        except FileNotFoundError:
            pass


def poll_until_told(crowd, talk, words):
    while words not in talk.stderr.data:
        before = crowd.replies
        crowd.talk(replies=before + 1, patience=0.2)


def fill(path):
    file = os.open(path, os.O_CREAT | os.O_WRONLY)
    for size in (1 << 16, 1 << 12, 1):
        with contextlib.suppress(OSError):
            while os.write(file, b"x" * size):
                pass
    os.close(file)


def test_a_full_disk_at_the_start(small_disk):
    fill(small_disk / "filler")
    ended = run("-d", str(small_disk / "journal"), "0")
    assert ended.returncode == 1 and b"(ENOSPC, errno 28)" in ended.stderr
