"""The words of tests/talk are spoken here too; and the program is started, and cleaned up."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "talk"))

from goodtalk_talk import program_starter  # noqa: E402 (it is found there)


@pytest.fixture
def goodtalk():
    with program_starter() as start:
        yield start
