"""vnlabel explain shows which words decided and why."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.helpers import SMALL, process, vnlabel

TEXT = "- Tràn dịch màng phổi phải, không thấy tràn khí màng phổi.\n- Theo dõi viêm phổi. Xyzzy."


def explain(*args: str, stdin: bytes | None = None) -> str:
    result = vnlabel("explain", *args, "--rules", SMALL, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_plain_output_is_readable_without_colour() -> None:
    shown = explain(TEXT)
    report, *rest = shown.split("\n\n")
    assert report == (
        "- [Tràn dịch màng phổi|pleura present] phải, {không thấy} [tràn khí màng phổi|pleura absent].\n"
        "- {Theo dõi} [viêm phổi|parenchyma uncertain]. <?Xyzzy?>."
    )
    verdict, classes, mentions, residue = rest
    assert verdict == "review (residue), by rules"
    assert [line.split(None, 2) for line in classes.splitlines()] == [
        ["chest_wall", "0", "not mentioned"],
        ["pleura", "1", "mention 1"],
        ["parenchyma", "1?", "mention 3"],
        ["cardio", "0", "not mentioned"],
        ["abnormal", "1", "mentions 1, 3"],
    ]
    assert "pleural_effusion (pleura), present, right" in mentions
    assert f"rule {SMALL}/rules.yaml:25 (layer small)" in mentions
    assert 'cue "không thấy"' in mentions
    assert residue.splitlines() == ["Not understood", f'  {TEXT.index("Xyzzy")}-{TEXT.index("Xyzzy") + 5}  "Xyzzy"']
    assert "\x1b" not in shown


def test_a_rule_is_where_it_says() -> None:
    place = next(m["rule"] for m in json.loads(explain("--json", TEXT))["mentions"])
    file, _, line = place.rpartition(":")
    assert "tràn dịch màng phổi" in Path(file).read_text("utf-8").splitlines()[int(line) - 1]


def test_repairs_are_shown_with_their_score() -> None:
    shown = explain("Tràn dịch mang phổi.")
    assert 'read as "tràn dịch màng phổi", score 0.' in shown
    assert "Every word is accounted for." in shown


def test_why_not() -> None:
    assert 'negation of mention 1 "Tim không to" by "không"' in explain("Tim không to.")
    assert 'normal statement "Màng phổi bình thường"' in explain("Màng phổi bình thường.")
    assert "template nothing" in explain("TIM PHỔI BÌNH THƯỜNG")
    assert "There is no text." in explain("")


@pytest.mark.parametrize(
    "text", ["- Tim to.", "-Tim to, không thấy viêm phổi", "--- hai phổi viêm phổi", "- -h", "• Tim to"]
)
def test_a_report_that_begins_with_a_dash_is_no_option(text: str) -> None:
    assert text in explain("--json", text) or json.loads(explain("--json", text))
    assert vnlabel("explain", text, "--rules", SMALL).exit_code == 0


def test_from_a_file_and_from_standard_input(here: Path) -> None:
    (here / "r.txt").write_bytes(TEXT.encode("utf-16"))
    from_file = explain("--json", "@r.txt")
    assert from_file == explain("--json", TEXT) == explain("--json", "-", stdin=TEXT.encode())
    assert from_file == explain("--json", stdin=TEXT.encode())


def test_json_is_the_explanation_format() -> None:
    why = json.loads(explain("--json", TEXT))
    assert list(why) == [
        "labels",
        "status",
        "method",
        "uncertain",
        "reasons",
        "template",
        "mentions",
        "residue",
        "classes",
    ]
    for part in (*why["mentions"], *why["residue"]):
        assert TEXT[part["start"] : part["end"]] == part["text"]


def test_colours_on_request_and_never_against_it() -> None:
    plain = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    args = ("explain", TEXT, "--rules", SMALL)
    coloured = process(*args, env={**plain, "FORCE_COLOR": "1", "TERM": "xterm-256color"}).stdout.decode()
    assert "\x1b[" in coloured
    assert "|pleura present]" not in coloured
    for env in ({**plain, "FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm-256color"}, plain):
        shown = process(*args, env=env).stdout.decode()
        assert "[Tràn dịch màng phổi|pleura present]" in shown
        assert "\x1b[3" not in shown


def test_long_lines_are_not_wrapped() -> None:
    text = "Không thấy tràn dịch màng phổi, tràn khí màng phổi. " * 20
    assert len(explain(text).splitlines()[0]) > 1000


def test_control_characters_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in explain("Tim to.\x1b]0;x\x07 \x1b[2J")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["@none.txt"], "none.txt: No such file or directory"),
        (["@bad.txt"], "bad.txt:2: not UTF-8"),
        (["@long.txt"], "long.txt:1: the text is over 1 MB"),
        (["--jsn", "x"], "--json"),
        (["Tim to", "--rules", "nowhere"], "nowhere:1:1: no such folder of rules"),
    ],
)
def test_what_cannot_be_done_is_one_line(here: Path, args: list[str], message: str) -> None:
    (here / "bad.txt").write_bytes(b"Tim\nto\xff")
    (here / "long.txt").write_bytes(b"a" * 1_000_001)
    result = vnlabel("explain", *args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
