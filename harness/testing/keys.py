"""What the plugin keeps in the stash of pytest's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

BUDGETS = pytest.StashKey[Path]()  # the file of --budgets
FOLDER = pytest.StashKey[Path]()  # shared by the processes of a session
