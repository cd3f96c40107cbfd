"""Label CSVs: what is read, what a label means, and every bad row by its place."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.data import CHEXPERT_CLASSES, REGION_CLASSES, read_labels
from vision.errors import InputError

HEADER = "image,patient_key,split,chest_wall,pleura,parenchyma,cardio,abnormal,status,uncertain"


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write(
        tmp_path / "labels.csv",
        HEADER,
        "a.jpg,p1,train,0,1,0,0,1,auto,",
        "b.jpg,p2,train,1,0,0,-1,1,reviewed,",
        "c.jpg,p3,valid,0,0,,0,0,auto,",
        "d.jpg,p4,valid,0,0,1,0,1,review,",
        "e.jpg,p5,test,0,0,1,0,1,auto,parenchyma;abnormal",
    )


def test_the_label_csv(labels: Path) -> None:
    table = read_labels(labels)
    assert table.classes == REGION_CLASSES
    assert table.images == ("a.jpg", "b.jpg", "c.jpg", "e.jpg")
    assert table.splits.tolist() == ["train", "train", "valid", "test"]
    assert table.patients == ("p1", "p2", "p3", "p5")
    assert table.lines == (2, 3, 4, 6)
    assert table.targets[1].tolist() == [1, 0, 0, 1, 1]
    assert np.isnan(table.targets[2]).tolist() == [False, False, True, False, False]
    assert table.notes == ("left out: 1 rows, status 'review'",)
    assert table.refused == ()


def test_status_says_which_rows_are_used(labels: Path) -> None:
    assert read_labels(labels, status=("review",), hold_out=False).images == ("d.jpg",)


@pytest.mark.parametrize(
    ("policy", "minus_one", "named"),
    [
        ("ones", 1, 1),
        ("zeros", 0, 0),
        ("ignore", np.nan, np.nan),
        ({"cardio": "zeros", "default": "ignore"}, 0, np.nan),
        ({"parenchyma": "zeros"}, 1, 0),
    ],
)
def test_uncertain_by_policy(labels: Path, policy: object, minus_one: float, named: float) -> None:
    """-1 in a class, and a 1 whose class is named in the column `uncertain`."""
    table = read_labels(labels, uncertain=policy)  # type: ignore[arg-type]
    np.testing.assert_equal(table.targets[1, 3], np.float32(minus_one))
    np.testing.assert_equal(table.targets[3, 2], np.float32(named))
    assert table.targets[0].tolist() == [0, 1, 0, 0, 1]


def test_any_csv_will_do(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "file,age,nodule,mass", "1.png,60,1,0", "2.png,61,-1,", "3.png,7,0.0,1.0")
    table = read_labels(path, hold_out=False)
    assert table.classes == ("nodule", "mass")
    np.testing.assert_equal(table.targets, np.array([[1, 0], [1, np.nan], [0, 1]]))
    assert table.patients is None
    assert set(table.splits) == {"all"}


def test_a_row_without_a_known_label_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "image,nodule,mass", "1.png,,", "2.png,-1,", "3.png,0,")
    table = read_labels(path, uncertain="ignore", hold_out=False)
    assert table.images == ("3.png",)
    assert "left out: 2 rows, without a known label" in table.notes


def chexpert_rows() -> list[str]:
    header = "Path,Sex,Age,Frontal/Lateral,AP/PA," + ",".join(CHEXPERT_CLASSES)
    findings = ["1" + "," * 13, ",-1,1" + "," * 10 + ",1", ",,,0.0,,-1.0,,,,,1.0,,,"]
    rows = [
        f"CheXpert-v1.0/train/patient{i:05d}/study1/view{v}.jpg,Male,60,"
        f"{'Frontal' if v == 1 else 'Lateral'},AP,{findings[i % 3]}"
        for i in range(40)
        for v in (1, 2)
    ]
    return [header, *rows]


def test_chexpert_as_it_is(tmp_path: Path) -> None:
    """Lateral films are left out, blank is 0, patients come from the path, a part of them is held out."""
    film = tmp_path / "data" / "train" / "patient00000" / "study1" / "view1.jpg"
    film.parent.mkdir(parents=True)
    film.touch()
    table = read_labels(write(tmp_path / "train.csv", *chexpert_rows()), tmp_path / "data")
    assert table.classes == CHEXPERT_CLASSES
    assert len(table) == 40
    assert not np.isnan(table.targets).any()
    assert table.targets[1].tolist() == [0, 1, 1, *[0] * 10, 1]
    assert table.patients is not None
    assert table.patients[7] == "patient00007"
    assert table.paths[0] == film  # the folder given is the data set's own
    assert len(table.where("valid")) == 12
    ignored = read_labels(tmp_path / "train.csv", uncertain={"Edema": "ignore"}, blank="ignore", views="all")
    assert len(ignored) == 80
    assert np.isnan(ignored.targets[4, 5])
    assert ignored.targets[2, 1] == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(20, 200), st.floats(0.1, 0.5))
def test_held_out_patients_are_whole_and_keep_the_frequencies(
    tmp_path_factory: pytest.TempPathFactory, seed: int, patients: int, fraction: float
) -> None:
    rng = np.random.default_rng(seed)
    rows = [
        f"{p}-{k}.jpg,p{p},{','.join(map(str, (rng.random(3) < [0.1, 0.3, 0.6]).astype(int)))}"
        for p in range(patients)
        for k in range(rng.integers(1, 4))
    ]
    path = write(tmp_path_factory.mktemp("h") / "l.csv", "image,patient_id,rare,some,many", *rows)
    table = read_labels(path, valid_fraction=fraction, seed=seed)
    train, valid = table.take(table.where("train")), table.take(table.where("valid"))
    assert len(train) + len(valid) == len(rows)
    assert not set(train.patients or ()) & set(valid.patients or ())
    assert abs(len(valid) / len(rows) - fraction) < 0.03 + 3 / len(rows)
    share = table.targets.mean(axis=0)
    assert (np.abs(valid.targets.sum(axis=0) - share * len(valid)) <= 0.02 * len(rows) + 3).all()
    again = read_labels(path, valid_fraction=fraction, seed=seed)
    assert (again.splits == table.splits).all()


def test_every_bad_row_is_named_and_the_others_stay(tmp_path: Path) -> None:
    path = write(
        tmp_path / "l.csv",
        HEADER,
        "a.jpg,p1,train,0,1,0,0,1,auto,",
        "b.jpg,p2,train,0,2,0,0,1,auto,",
        "a.jpg,p1,train,0,1,0,0,1,auto,",
        ",p3,train,0,1,0,0,1,auto,",
        "c.jpg,p4,test,0,1,0,0,1,auto,",
        "d.jpg,p4,train,0,1,0,0,1,auto,",
        "e.jpg,p6,validation,0,1,0,0,1,auto,",
        "f.jpg,p7,train,0",
    )
    table = read_labels(path)
    assert table.images == ("a.jpg", "c.jpg")
    assert [line.removeprefix(str(path)) for _, line in table.refused] == [
        ":3:5: pleura is '2', a class is 0, 1, -1 or blank",
        ":4:1: a.jpg is there already in line 2, one row an image",
        ":5:1: no image name, a file is needed",
        ":8:3: split is 'validation', train, valid or test",
        ":9:1: 4 fields, the header has 10",
        ":7:1: patient p4 of train is in test too, one side of a split only",
    ]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("", {}, "empty, a CSV with a header is needed"),
        ("image,image\n", {}, "column 'image' is there twice"),
        ("picture,nodule\na,1\n", {}, "no image column, one of image"),
        ("image,nodule\na,1\n", {"classes": ["nodul"]}, "no class column 'nodul'; did you mean 'nodule'?"),
        ("image,nodule\na,1\n", {"image_column": "imag"}, "no column 'imag'; did you mean 'image'?"),
        ("image,age\na,61\n", {}, "no class columns, columns of 0, 1, -1 or blank are needed"),
        ("image,chest_wall,pleura,parenchyma,cardio\na,1,1,1,1\n", {}, "no column abnormal"),
        ("image,nodule\n", {"classes": ["nodule"]}, "no row to use"),
        ("image,nodule\na,1\n", {"uncertain": {"mass": "ones"}}, "no class 'mass'"),
    ],
)
def test_a_csv_that_will_not_do(tmp_path: Path, content: str, options: dict[str, object], message: str) -> None:
    path = tmp_path / "l.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_labels(path, **options)  # type: ignore[arg-type]
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_no_file_a_folder_no_utf8(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("image,nodule\ntràn,1\n".encode("cp1258", "replace"))
    for path, message in [
        (tmp_path / "x.csv", "no such file"),
        (tmp_path, "folder"),
        (tmp_path / "latin.csv", "UTF-8"),
    ]:
        with pytest.raises(InputError, match=message):
            read_labels(path)


def test_the_real_joint_distribution_of_chexpert(shared: Path, tmp_path: Path) -> None:
    """Every combination of labels there is in CheXpert, a row each; No Finding never stands beside a finding."""
    with gzip.open(shared / "labels" / "chexpert_joint_counts.csv.gz", "rt") as file:
        combinations = list(csv.DictReader(file))
    path = tmp_path / "train.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *CHEXPERT_CLASSES])
        for i, row in enumerate(combinations):
            view = "Frontal" if row["view"].startswith("F") else "Lateral"
            name = f"CheXpert-v1.0/train/patient{i:06d}/study1/view1.jpg"
            writer.writerow([name, "Female", 50, view, row["view"][1:], *(row[c] for c in CHEXPERT_CLASSES)])
    ones, zeros = read_labels(path, uncertain="ones"), read_labels(path, uncertain="zeros")
    assert ones.refused == ()
    assert len(ones) == sum(row["view"].startswith("F") for row in combinations)
    unsure = sum(row[c] == "-1" for row in combinations if row["view"].startswith("F") for c in CHEXPERT_CLASSES)
    assert ones.targets.sum() - zeros.targets.sum() == unsure
    findings = zeros.targets[:, 1:13].any(axis=1)
    assert not (zeros.targets[:, 0].astype(bool) & findings).any()
