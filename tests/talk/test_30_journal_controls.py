"""Each promise of the journal, broken on purpose in a copy of a source file: the tests of that promise must see it."""
import errno

import pytest
from goodtalk_crash import Crowd
from goodtalk_journal import Damaged, read_journal
from test_30_journal_failure import goes_on, journal, served, shimmed  # noqa: F401 (a fixture)
from test_30_journal_kill import killed_amid

RECORDER = "record/journal_recorder.c"


@pytest.fixture
def is_seen(goodtalk, journal, chance, tmp_path):
    """is_seen(PROGRAM, CALL, WHAT): what was replied to is lost, or the journal damaged, or the disk synced twice."""
    def look(program, call, what):
        for number in range(3, 12):
            try:
                crowd, _, _ = served(goodtalk, journal, chance, f"{call}:{number}:{what}", replies=100, program=program)
                goes_on(goodtalk, journal, crowd)
            except (AssertionError, Damaged):
                return True
        return False
    return look


def test_a_reply_before_it_is_written(mutant, goodtalk, journal, chance):
    """A kill loses what was replied to."""
    program = mutant(RECORDER, ("        advance(own);\n}\n\nstatic bool journal_full",
                                "        advance(own);\n"
                                "    if (own->gathering.last)\n"
                                "        recorder->recorded = own->gathering.last;\n"
                                "}\n\nstatic bool journal_full"),
                     ("if (own->gathering.bytes.size == 0)\n        return false;\n    struct",
                      "if (own->gathering.bytes.size < 8192)\n        return false;\n    struct"))
    lost = 0
    for cycle in range(50):
        address = journal.parent / "socket"
        talk = goodtalk("-k", "-f", "delim:\\n", "-s", "none", "-d", journal, at=f"unix:{address}", program=program)
        crowd = Crowd([address], 8, chance, f"cycle{cycle}")
        killed_amid(talk, crowd, chance)
        assert goodtalk("-k", "-d", journal).stop() == 0
        lost += crowd.lost(read_journal(journal)) > 0
        if lost > 0:
            break
    assert lost > 0


def test_a_write_that_comes_later(goodtalk, journal, chance):
    """Where the disk only says that it has written, a kill loses what was replied to."""
    lost = 0
    for _ in range(50):
        address = journal.parent / "socket"
        talk = goodtalk("-k", "-f", "delim:\\n", "-s", "none", "-d", journal, at=f"unix:{address}", env=shimmed("later"))
        crowd = Crowd([address], 8, chance)
        killed_amid(talk, crowd, chance)
        try:
            lost += crowd.lost(read_journal(journal)) > 0
        except Damaged:  # half of what was replied to
            lost += 1
        if lost > 0:
            break
        for path in [*journal.iterdir(), address]:
            path.unlink(missing_ok=True)
    assert lost > 0


@pytest.mark.parametrize("call,what", [("fdatasync", errno.EIO), ("pwritev", "short"), ("pwritev", errno.ENOSPC)])
def test_the_program_itself_passes(is_seen, call, what):
    assert not is_seen(None, call, what)


def test_a_reply_in_spite_of_a_failed_sync(mutant, is_seen):
    program = mutant(RECORDER, ("""    if (result < 0)
        fail(own, (int)-result, "sync");
""", """    result = 0;
"""))
    assert is_seen(program, "fdatasync", errno.EIO)


def test_a_sync_that_is_tried_again(mutant, is_seen):
    program = mutant(RECORDER, ("""    if (result < 0)
        fail(own, (int)-result, "sync");
""", """    if (result < 0)
        return begin_sync(own, what);
"""))
    assert is_seen(program, "fdatasync", errno.EIO)


def test_a_short_write_taken_for_whole(mutant, is_seen):
    program = mutant("engine/epoll_stream.c", (
        "return pwritev(op->send.op.fd, rest.part, (int)rest.count, offset);",
        "(void)!pwritev(op->send.op.fd, rest.part, (int)rest.count, offset);"
        "size_t size = 0; for (size_t i = 0; i < rest.count; i++) size += rest.part[i].iov_len; return (ssize_t)size;"))
    assert is_seen(program, "pwritev", "short")


def test_a_lack_of_room_taken_for_a_write(mutant, is_seen):
    program = mutant(RECORDER, ("    if (result < 0 && !failed(own))\n",
                                "    if (result == -ENOSPC)\n"
                                "        result = (int64_t)(own->opening.bytes.size + own->writing.bytes.size +\n"
                                "                           own->zeros_bytes);\n"
                                "    if (result < 0 && !failed(own))\n"))
    assert is_seen(program, "pwritev", errno.ENOSPC)


def test_a_start_that_cuts_too_much(mutant, goodtalk, journal, chance):
    program = mutant("record/journal_recover.c", (
        "disk->table->truncate(disk, file, verdict->offset)",
        "disk->table->truncate(disk, file, verdict->offset / 2 + 2048)"))
    talk = goodtalk("-k", "-f", "delim:\\n", "-s", "none", "-d", journal)
    crowd = Crowd([talk.port], 8, chance)
    crowd.talk(replies=100)
    killed_amid(talk, crowd, chance)
    assert goodtalk("-k", "-d", journal, program=program).stop() == 0
    with pytest.raises((AssertionError, Damaged)):
        crowd.check(read_journal(journal))
