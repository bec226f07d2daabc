"""Talk files for tests, and what is said about wrong ones."""
import functools

from goodtalk_talk import run


class TalkFile:
    """A talk file in a directory, written and written again."""

    def __init__(self, path, text=""):
        self.path = path
        self.write(text)

    def write(self, text):
        """As editors do: whole, then renamed into place."""
        new = self.path.with_suffix(".new")
        new.write_bytes(text if isinstance(text, bytes) else text.encode())
        new.rename(self.path)
        return self

    def __str__(self):
        return str(self.path)


def refusal(text, path, *options, command=("check",)):
    """What is said about a wrong talk file, without the name of the program: one line, status 2."""
    file = TalkFile(path / "talk.lua", text)
    refused = run(*command, *options, str(file))
    said = refused.stderr.decode()
    assert refused.returncode == 2, said
    assert refused.stdout == b"" and said.count("\n") == 1 and said.startswith("goodtalk: ")
    return said[len("goodtalk: "):-1].replace(str(file), "talk.lua")


def right(text, path):
    """What goodtalk check says about a right one."""
    file = TalkFile(path / "talk.lua", text)
    checked = run("check", str(file))
    assert (checked.returncode, checked.stderr) == (0, b""), checked.stderr
    return checked.stdout.decode().replace(str(file), "talk.lua")


run_refusal = functools.partial(refusal, command=("-t",))
