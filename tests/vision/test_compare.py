"""Coarse against fine: the mapping as data, and the whole experiment on drawn films in CheXpert's layout."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.vision.conftest import Result
from tests.vision.drawn import draw_film
from vision.data import CHEXPERT_CLASSES
from vision.errors import InputError
from vision.schemes import load_scheme

Command = Callable[..., Result]
SMALL = ["--models", "test_resnet", "--set", "init=random", "--set", "size=32", "--set", "batch_size=8", "--set",
         "steps=6", "--set", "valid_every=3", "--set", "accelerator=cpu", "--replicates", 100]  # fmt: skip


def chexpert_folder(folder: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    """A `train.csv` in CheXpert's layout, two films a patient, each drawn as its labels say."""
    rng = np.random.default_rng(0)
    header = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *CHEXPERT_CLASSES]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "train.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header, restval="")
        writer.writeheader()
        for i, row in enumerate(rows):
            film = Path("train", f"patient{i // 2:05d}", "study1", f"view{i % 2 + 1}_frontal.jpg")
            (folder / film).parent.mkdir(parents=True, exist_ok=True)
            has = [row.get(c) == "1.0" for c in ("Fracture", "Pleural Effusion", "Lung Opacity", "Cardiomegaly")]
            draw_film(np.array(has), rng, 32).save(folder / film)
            writer.writerow({"Path": Path("CheXpert-v1.0") / film, "Frontal/Lateral": "Frontal", "AP/PA": "AP", **row})
    return folder / "train.csv"


def test_table_7() -> None:
    scheme = load_scheme()
    assert scheme.coarse == ("chest_wall", "pleura", "parenchyma", "cardio", "abnormal")
    assert set(scheme.findings) == set(CHEXPERT_CLASSES) - {"No Finding", "Support Devices"}
    assert scheme.regions["chest_wall"] == ("Fracture",)
    assert set(scheme.regions["cardio"]) == {"Enlarged Cardiomediastinum", "Cardiomegaly"}
    assert [len(members) for members in scheme.regions.values()] == [1, 3, 6, 2]


def of(**labels: float) -> np.ndarray:
    columns = load_scheme().columns
    return np.array([[labels.get(name.replace(" ", "_"), 0.0) for name in columns]], dtype=np.float32)


@pytest.mark.parametrize(
    ("labels", "coarse", "without_devices"),
    [
        ({}, [0, 0, 0, 0, 0], 0),
        ({"No_Finding": 1}, [0, 0, 0, 0, 0], 0),
        ({"Fracture": 1}, [1, 0, 0, 0, 1], 1),
        ({"Pneumothorax": 1, "Edema": 1}, [0, 1, 1, 0, 1], 1),
        ({"Support_Devices": 1}, [0, 0, 0, 0, 1], 0),
        ({"No_Finding": 1, "Support_Devices": 1}, [0, 0, 0, 0, 1], 0),
        ({"Cardiomegaly": np.nan}, [0, 0, 0, np.nan, np.nan], np.nan),
        ({"Cardiomegaly": np.nan, "Enlarged_Cardiomediastinum": 1}, [0, 0, 0, 1, 1], 1),
        ({"Cardiomegaly": np.nan, "Support_Devices": 1}, [0, 0, 0, np.nan, 1], np.nan),
    ],
)
def test_findings_as_regions(labels: dict[str, float], coarse: Sequence[float], without_devices: float) -> None:
    scheme = load_scheme()
    np.testing.assert_array_equal(scheme.to_coarse(of(**labels), scheme.columns)[0], coarse)
    plain = scheme.to_coarse(of(**labels), scheme.columns, devices=False)[0]
    np.testing.assert_array_equal(plain, [*coarse[:4], without_devices])


def test_rules_for_both_and_neither(tmp_path: Path) -> None:
    shipped = load_scheme()
    rows = np.concatenate([of(No_Finding=1, Support_Devices=1), of(), of(No_Finding=1), of(Edema=1)])
    assert shipped.used(rows, shipped.columns).all()
    text = (Path(__file__).parents[2] / "vision/schemes/chexpert.yaml").read_text()
    (tmp_path / "strict.yaml").write_text(
        text.replace("both: abnormal", "both: leave_out").replace("neither: normal", "neither: leave_out")
    )
    strict = load_scheme(tmp_path / "strict.yaml")
    assert strict.used(rows, strict.columns).tolist() == [False, False, True, True]
    (tmp_path / "bad.yaml").write_text(text.replace("cardio: [", "cardio: [Fracture, "))
    with pytest.raises(InputError, match="Fracture is in two places"):
        load_scheme(tmp_path / "bad.yaml")
    (tmp_path / "odd.yaml").write_text(text.replace("both: abnormal", "both: perhaps"))
    with pytest.raises(InputError, match="both"):
        load_scheme(tmp_path / "odd.yaml")


def test_the_experiment(vnvision: Command, tmp_path: Path) -> None:
    """Both label sets on the same films, every number a reader needs, and nothing trained twice."""
    rng = np.random.default_rng(1)

    def labels() -> Iterable[dict[str, str]]:
        for _ in range(60):
            row = {c: "1.0" for c in ("Fracture", "Pleural Effusion", "Lung Opacity", "Edema") if rng.random() < 0.3}
            row |= {"Support Devices": "1.0"} if rng.random() < 0.3 else {}
            yield row or {"No Finding": "1.0"}

    source = chexpert_folder(tmp_path / "CheXpert-v1.0", labels())
    arguments = ["compare", "--labels", source, "-o", tmp_path / "out", *SMALL]
    done = vnvision(*arguments, "--json")
    assert done.code == 0, done.err
    records = {(r["trained"], r["scored"], r["metric"]): r for r in json.loads(done.out)}
    five, twelve, without = "5 classes", "12 classes", " (devices not counted)"
    with (tmp_path / "out" / "coarse.csv").open() as file:
        coarse = {row["image"]: row for row in csv.DictReader(file)}
    with (tmp_path / "out" / "fine.csv").open() as file:
        fine = {row["image"]: row for row in csv.DictReader(file)}
    assert list(coarse) == list(fine)
    assert all(coarse[i]["split"] == fine[i]["split"] for i in coarse)
    valid = [i for i in coarse if coarse[i]["split"] == "valid"]
    share = np.mean([coarse[i]["abnormal"] == "1" for i in valid])
    plain = np.mean([any(fine[i][c] == "1" for c in load_scheme().findings) for i in valid])
    for trained, scored in [(five, five), (twelve, twelve), (twelve, five)]:
        assert records[trained, scored, "f1 abnormal"]["prevalence"] == pytest.approx(share)
        assert records[trained, scored, "f1 abnormal"]["all_positive"] == pytest.approx(2 * share / (1 + share))
        assert records[trained, scored + without, "f1 abnormal"]["prevalence"] == pytest.approx(plain)
    # the fine model's abnormal is the same predictions, whichever classes its macro average is over
    assert records[twelve, five, "auc abnormal"]["value"] == records[twelve, twelve, "auc abnormal"]["value"]
    scores = vnvision("predict", tmp_path / "out" / "test_resnet-fine", tmp_path / "out" / "fine.csv").out.splitlines()
    highest = {r["image"]: max(float(r[c]) for c in load_scheme().findings) for r in csv.DictReader(scores)}
    called = np.array([highest[i] > 0.5 for i in valid])
    truth = np.array([coarse[i]["abnormal"] == "1" for i in valid])
    expected = 2 * (called & truth).sum() / (called.sum() + truth.sum())
    assert records[twelve, five, "f1 abnormal"]["value"] == pytest.approx(expected)

    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("best.pt")}
    again = vnvision(*arguments)
    assert again.code == 0, again.err
    assert again.err.count("is finished") == 2 == len(times)
    assert {p: p.stat().st_mtime_ns for p in times} == times
    assert "| All positive |" in again.out
    assert "any finding or Support Devices" in again.out
    assert (
        "test_resnet fine, as regions against test_resnet coarse, paired" in (tmp_path / "out/compare.md").read_text()
    )

    held = {path: path.read_bytes() for path in (tmp_path / "out").glob("*.csv")}
    other = vnvision(*arguments, "--set", "valid_fraction=0.5")
    assert other.code == 2
    assert "coarse.csv:1:1: other labels or splits than those of the runs beside it, a new -o is needed" in other.err
    assert {path: path.read_bytes() for path in (tmp_path / "out").glob("*.csv")} == held


def test_what_is_undefined_is_null_and_said(vnvision: Command, tmp_path: Path) -> None:
    """Where every film is abnormal there is no AUC of it, and no baseline of that."""
    source = chexpert_folder(tmp_path / "c", [{"Edema": "1.0"}, {"Fracture": "1.0"}, {"Edema": "1.0"}] * 8)
    done = vnvision("compare", "--labels", source, "-o", tmp_path / "out", *SMALL, "--set", "steps=3", "--json")
    assert done.code == 0, done.err
    records = json.loads(done.out, parse_constant=pytest.fail)
    undefined = {(r["metric"], r["value"], r["all_positive"]) for r in records if r["metric"] == "auc abnormal"}
    assert undefined == {("auc abnormal", None, None)}
    with (tmp_path / "out" / "compare.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "auc abnormal"]
    assert {row["all_positive"] for row in rows} == {"undefined"}


def test_thresholds_are_not_chosen_where_they_are_reported(vnvision: Command, tmp_path: Path) -> None:
    source = chexpert_folder(tmp_path / "c", [{"Edema": "1.0"}, {"No Finding": "1.0"}] * 8)
    done = vnvision("compare", "--labels", source, "-o", tmp_path / "out", *SMALL, "--thresholds", "valid")
    assert done.code == 2
    assert "chosen on the split that is reported" in done.err
    assert not (tmp_path / "out").exists()


def test_bad_rows_are_named_before_training(vnvision: Command, tmp_path: Path) -> None:
    source = chexpert_folder(tmp_path / "c", [{"Edema": "1.0"}, {"Edema": "7"}, {"No Finding": "1.0"}] * 4)
    done = vnvision("compare", "--labels", source, "-o", tmp_path / "out", *SMALL)
    assert done.code == 2
    assert "train.csv:3:11: Edema is '7'" in done.err
    assert "nothing was trained" in done.err
    done = vnvision("compare", "--labels", source, "-o", tmp_path / "out", *SMALL, "--models", "resnet5")
    assert done.code == 2
    assert not (tmp_path / "out").exists()


def test_what_compare_refuses(vnvision: Command, films: Path, tmp_path: Path) -> None:
    for arguments, message in [
        (["--labels", films], "no class column 'No Finding'"),
        ([], "--labels: missing"),
        (["--labels", films, "--scheme", "padchest.yaml"], "padchest.yaml:1:1: no such file"),
    ]:
        done = vnvision("compare", *arguments, "-o", tmp_path / "out")
        assert done.code == 2
        assert message in done.err
        assert done.err.count("\n") == 1


def drawn_from(counts: Path, number: int, *, frontal: bool) -> list[dict[str, str]]:
    """`number` rows of CheXpert's joint distribution, at even distances: no share is off by more than 1 / number."""
    with gzip.open(counts, "rt") as file:
        rows = [row for row in csv.DictReader(file) if not frontal or row["view"].startswith("F")]

    def kind(row: Mapping[str, str]) -> tuple[bool, bool]:
        fine = [row[c] for c in CHEXPERT_CLASSES if c != "No Finding"]
        return "1" in fine, "-1" in fine

    rows.sort(key=kind)
    upto = np.cumsum([int(row["count"]) for row in rows])
    places = np.searchsorted(upto, (np.arange(number) + 0.5) * upto[-1] / number)
    return [{c: f"{rows[p][c]}.0" if rows[p][c] else "" for c in CHEXPERT_CLASSES} for p in places]


@pytest.mark.parametrize(
    ("frontal", "policy", "prevalence", "f1"), [(False, "zeros", 0.8894, 0.9415), (True, "ones", 0.9360, 0.9669)]
)
def test_everything_is_abnormal_on_chexperts_own_distribution(
    vnvision: Command, shared: Path, tmp_path: Path, frontal: bool, policy: str, prevalence: float, f1: float
) -> None:
    """The row that any model has to beat comes out at the values that the real label file gives."""
    rows = drawn_from(shared / "labels" / "chexpert_joint_counts.csv.gz", 300, frontal=frontal)
    source = chexpert_folder(tmp_path / "CheXpert-v1.0", rows)
    done = vnvision("compare", "--labels", source, "-o", tmp_path / "out", *SMALL, "--set", f"uncertain={policy}",
                    "--split", "train", "--set", "valid_fraction=0.05", "--json")  # fmt: skip
    assert done.code == 0, done.err
    record = next(r for r in json.loads(done.out) if r["metric"] == "f1 abnormal" and r["scored"] == "5 classes")
    assert record["prevalence"] == pytest.approx(prevalence, abs=0.01)
    assert record["all_positive"] == pytest.approx(f1, abs=0.006)
