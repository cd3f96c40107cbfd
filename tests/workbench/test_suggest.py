"""vnlabel rules suggest: what was planted in a corpus is found, and what is offered loads as it is."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from labeler import Labeler
from labeler.patterns import words_of
from labeler.workbench.residue import Collector
from tests.cli.helpers import SMALL, vnlabel
from tests.workbench.planted import Corpus, corpus


@pytest.fixture(scope="module")
def labeler() -> Labeler:
    return Labeler.from_rules()


def write(planted: Corpus, path: Path) -> str:
    """The corpus as a file of JSON lines."""
    rows = [{"report_id": f"r{i}", "description": text} for i, text in enumerate(planted.reports)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def suggested(source: str, *args: str, stdin: str | None = None) -> list[dict[str, Any]]:
    """The ranked suggestions."""
    result = vnlabel("rules", "suggest", source, "--json", *args, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    told: list[dict[str, Any]] = json.loads(result.stdout)["suggestions"]
    return told


def found(planted: Corpus, told: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """The planted phrases and misspellings that are named, each exactly."""
    phrases = {words_of(s["text"]) for s in told if s["kind"] == "phrase"}
    spellings = {words_of(s["text"]) for s in told if s["kind"] == "spelling"}
    return (
        [phrase for phrase in planted.phrases if words_of(phrase) in phrases],
        [slip for slip in planted.slips if words_of(slip) in spellings],
    )


def test_planted_phrases_and_misspellings_are_among_the_first_hundred(tmp_path: Path, labeler: Labeler) -> None:
    """Two small corpora together, for what is planted differs with every rule; the large one is a benchmark."""
    named: Counter[str] = Counter()
    for seed in (101, 102):
        planted = corpus(2_000, seed, labeler, phrases=10, slips=30)
        told = suggested(write(planted, tmp_path / "reports.jsonl"))
        assert len(told) <= 100
        phrases, slips = found(planted, told)
        means = {words_of(s["text"]): words_of(s["means"]) for s in told if s["kind"] == "spelling"}
        right = [slip for slip in slips if means[words_of(slip)] == words_of(planted.slips[slip])]
        named.update(phrases=len(phrases), slips=len(slips), right=len(right))
    assert named["phrases"] >= 18
    assert named["slips"] >= 50
    assert named["right"] >= named["slips"] - 4


def test_the_yaml_loads_as_it_is_and_passes_its_own_examples(tmp_path: Path, labeler: Labeler) -> None:
    planted = corpus(1_000, 103, labeler, phrases=10, slips=20)
    reports = write(planted, tmp_path / "reports.jsonl")
    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / "ruleset.yaml").write_text("name: ours\nversion: '1'\nextends: builtin\n")
    result = vnlabel("rules", "suggest", reports, "-o", ours / "drafts.yaml")
    assert result.exit_code == 0
    assert vnlabel("rules", "check", "--rules", ours).exit_code == 0
    tested = vnlabel("rules", "test", "--rules", ours)
    assert tested.exit_code == 0, tested.stderr
    after = Labeler.from_rules(ours)
    left = [sum(bool(one.label(text).residue) for text in planted.reports) for one in (labeler, after)]
    assert left[1] < left[0] / 4
    # the set that has taken them needs them no more
    named = {s["text"] for s in suggested(reports)} & {s["text"] for s in suggested(reports, "--rules", str(ours))}
    assert not named


def csv(texts: list[str]) -> str:
    return "report_id,description\n" + "".join(f'r{i},"{text}"\n' for i, text in enumerate(texts))


def test_frequent_whole_descriptions_are_ranked_as_templates() -> None:
    normal = ["Bóng tim bình thường. Không thấy viêm phổi.", "Tim bình thường. Phổi bình thường."]
    texts = normal[:1] * 9 + normal[1:] * 5 + ["Tim to."] * 20 + ["Tim phổi bình thường"] * 20 + ["Phổi xyz."] * 4
    told = suggested("-", "--rules", SMALL, stdin=csv(texts))
    templates = [(s["text"], s["reports"]) for s in told if s["kind"] == "template"]
    assert templates == [(normal[0], 9), (normal[1], 5)]  # what has a finding, is one or is not understood is none


def test_what_may_name_a_patient_is_left_out() -> None:
    texts = [
        f"Họ tên: Zhenya Wexford {i}\nTim to. Bác sĩ Qwert Yuiop. Phổi có zxcv. Mã hiệu ab{i}x. Vbnm{i}."
        for i in range(5)
    ] + ["Poiuy rất riêng."]
    shown = vnlabel("rules", "suggest", "-", stdin=csv(texts)).stdout
    assert "zxcv" in shown
    for name in ("zhenya", "wexford", "qwert", "yuiop", "ab1x", "vbnm1", "poiuy"):
        assert name not in shown.lower()


def test_what_few_reports_have_is_left_out_unless_asked_for() -> None:
    texts = ["Phổi zxcv.", "Bóng tim zxcv."] + ["Phổi qwer.", "Bóng tim qwer."] * 2
    assert [s["text"] for s in suggested("-", "--rules", SMALL, stdin=csv(texts)) if s["kind"] == "phrase"] == ["qwer"]
    told = suggested("-", "--rules", SMALL, "--least", "2", stdin=csv(texts))
    assert {s["text"] for s in told} >= {"zxcv", "qwer"}
    told = suggested("-", "--rules", SMALL, "--least", "2", "--limit", "1", stdin=csv(texts))
    assert [s["rank"] for s in told] == [1]


@pytest.mark.parametrize("folder", ["ours", "a: b"])
def test_drafts_are_tried_over_the_set_that_lies_there(tmp_path: Path, folder: str) -> None:
    ours = tmp_path / folder
    shutil.copytree(SMALL, ours)
    for file in ours.iterdir():  # a set that calls itself as the shipped one, with a region that this one lacks
        text = file.read_text("utf-8").replace("name: small", "name: builtin").replace("parenchyma", "lungs")
        file.write_text(text, "utf-8")
    told = suggested("-", "--rules", str(ours), stdin=csv(["Phổi qwer."] * 3))
    assert [(s["text"], s["region"]) for s in told] == [("phổi qwer", "lungs")]


def test_a_set_that_is_broken_while_reports_are_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = shutil.copytree(SMALL, tmp_path / "rules") / "rules.yaml"
    held = Collector.add

    def add(self: Collector, text: str) -> None:
        rules.write_text("findings: [", "utf-8")
        held(self, text)

    monkeypatch.setattr(Collector, "add", add)
    result = vnlabel("rules", "suggest", "-", "--rules", rules.parent, stdin=csv(["Phổi qwer."] * 3))
    assert result.exit_code == 2
    assert f"{rules}:" in result.stderr
    assert result.stdout == ""


def test_nothing_to_suggest() -> None:
    result = vnlabel("rules", "suggest", "-", "--rules", SMALL, stdin=csv(["Tim to."]))
    assert result.exit_code == 0
    assert all(line.startswith("#") for line in result.stdout.splitlines())
