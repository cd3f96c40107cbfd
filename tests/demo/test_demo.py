"""The simulated hospital: its truth is recovered, it is the same for the same seed, its films show what is reported."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labeler.demo import drawing
from labeler.demo.findings import Finding
from labeler.demo.hospital import _FAULTS, build
from tests.cli.helpers import vnlabel


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Small films, quick to draw."""
    monkeypatch.setattr(drawing, "ROWS", 72)
    monkeypatch.setattr(drawing, "COLUMNS", 64)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(*args: object, status: int = 0) -> Any:
    result = vnlabel("demo", *args, "--json")
    assert result.exit_code == status, (result.stdout, result.stderr, result.exception)
    return json.loads(result.stdout)


@pytest.mark.parametrize(("seed", "faults"), [(1, 0.3), (2, 0.0), (3, 0.6), (4, 1.0)])
def test_the_truth_is_recovered(small: Path, seed: int, faults: float) -> None:
    """Every match, every view that attributes can tell, every refusal with its reason."""
    found = ran("demo", "--patients", 40, "--seed", seed, "--faults", faults)
    for what in ("views", "refused", "matches"):
        assert found[what]["wrong"] == [] and found[what]["right"] == found[what]["total"], what
    assert found["views"]["total"] > 50
    assert found["labels"]["auto and right"] > 5 and found["labels"].get("auto and wrong", 0) <= 1
    with Path("demo/data/dataset.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == found["images"]


def test_every_fault_happens() -> None:
    """In a large hospital all of them are there, at about the rate that was asked for."""
    visits = build(1500, 1, 0.4).visits
    counts = Counter(visit.fault for visit in visits)
    assert set(counts) == {"", *(name for name, _ in _FAULTS)}
    assert 1 - counts[""] / len(visits) == pytest.approx(0.4, abs=0.04)


def test_the_truth_is_told_from_the_result(small: Path) -> None:
    """The comparison can fail: a hospital whose truth is bent does not pass."""
    from labeler import Labeler
    from labeler.demo.run import run

    hospital = build(40, 1, 0.6)
    matched = [film for film in hospital.films if film.fate == "matched"]
    matched[0].fate, matched[0].reports = "unmatched", []
    matched[1].reports = matched[2].reports
    matched[3].told = "not_pa"
    one, other = (next(film for film in hospital.films if film.refused == code) for code in ("truncated", "no_sop_class"))
    one.refused, other.refused = other.refused, one.refused
    outcome = run(hospital, small, Labeler.from_rules(), lambda line: None)
    assert outcome.matches.wrong == [matched[0].uid, matched[1].uid]
    assert outcome.views.wrong == [matched[3].uid]
    assert set(outcome.refused.wrong) == {one.uid, other.uid}


def test_the_same_seed_gives_the_same_hospital(small: Path) -> None:
    def digest(name: str) -> str:
        files = sorted(f for part in ("his", "pacs", "truth") for f in Path(name, part).rglob("*") if f.is_file())
        return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()

    for name, seed in (("one", 7), ("two", 7), ("three", 8)):
        ran(name, "--patients", 10, "--seed", seed)
    assert digest("one") == digest("two") != digest("three")
    ran("one", "--patients", 10, "--seed", 8)  # made anew
    assert digest("one") == digest("three")
    result = vnlabel("demo", "one", "--rules", "nowhere")
    assert result.exit_code == 2 and digest("one") == digest("three"), "rules that cannot be read cost nothing"


@pytest.mark.parametrize("kind", ["effusion", "pneumothorax", "opacity", "upper_opacity", "fracture"])
@pytest.mark.parametrize("side", ["right", "left"])
def test_a_finding_can_be_seen_on_its_side(kind: str, side: str) -> None:
    """Against the same film without it; the patient's right is on the left."""
    plain = drawing.chest([], 5)
    shown = drawing.chest([Finding(kind, side, "", "")], 5)
    middle = drawing.COLUMNS // 2
    change = np.abs(shown - plain) > 0.05
    halves = {"right": change[:, :middle].sum(), "left": change[:, middle:].sum()}
    other = "left" if side == "right" else "right"
    assert halves[side] > 150 and halves[side] > 10 * halves[other]


def test_a_large_heart_and_a_device() -> None:
    plain = drawing.chest([], 5)
    heart = drawing.chest([Finding("large_heart", "left", "", "")], 5)
    assert ((heart - plain) > 0.1).mean() > 0.02
    device = drawing.chest([Finding("device", "left", "", "")], 5)
    assert (device[:, drawing.COLUMNS // 2 :] > 0.85).sum() > 4 * (plain[:, drawing.COLUMNS // 2 :] > 0.85).sum()


def test_other_folders_are_left_alone(small: Path) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("months of work")
    result = vnlabel("demo", "mine")
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert Path("mine/thesis.txt").exists()


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file that asks for nothing, with the films in it; a browser shows it."""
    monkeypatch.setattr(drawing, "ROWS", 288)
    monkeypatch.setattr(drawing, "COLUMNS", 256)
    monkeypatch.chdir(tmp_path)
    found = ran("demo", "--patients", 30, "--faults", 0.6)
    html = Path(found["page"]).read_text(encoding="utf-8")
    assert html.count('src="data:image/jpeg') >= 5
    assert not any(word in html for word in ("http://", "https://", "<script", "<link"))
    assert f"{found['matches']['right']} of {found['matches']['total']}" in html and str(found["images"]) in html
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser here: the page was not shown")
    shot = tmp_path / "page.png"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,2400", f"--screenshot={shot}"]
    subprocess.run([browser, *flags, Path(found["page"]).absolute().as_uri()], check=True, capture_output=True, timeout=60)
    from PIL import Image

    with Image.open(shot) as picture:
        colours = picture.convert("RGB").getcolors(1 << 24) or []
    shown = {colour for _, colour in colours}
    assert {(0x1F, 0x6F, 0x8B), (0xBF, 0xE9, 0xF2)} <= shown  # a bar of the funnel, a finding of the pleura
    assert sum(n for n, (r, g, b) in colours if r == g == b and r < 200) > 50_000  # films
