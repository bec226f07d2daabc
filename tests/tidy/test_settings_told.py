"""The settings table is the only place a setting is described: --help, the manual page and the README
say what it says, with the same letters, arguments and defaults."""

import ctypes
import re
from collections import namedtuple

import pytest
from source import BUILD, TOP, read, run

LISTENER, SERVER, PROGRAM, LATER = range(4)
Setting = namedtuple("Setting", "name letter scope argument initial help")


class Row(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("letter", ctypes.c_char),
        ("scope", ctypes.c_int),
        ("argument", ctypes.c_char_p),
        ("initial", ctypes.c_char_p),
        ("help", ctypes.c_char_p),
    ]


def table():
    """The rows, as the library gives them."""
    library = ctypes.CDLL(str(BUILD / "libgoodtalk.so"))
    library.gt_setting_at.restype = ctypes.POINTER(Row)
    library.gt_setting_at.argtypes = [ctypes.c_size_t]
    rows = []
    while library.gt_setting_at(len(rows)):
        rows.append(library.gt_setting_at(len(rows)).contents)

    def text(value):
        return value.decode() if value else None

    return [
        Setting(text(row.name), row.letter.decode().strip("\0"), row.scope, text(row.argument),
                text(row.initial), text(row.help))
        for row in rows
    ]


@pytest.fixture(scope="module")
def settings():
    return table()


@pytest.fixture(scope="module")
def built(settings):
    return [setting for setting in settings if setting.scope != LATER]


def helped(*command):
    return run(str(BUILD / "goodtalk"), *command, "--help", check=True).stdout


def manual(name="goodtalk.1"):
    """The manual page as plain text, wide enough not to break what belongs together."""
    page = run("mandoc", "-T", "utf8", "-O", "width=300", str(TOP / "man" / name), check=True)
    text = re.sub(r".\x08", "", page.stdout)
    return text.translate({0x2010: "-", 0x2011: "-", 0x2212: "-", 0xA0: " "})


def spelled(setting):
    """ "-k, --keep" or "--pause DURATION": as it stands in help and manual."""
    start = f"-{setting.letter}, " if setting.letter else ""
    argument = f" {setting.argument}" if setting.argument else ""
    return f"{start}--{setting.name}{argument}"


def entries(text):
    """The option lines of a help text or manual: spelled option -> what is said about it."""
    found = {}
    spelling = None
    for line in text.splitlines():
        match = re.match(r"\s+((?:-\w, )?--[a-z][a-z0-9-]*(?:[ =][A-Z][^ ]*)?)(?=\s|$)(.*)", line)
        if match:
            spelling = match.group(1)
            found[spelling] = match.group(2)
        elif spelling and line.startswith(" "):
            found[spelling] += " " + line.strip()
        elif line.strip():
            spelling = None
    return {spelling: " ".join(words.split()) for spelling, words in found.items()}


def complaints(settings, text):
    """What a text with one entry an option tells wrongly."""
    told = entries(text)
    wrong = []
    for setting in settings:
        words = told.pop(spelled(setting), None)
        if words is None:
            wrong.append(f"{spelled(setting)} is missing")
        elif setting.initial and setting.initial not in words:
            wrong.append(f"{spelled(setting)} does not tell its default {setting.initial}")
    return wrong + [f"{spelling} is no setting" for spelling in told]


def test_rows_are_whole(settings):
    assert len(settings) > 20
    for setting in settings:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", setting.name), setting
        assert setting.scope in (LISTENER, SERVER, PROGRAM, LATER), setting
        assert setting.scope == LATER or setting.help, setting
        assert "\n" not in (setting.help or ""), setting


def test_names_and_letters_are_used_once(settings):
    names = [setting.name for setting in settings]
    letters = [setting.letter for setting in settings if setting.letter]
    assert len(names) == len(set(names))
    assert len(letters) == len(set(letters))
    assert not {"l", "p", "u", "U", "c"} & set(letters), "letters that nc uses otherwise"


def test_help_tells_the_table(built):
    assert complaints(built, helped()) == []


def test_the_manual_tells_the_table(built):
    assert complaints(built, manual()) == []


def defaults(told):
    """Of the entries of a text: spelled option -> the default that it tells, or None."""
    found = {spelling: re.search(r"\(?[Dd]efault: (\S+?)[.)]*(?=\s|$)", words) for spelling, words in told.items()}
    return {spelling: match and match.group(1) for spelling, match in found.items()}


@pytest.mark.parametrize("command, option, default", [
    ("send", "-f, --frame FRAMING", "talk"), ("bench", "-f, --frame FRAMING", "line"), ("show", "--color WHEN", "auto")])
def test_the_manual_of_a_command_tells_what_its_help_tells(command, option, default):
    """Its table is its own: the help is made from it, and the manual is held against the help."""
    told = defaults(entries(helped(command)))
    assert told[option] == default
    assert defaults(entries(manual(f"goodtalk-{command}.1"))) == told


@pytest.mark.parametrize("page", ["goodtalk.1", "goodtalk-bench.1", "goodtalk-journal.5", "goodtalk-send.1",
                                  "goodtalk-show.1", "goodtalk-talk.5"])
def test_the_manual_page_is_well_formed(page):
    checked = run("mandoc", "-T", "lint", "-W", "warning", str(TOP / "man" / page))
    assert checked.returncode == 0, checked.stdout


def unknown_options(settings, text, of_clients=None):
    """--words in the goodtalk commands of a text that are no settings (or not built yet); of_clients:
    "send" and the like -> theirs."""
    known = {setting.name for setting in settings}
    commands = re.findall(r"^(?:\$ |    )?.*\bgoodtalk (-[^|<>#\n]*|[^|<>#\n]* -[^|<>#\n]*)", text, re.MULTILINE)
    words = set()
    for command in commands:
        used = re.findall(r"(?<=\s)--([a-z][a-z0-9-]*)", " " + command)
        words |= set(used) - set((of_clients or {}).get(command.split()[0], known))
    return sorted(words)


def options_of(command):
    return re.findall(r"^  (?:-\w, |    )--([a-z0-9-]+)", helped(command), re.MULTILINE)


@pytest.mark.parametrize("document",
                         ["README.md", "man/goodtalk.1", "man/goodtalk-bench.1", "man/goodtalk-send.1",
                          "man/goodtalk-show.1", "man/goodtalk-talk.5", "docs/TALKS.md"])
def test_documents_use_options_that_exist(built, document):
    text = read(document).replace("\\-", "-") if document.startswith("man/") else read(document)
    clients = {command: options_of(command) for command in ("bench", "send", "show")}
    assert unknown_options(built, text, clients) == []


def test_readme_tables_tell_letters_and_defaults(built):
    """Where the README lists options in a table, it says what the table says."""
    by_name = {setting.name: setting for setting in built}
    for line in re.findall(r"^\| `-.*", read("README.md"), re.MULTILINE):
        cell = line.split("|")[1]
        for name in re.findall(r"--([a-z][a-z0-9-]*)", cell):
            assert name in by_name, line
            letters = re.findall(r"(?<![-\w])-(\w)\b", cell)
            assert letters == ([by_name[name].letter] if by_name[name].letter else []), line


SAMPLE = [
    Setting("keep", "k", PROGRAM, None, None, "keep serving"),
    Setting("pause", "", LISTENER, "DURATION", "250ms", "silence that ends a message"),
]
TOLD = """\
Usage: goodtalk [OPTION]...

  -k, --keep            keep serving
      --pause DURATION  silence that ends
                        a message (250ms)

More words.
"""


def test_a_right_text_is_not_complained_about():
    assert complaints(SAMPLE, TOLD) == []


@pytest.mark.parametrize(
    "was, instead",
    [
        ("-k, --keep", "-K, --keep"),
        ("-k, --keep", "    --keep"),
        ("--pause DURATION", "--pause TIME    "),
        ("250ms", "300ms"),
        ("      --pause", "      --spin        it\n      --pause"),
    ],
)
def test_a_wrong_text_is_seen(was, instead):
    assert complaints(SAMPLE, TOLD.replace(was, instead)) != []


def test_an_unknown_option_in_an_example_is_seen():
    assert unknown_options(SAMPLE, "```\n$ goodtalk -k --pauze 3s 9999\n```\n") == ["pauze"]
    assert unknown_options(SAMPLE, "$ goodtalk -k --pause 3s | grep --color x\n") == []
    assert unknown_options(SAMPLE, "$ goodtalk send --pause 3s 9999\n", {"send": ["wait"]}) == ["pause"]
    assert unknown_options(SAMPLE, "$ goodtalk send --wait 3s 9999\n", {"send": ["wait"]}) == []
