"""What a file's text means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recsat import ConfigError
from recsat.config.files import read_config_file, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),  # Norway, which YAML 1.1 reads as false
        ("yes", "yes"),
        ("true", True),
        ("12:30", "12:30"),  # 750 in YAML 1.1
        ("2024-01-31", "2024-01-31"),
        ("1e-3", 0.001),  # a text in YAML 1.1
        ("5.", 5.0),
        (".5", 0.5),
        ("-3", -3),
        ("+7", 7),
        ("010", 10),  # 8 in YAML 1.1
        ("0o10", 8),
        ("0x1F", 31),
        ("1_000", 1000),
        ("2024-01-31T12:00:00Z", "2024-01-31T12:00:00Z"),
        ("=", "="),
        ("~", None),
        ("", None),
        ("null", None),
        ("'20'", "20"),
        ("[a, 1, true]", ["a", 1, True]),
        ("{<<: {a: 1}, b: 2}", {"a": 1, "b": 2}),
    ],
)
def test_yaml_scalars_are_those_of_the_core_schema(text: str, value: Any) -> None:
    scalar = read_yaml(text)
    assert scalar == value
    assert type(scalar) is type(value)


def test_toml_and_yaml_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('domain = "content"\n[rank]\nk = 5\n[[splits]]\nname = "warm"\n')
    (tmp_path / "a.yml").write_text("domain: content\nrank: {k: 5}\nsplits: [{name: warm}]\n")
    assert read_config_file(tmp_path / "a.toml") == read_config_file(tmp_path / "a.yml")


def test_a_file_of_comments_sets_nothing(tmp_path: Path) -> None:
    file = tmp_path / "runs.yaml"
    file.write_text("# rank:\n#   k: 5\n")
    assert read_config_file(file) == {}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("runs.yaml", "rank: [1", "runs.yaml is not valid YAML: .* \\(line 1, column 9\\)"),
        ("runs.yaml", "seed: 1\nseed: 2", "'seed' comes twice \\(line 2, column 1\\)"),
        ("runs.yaml", "rank:\n  k: 1\n  k: 2", "'k' comes twice \\(line 3, column 3\\)"),
        ("runs.yaml", "seed: !!python/object/apply:os.getpid []", "could not determine a constructor"),
        ("runs.yaml", "- a", "Write settings as key: value"),
        ("runs.toml", "seed = \n", "runs.toml is not valid TOML: .*line 1"),
        ("runs.json", "{}", "Name it .yaml, .yml or .toml"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_fault(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_config_file(tmp_path / name)


def test_a_missing_file_and_one_that_is_no_text_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml does not exist \(looked in "):
        read_config_file(Path("absent.yaml"))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.yaml cannot be read.*UTF-8"):
        read_config_file(tmp_path / "binary.yaml")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(ConfigError, match=r"folder\.yaml cannot be read"):
        read_config_file(tmp_path / "folder.yaml")


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, "there are more than 100,000 values, aliases counted"),
        ("a: &a [*a]", "values lie deeper than 50 within each other"),
        ("a: &a\n  b: *a", "values lie deeper than 50 within each other"),
        ("a: " + "[" * 60 + "]" * 60, "values lie deeper than 50 within each other"),
        ("a: " + "[" * 5_000 + "]" * 5_000, "values lie deeper than 50 within each other"),
        ("a: " + "9" * 5_000, "Exceeds the limit"),
    ],
)
def test_what_would_fill_the_memory_or_the_stack_is_no_settings_file(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"run\.yaml is not valid YAML: {message}"):
        read_config_file(tmp_path / "run.yaml")


@pytest.mark.parametrize("value", ["9" * 5_000, "[" * 5_000 + "]" * 5_000])
def test_neither_is_it_toml(value: str, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(f"a = {value}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"run\.toml is not valid TOML: "):
        read_config_file(tmp_path / "run.toml")


def test_an_alias_of_a_value_is_that_value(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("a: &a [1, 2]\nb: *a\nc:\n  d: *a\n", encoding="utf-8")
    assert read_config_file(tmp_path / "run.yaml") == {"a": [1, 2], "b": [1, 2], "c": {"d": [1, 2]}}
