"""A hundred milliseconds there and back, one packet in a hundred lost: everything arrives."""
import sys
import time
from types import SimpleNamespace

import pytest
from goodtalk_talk import GOODTALK, ROOT

sys.path.append(str(ROOT / "tests" / "siege"))
import rows_link  # noqa: E402
from link import Link  # noqa: E402


@pytest.fixture
def far():
    try:
        link = Link(rows_link.DELAY_SECONDS, rows_link.LOSS)
    except OSError as reason:
        pytest.skip(f"no slow link here: {reason}")
    with link:
        yield rows_link.Far(SimpleNamespace(program=GOODTALK), link, "auto")


@pytest.mark.parametrize("half_close", [False, True], ids=["stays open", "half-closes"])
@pytest.mark.parametrize("case", [case for _, case in rows_link.CASES], ids=[name for name, _ in rows_link.CASES])
def test_everything_arrives(far, tmp_path, case, half_close):
    (tmp_path / "reply").write_bytes(b"r" * rows_link.REPLY_BYTES)
    assert case(far, tmp_path, half_close)


def test_it_is_slow_and_loses(far):
    with far.server() as program:
        for _ in range(3):
            far.say(program, b"", True)
        began = time.monotonic()
        far.say(program, b"", True)
        assert time.monotonic() - began >= 2 * rows_link.DELAY_SECONDS
    assert far.link.carried > 0
