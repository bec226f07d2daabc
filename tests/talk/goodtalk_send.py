"""Running goodtalk send to its end, for the tests of it."""
import re
import subprocess

from goodtalk_talk import GOODTALK, PATIENCE, SANITIZER_WORDS


def send(*arguments, said=None, status=0, **how):
    """Run goodtalk send to its end, said on its standard input: its standard output. Where it is to
    fail: its one sentence, too."""
    if said is None:
        how.setdefault("stdin", subprocess.DEVNULL)
    how.setdefault("stdout", subprocess.PIPE)
    ended = subprocess.run([GOODTALK, "send", *arguments], input=said, stderr=subprocess.PIPE,
                           timeout=PATIENCE, **how)
    told = ended.stderr.decode(errors="backslashreplace")
    assert not any(word in ended.stderr for word in SANITIZER_WORDS), told
    assert ended.returncode == status, f"status {ended.returncode}: {told}"
    if status == 0:
        assert told == ""
        return ended.stdout
    assert re.fullmatch(r"goodtalk: .+\n", told), told
    return ended.stdout, told
