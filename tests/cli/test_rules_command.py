"""vnlabel rules check and rules test: what is wrong, where exactly, and what would be right."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click
import pytest

from labeler.cli import cli
from tests.cli.helpers import SMALL, small, vnlabel


@pytest.fixture
def mine(here: Path) -> Path:
    """A copy of the small rule set, as mine/."""
    shutil.copytree(SMALL, here / "mine")
    return here / "mine"


def change(folder: Path, old: str, new: str) -> None:
    """Replace a text that stands once in the rules."""
    file = folder / "rules.yaml"
    text = file.read_text("utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def place(folder: Path, sought: str, nth: int = 1) -> str:
    """line:column of the nth occurrence of a text in the rules."""
    for number, line in enumerate((folder / "rules.yaml").read_text("utf-8").splitlines(), 1):
        if sought in line:
            nth -= 1
            if nth == 0:
                return f"{number}:{line.index(sought) + 1}"
    raise AssertionError(f"{sought!r} is not there")


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        ("name: Scar", "nmae: Scar", "nmae", "unknown key 'nmae'; did you mean 'name'?"),
        ("words:", "wrods:", "wrods", "unknown key 'wrods'; did you mean 'words'?"),
        ("id: scar", "id: pneumonia", ("pneumonia", 2), "duplicate id 'pneumonia': first used at mine/rules.yaml:35"),
        (
            "[sẹo phổi]",
            "[viêm phổi]",
            ("viêm phổi]", 2),
            "two meanings: 'viêm phổi' is 'pneumonia' (mine/rules.yaml:40)",
        ),
        ("[sẹo phổi]", "[(sẹo phổi]", "(sẹo", "bad pattern: ')' is missing for the bracket opened here"),
        ("[sẹo phổi]", "[<lnug> sẹo]", "<lnug>", "bad pattern: unknown name <lnug>; did you mean 'lung'?"),
        ("[sẹo phổi]", "[sẹo $ phổi]", "$", "bad pattern: unexpected character '$'"),
        ("<heart> ~ to", "<heart> ~ to ~ to", "~ to]", 'bad pattern: more than one "~"'),
        ("chexpert: Fracture", "chexpert: Fractur", "Fractur\n".strip(), "did you mean 'Fracture'?"),
        (
            "region: chest_wall\n    chexpert",
            "region: chestwall\n    chexpert",
            "chestwall",
            "did you mean 'chest_wall'?",
        ),
        ("id: scar", "id: Scar Tissue", "Scar Tissue", "'Scar Tissue' is not an id"),
        ("    name: Scar\n", "", "id: scar", "the key 'name' is missing"),
        ("name: Scar\n", "name: Scar\n    name: Scar\n", ("name: Scar", 2), "the key 'name' stands here twice"),
        ("phrases: [sẹo phổi]", "phrases: sẹo phổi", "sẹo phổi", "phrases must be a list"),
        ("scope: next", "scope: nxt", "nxt", "did you mean 'next'?"),
        ("text: Tim phổi bình thường}", "text: Tim phổi bình thường", None, "not valid YAML"),
    ],
)
def test_check_names_line_column_and_remedy(
    mine: Path, old: str, new: str, at: str | tuple[str, int] | None, message: str
) -> None:
    change(mine, old, new)
    result = vnlabel("rules", "check", "--rules", "mine")
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    if at is None:
        assert lines[0].startswith("mine/rules.yaml:")
    else:
        where = place(mine, at) if isinstance(at, str) else place(mine, *at)
        assert any(line.startswith(f"mine/rules.yaml:{where}: ") for line in lines), (where, lines)
    assert any(message in line for line in lines), lines
    assert result.stdout == ""


def test_check_names_every_problem_in_order(mine: Path) -> None:
    change(mine, "name: Scar", "nmae: Scar")
    change(mine, "<heart> ~ to", "<haert> ~ to")
    change(mine, "scope: next", "scope: nxt")
    result = vnlabel("rules", "check", "--rules", "mine", "--json")
    assert result.exit_code == 2
    problems = json.loads(result.stdout)["problems"]
    assert [p["line"] for p in problems] == sorted(p["line"] for p in problems)
    assert len(problems) >= 3
    for command in (["rules", "test"], ["explain", "x"], ["label", "--examples", "-o", "x.csv"]):
        other = vnlabel(*command, "--rules", "mine")
        assert other.exit_code == 2
        assert "did you mean 'name'?" in other.stderr
        assert not Path("x.csv").exists()


@pytest.mark.parametrize("given", ["mine", "./mine", "mine/", "{here}/mine"])
def test_files_are_named_as_they_were_given(here: Path, mine: Path, given: str) -> None:
    change(mine, "name: Scar", "nmae: Scar")
    result = vnlabel("rules", "check", "--rules", given.format(here=here))
    expected = str(here / "mine") if "{here}" in given else "mine"
    assert result.stderr.startswith(f"{expected}/rules.yaml:")


def test_check_of_the_rule_set_itself(here: Path) -> None:
    (here / "x").mkdir()
    (here / "x" / "ruleset.yaml").write_text("name: x\nversoin: 1\nextends: builtin\ndisable: [scoliosi]\n")
    assert "x/ruleset.yaml:2:1: unknown key 'versoin'; did you mean 'version'?" in check_fails("x")
    (here / "x" / "ruleset.yaml").write_text("name: x\nversion: 1\nextends: builtin\ndisable: [scoliosi]\n")
    assert "x/ruleset.yaml:4:11: disable: no entry 'scoliosi'" in check_fails("x")
    assert "did you mean 'scoliosis'?" in check_fails("x")
    (here / "x" / "ruleset.yaml").unlink()
    assert "x/ruleset.yaml:1:1: missing" in check_fails("x")
    assert "y:1:1: no such folder" in check_fails("y")


def check_fails(rules: str) -> str:
    result = vnlabel("rules", "check", "--rules", rules)
    assert result.exit_code == 2
    return result.stderr


def test_the_shipped_rules_are_sound() -> None:
    result = vnlabel("rules", "check")
    assert result.exit_code == 0, result.stderr
    assert "; no problems; " in result.stdout
    assert result.stderr == "", "every warning about the shipped rules is a defect in them or in the analysis"


def test_sound_examples_pass(mine: Path) -> None:
    result = vnlabel("rules", "test", "--rules", "mine")
    assert result.exit_code == 0
    assert result.stdout == "13 examples, 0 failed; 7 findings, 0 without examples\n"
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        ("[Sẹo phổi.]", "[Viêm phổi.]", ("Viêm phổi.]", 1), "does not give scar; it gives pneumonia present"),
        ("[Sẹo phổi.]", "[Không thấy sẹo phổi.]", "Không thấy sẹo", "gives scar as absent, not as present"),
        (
            "[Sẹo phổi.]",
            "[Sẹo phổi.]\n    not: [Sẹo phổi trái.]",
            "Sẹo phổi trái",
            "must not give scar, but 'Sẹo phổi' does",
        ),
        ("[Sẹo phổi.]", "[Sẹo phổi xyzzy.]", "Sẹo phổi xyzzy", "is not understood wholly: 'xyzzy'"),
        ("[Bóng tim bình thường.]", "[Tim to.]", ("Tim to.", 2), "must be normal, but gives cardiomegaly present"),
        (
            "examples: [Theo dõi viêm phổi.]}",
            "examples: [Viêm phổi.]}",
            ("Viêm phổi.]}", 1),
            "must show something uncertain",
        ),
    ],
)
def test_a_failing_example_names_its_place(
    mine: Path, old: str, new: str, at: str | tuple[str, int], message: str
) -> None:
    change(mine, old, new)
    result = vnlabel("rules", "test", "--rules", "mine")
    assert result.exit_code == 1
    where = place(mine, at) if isinstance(at, str) else place(mine, *at)
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"mine/rules.yaml:{where}: "), (line, where)
    assert message in line
    as_json = vnlabel("rules", "test", "--rules", "mine", "--json")
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["failed"] == 1


def test_a_layer_over_the_shipped_rules(here: Path) -> None:
    (here / "ours").mkdir()
    (here / "ours" / "ruleset.yaml").write_text("name: ours\nversion: 1\nextends: builtin\n")
    (here / "ours" / "more.yaml").write_text(
        "findings:\n"
        "  - id: our_scar\n    name: Scar\n    region: parenchyma\n    phrases: [quáng gà phổi]\n"
        "    examples: [Quáng gà phổi phải.]\n",
        encoding="utf-8",
    )
    shown = vnlabel("explain", "Quáng gà phổi phải. Tràn dịch màng phổi.", "--rules", "ours").stdout
    assert "rule ours/more.yaml:5 (layer ours)" in shown
    assert "(layer builtin)" in shown
    assert "rule rules/pleura.yaml:" in shown


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["rules", "chek"], "no command 'chek'; did you mean 'check'?"),
        (["lable"], "no command 'lable'; did you mean 'label'?"),
        (["zzz"], "no command 'zzz'; there are: demo, label, explain, "),
    ],
)
def test_an_unknown_command_names_the_nearest(args: list[str], message: str) -> None:
    result = vnlabel(*args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def every_command(command: click.Command, *path: str) -> list[list[str]]:
    """The words that lead to a command and to each one below it."""
    out = [list(path)]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            out += every_command(command.get_command(context, name), *path, name)
    return out


@pytest.mark.parametrize("args", every_command(cli), ids=" ".join)
def test_every_command_has_help_with_an_example(args: list[str]) -> None:
    result = vnlabel(*args, "--help")
    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert "vnlabel " in result.stdout.split("Example", 1)[1]


def test_version() -> None:
    from labeler import __version__

    assert vnlabel("--version").stdout == f"vnlabel {__version__}\n"


def test_the_rule_set_of_a_run_is_told(here: Path) -> None:
    (here / "r.csv").write_text("report_id,description\na,Tim to.\n")
    small("r.csv", "-o", "a.csv")
    shutil.copytree(SMALL, here / "mine")
    change(here / "mine", "name: Scar", "name: Old scar")
    vnlabel("label", "r.csv", "-o", "b.csv", "--rules", "mine")
    hashes = [json.loads((here / f"{n}.meta.json").read_text())["rules"]["hash"] for n in "ab"]
    assert hashes[0] != hashes[1]
