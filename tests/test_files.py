"""Files of the person's own."""

from pathlib import Path

import pytest
from support.files import PRIVATE, mode

from genpy_cli.commands.config_edit import config_edit
from genpy_cli.exit_codes import keep_bug_report
from genpy_server.config import CONFIG, folder, set_value
from genpy_server.files import replacing, write_private
from genpy_tui.preferences import keep_unsent, remember_theme


def _written(path: Path) -> None:
    with replacing(path) as file:
        file.write("third")
        raise ValueError("half way")


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    """A file is private also where it was not; a failure half way leaves it and nothing else."""
    path = tmp_path / "new" / "file"
    write_private(path, "first")
    path.chmod(0o644)
    write_private(path, "second")
    assert (path.read_text(), mode(path)) == ("second", PRIVATE)
    with pytest.raises(ValueError, match="half way"):
        _written(path)
    assert [one.read_text() for one in path.parent.iterdir()] == ["second"]


def test_every_file_that_is_kept_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings, preferences, unsent texts and bug reports are readable by their owner only."""
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("EDITOR", "true")
    config_edit()
    assert mode(folder() / CONFIG) == PRIVATE
    remember_theme(tmp_path, "genpy-dark")
    keep_unsent(tmp_path, ["a draft"])
    keep_bug_report(ValueError("x"))
    set_value("port", 8800, tmp_path / "config")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [mode(path) for path in files] == [PRIVATE] * 5
