"""goodtalk show and a journal that is damaged: what is good is shown, what is not is told, and --repair
sets it aside."""
import random
import re
import subprocess

import pytest
from goodtalk_journal import Segment, read_journal
from goodtalk_show import fill, show, small_journal, texts, words
from goodtalk_talk import GOODTALK, PATIENCE, Client

def verify(directory, **how):
    """What --verify says, without the size."""
    return re.sub(r", [0-9.]+ [KM]iB", "", show("--verify", directory, **how).decode())


def damage(name):
    """A function that takes (offsets, segments) of a small journal, and does this to it: what is left before it, the
    place told, what is left after --repair."""
    return pytest.param(*DAMAGE[name], id=name)


def flip(offsets, segments):
    segments[0].data[offsets[2] + 70] ^= 1


def flip_head(offsets, segments):
    segments[0].data[offsets[2] + 4] ^= 1


def cut(offsets, segments):
    del segments[0].data[offsets[4]:]


def cut_within(offsets, segments):
    del segments[0].data[offsets[4] + 20:]


def zero_sector(offsets, segments):
    begins = offsets[3] // 512 * 512
    segments[0].data[begins:begins + 512] = bytes(512)


def overwrite_end(offsets, segments):
    segments[0].data[offsets[4] + 60:] = b"\xff" * 300


def lose_header(offsets, segments):
    segments[1].data[0:512] = bytes(512)


def lose_first_header(offsets, segments):
    segments[0].data[20] ^= 1


def lose_listener(offsets, segments):
    segments[0].data[4096 + 60] ^= 1


ALL = words(8)
DAMAGE = {
    "a flipped bit": (flip, 2, ALL[:2] + ALL[3:]),
    "a flipped bit in a head": (flip_head, 2, ALL[:2] + ALL[3:]),
    "a cut": (cut, 4, ALL[:4] + ALL[6:]),
    "a cut within a message": (cut_within, 4, ALL[:4] + ALL[6:]),
    "an end that is overwritten": (overwrite_end, 4, ALL[:4] + ALL[6:]),
    "a header that is lost": (lose_header, 6, ALL[:6]),
    "the first header lost": (lose_first_header, 0, ALL[6:]),
    "a listener's name": (lose_listener, 0, ALL),
}


@pytest.mark.parametrize("do, good, repaired", [damage(name) for name in DAMAGE])
def test_damage_is_told_and_set_aside(tmp_path, do, good, repaired):
    offsets, segments = small_journal(tmp_path)
    assert verify(tmp_path) == "worker 0: 2 segments, 8 messages (0-1 to 0-8): whole\n"
    do(offsets, segments)
    for segment in segments:
        segment.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert texts(tmp_path, status=1, said="goodtalk show --repair sets the bad part aside") == ALL[:good]
    assert show("--count", tmp_path, status=1, said=".journal, offset ") == b"%d\n" % good
    told = verify(tmp_path, status=1)
    assert re.match(rf"worker 0: 2 segments, {good} messages( \(0-1 to 0-{good}\))?: .*\.journal, offset \d+: ", told)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before  # looking changes nothing

    told = show("--repair", tmp_path).decode()
    assert re.match(r"0-000000000[12]\.journal, offset \d+: ", told)
    assert texts(tmp_path) == repaired
    assert ": whole\n" in verify(tmp_path)
    assert [message.body.decode() for message in read_journal(tmp_path)[0]] == repaired
    assert show("--repair", tmp_path) == b"nothing to repair\n"
    set_aside = [path.read_bytes() for path in tmp_path.glob("*.damaged*")]
    assert all(any(piece in was for was in before.values()) for piece in set_aside)
    assert set_aside or do is cut


def test_several_places_of_several_workers(tmp_path):
    for worker in range(2):
        segment = Segment(worker=worker)
        offsets = fill(segment, 20)
        segment.mark()
        segment.room()
        for number in (3, 4, 9, 15):
            segment.data[offsets[number] + 85] ^= 1
        segment.save(tmp_path)
    assert texts(tmp_path, status=1, said="1-0000000001.journal, offset") == sorted(words(3) * 2)
    assert len(show("--repair", tmp_path).splitlines()) == 6
    left = [word for number, word in enumerate(words(20)) if number not in (3, 4, 9, 15)]
    assert texts(tmp_path) == [word for word in left for _ in range(2)]
    assert "set aside by --repair" in show_verbose(tmp_path)


def show_verbose(directory):
    return subprocess.run([GOODTALK, "show", "-v", "--count", directory], capture_output=True, text=True,
                          timeout=PATIENCE).stderr


def test_damage_of_many_kinds_at_random(tmp_path):
    """Nothing but messages that were recorded is shown, before and after --repair, and those before the first bad
    place are."""
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    for run in range(30):
        directory = tmp_path / str(run)
        offsets, segments = small_journal(directory, 30)
        first = len(segments[0].data)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(4096, offsets[-1])
            size = chance.choice((1, 8, 100, 512))
            first = min(first, at)
            segments[0].data[at:at + size] = chance.choice((bytes(size), chance.randbytes(size)))
        segments[0].save(directory)
        before = sum(1 for offset, behind in zip(offsets, offsets[1:]) if behind <= first)
        left = quietly("--raw", directory)
        assert left.startswith("".join(word + "\n" for word in words(before)).encode())
        assert set(left.splitlines()) <= {word.encode() for word in words(32)}
        assert quietly("--repair", directory)
        assert set(left.splitlines()) <= set(show("--raw", directory).splitlines())
        assert set(show("--raw", directory).splitlines()) <= {word.encode() for word in words(32)}
        read_journal(directory)


def quietly(*arguments):
    """Standard output, whatever the status and what is told."""
    ended = subprocess.run([GOODTALK, "show", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                           timeout=PATIENCE)
    assert ended.returncode in (0, 1)
    return ended.stdout


def test_a_segment_that_is_missing(tmp_path):
    _, segments = small_journal(tmp_path)
    third = segments[1].next()
    fill(third, 1, first=8)
    third.mark()
    third.save(tmp_path)
    (tmp_path / "0-0000000002.journal").unlink()
    assert texts(tmp_path, status=1, said="messages are missing at its end") == words(6)
    assert b"noted" in show("--repair", tmp_path)
    assert texts(tmp_path) == words(6) + words(1, 8)


# ---- a tail is no damage ----

@pytest.mark.parametrize("bad", [b"\xff" * 100, b"\0" * 56 + b"x"])
def test_a_tail(tmp_path, bad):
    """What no reply depended on: told by --verify, cut by the server; nothing to repair."""
    _, segments = small_journal(tmp_path)
    end = len(segments[1].data) - 4096
    segments[1].data[end:end + len(bad)] = bad
    path = segments[1].save(tmp_path)
    data = path.read_bytes()
    told = "" if bad[0] == 0 else f"0-0000000002.journal, offset {end}: it is damaged; {len(bad)} bytes"
    assert texts(tmp_path, said=told) == words(8)
    assert f"offset {end}: it is damaged; {len(bad)} bytes from there on are a tail" in verify(tmp_path)
    assert show("--repair", tmp_path) == b"nothing to repair\n"
    assert path.read_bytes() == data


def test_an_unfinished_segment(tmp_path):
    small_journal(tmp_path)
    (tmp_path / "0-0000000003.journal").write_bytes(bytes(8192))
    assert texts(tmp_path) == words(8)
    assert verify(tmp_path) == "worker 0: 3 segments, 8 messages (0-1 to 0-8): whole\n"


# ---- refused ----

def test_no_repair_while_a_server_has_it(goodtalk, tmp_path):
    directory = tmp_path / "journal"
    talk = goodtalk("-k", "-d", directory)
    with Client(talk.port) as client:
        client.send(b"hello\n").line()
    show("--repair", directory, status=1, said=f"is being recorded to by another process (pid {talk.pid})")
    assert texts(directory) == ["hello"]
    assert talk.stop() == 0
    assert show("--repair", directory) == b"nothing to repair\n"


def test_a_repaired_journal_is_taken_up(goodtalk, tmp_path):
    """Damaged, a server refuses it; repaired, it goes on, with ids of its own."""
    offsets, segments = small_journal(tmp_path)
    flip(offsets, segments)
    segments[0].save(tmp_path)
    refused = goodtalk("-d", tmp_path, ready=False)
    assert refused.ended() == 1
    assert f"offset {offsets[2]}" in refused.said() and "show --repair" in refused.said()
    show("--repair", tmp_path)
    talk = goodtalk("-n", "1", "-s", "json", "-d", tmp_path)
    with Client(talk.port) as client:
        client.send(b"and on\n").line()
    assert talk.ended() == 0
    assert b'"id":"0-9"' in talk.stdout.everything()
    assert texts(tmp_path) == ALL[:2] + ALL[3:] + ["and on"]


def test_one_segment_is_not_repaired(tmp_path):
    small_journal(tmp_path)
    show("--repair", tmp_path / "0-0000000001.journal", status=2, said="--repair takes the directory")


def test_another_version_is_not_touched(tmp_path):
    _, segments = small_journal(tmp_path)
    segments[1].data[16] = 2
    path = segments[1].save(tmp_path)
    assert texts(tmp_path, status=1, said="its format is that of another version") == words(6)
    show("--repair", tmp_path, status=1, said="version 2, which this goodtalk does not know")
    assert path.read_bytes() == bytes(segments[1].data)
