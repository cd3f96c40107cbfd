"""vnlabel rules new: a first rule set that is sound as it stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labeler import Labeler
from labeler.json_schema import MODELINE
from tests.cli.helpers import SMALL, vnlabel


def ok(*args: object) -> str:
    result = vnlabel(*args)
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("options", [[], ["--standalone"], ["--extends", SMALL]])
def test_what_it_writes_passes_check_and_test(here: Path, options: list[str]) -> None:
    written = ok("rules", "new", "mine", *options).split()
    assert written[0] == "mine/ruleset.yaml"
    assert sorted(written) == sorted(str(p.relative_to(here)) for p in (here / "mine").iterdir())
    assert ok("rules", "check", "--rules", "mine").startswith("mine 1 (")
    assert " 0 failed" in ok("rules", "test", "--rules", "mine")
    for file in (here / "mine").glob("*.yaml"):
        assert file.read_text("utf-8").split("\n")[0] == MODELINE
        assert "# " in file.read_text("utf-8").split("\n", 1)[1]
    assert (here / "mine" / ".schema.json").read_text("utf-8") == ok("rules", "schema")
    assert [p.name for p in here.iterdir()] == ["mine"]


def test_it_says_what_to_do_next_and_that_works(here: Path) -> None:
    for name, options in (("hospital", []), ("english", ["--standalone"])):
        result = vnlabel("rules", "new", name, *options)
        next_steps = [line.strip() for line in result.stderr.splitlines() if line.startswith("  vnlabel ")]
        assert [step.split()[1] for step in next_steps] == ["rules", "rules", "explain"]
        text = next_steps[2].split('"')[1]
        report = json.loads(ok("explain", text, "--rules", name, "--json"))
        assert report["labels"]["parenchyma"] == 1
        assert report["status"] == "auto"


def test_its_entries_do_what_their_comments_say(here: Path) -> None:
    ok("rules", "new", "mine", "--extends", "builtin")
    labeler = Labeler.from_rules("mine")
    for text, finding, assertion in (
        ("HHS.", "water_lily_sign", "present"),
        ("Không thấy hình hoa súng.", "water_lily_sign", "absent"),
        ("Hoa súng phổi trái.", "water_lily_sign", "present"),
    ):
        (mention,) = labeler.label(text).mentions
        assert (mention.finding, mention.assertion) == (finding, assertion)
        assert mention.rule.startswith("mine/findings.yaml:")
    assert labeler.label("phim đọc tại khoa: TIM, PHỔI bình thường").template == "our_normal"


def test_a_layer_over_a_layer(here: Path) -> None:
    ok("rules", "new", "hospital")
    (here / "wards").mkdir()
    ok("rules", "new", "wards/null", "--extends", "hospital")
    head = (here / "wards" / "null" / "ruleset.yaml").read_text("utf-8")
    assert 'name: "null"\n' in head
    assert "extends: ../../hospital\n" in head
    (mention,) = json.loads(ok("explain", "Hình hoa súng.", "--rules", "wards/null", "--json"))["mentions"]
    assert mention["finding"] == "water_lily_sign"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["full"], "full: is there already; name a new folder"),
        (["file"], "file: is there already; name a new folder"),
        (["no/where"], "no/where: there is no folder no to put it in"),
        (
            ["x", "--extends", "nobody"],
            "nobody:1:1: no such folder of rules; --rules takes a folder with a ruleset.yaml",
        ),
        (["x", "--extends", "full", "--standalone"], "--standalone and --extends exclude each other"),
        ([], "Missing argument 'DIR'"),
    ],
)
def test_what_it_refuses(here: Path, args: list[str], message: str) -> None:
    (here / "full").mkdir()
    (here / "full" / "ruleset.yaml").write_text("name: full\n")
    (here / "file").write_text("")
    result = vnlabel("rules", "new", *args)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert sorted(p.name for p in here.iterdir()) == ["file", "full"]
    assert (here / "full" / "ruleset.yaml").read_text() == "name: full\n"


@pytest.mark.parametrize("named", ["mine", "."])
def test_an_empty_folder_is_filled(here: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    (here / "mine").mkdir()
    if named == ".":
        monkeypatch.chdir("mine")
    ok("rules", "new", named, "--standalone")
    assert (here / "mine" / "ruleset.yaml").stat().st_mode & 0o044
    assert " 0 failed" in ok("rules", "test", "--rules", named)
    assert [p.name for p in here.iterdir()] == ["mine"]
    assert {p.suffix for p in (here / "mine").iterdir()} == {".yaml", ".json"}
