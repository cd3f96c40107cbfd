"""DICOM to JPG: what a radiologist would see, and what is refused or held back."""

from __future__ import annotations

import csv
import hashlib
import json
import pwd
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from labeler.dataset.images import Options
from labeler.dataset.pixels import RECIPE, render
from tests.dataset.films import compressed, encoded, film, values, write
from tests.dataset.hospital import answer, done, listed, private


def prepared(here: Path, *films: Dataset) -> None:
    """A workspace `work` with these films, judged."""
    for number, data in enumerate(films):
        write(here / "films" / f"{number:03}.dcm", data)
    done("collect", "work", "films")
    done("views", "work")


def test_images_say_nothing_of_the_patient(here: Path) -> None:
    """No names, numbers or dates in names, metadata or messages; spacing and recipe are recorded in the workspace."""
    prepared(here, film(ImagerPixelSpacing=[0.15, 0.15], PixelSpacing=[0.14, 0.14], WindowCenter="2048", WindowWidth="4096"))
    result = done("images", "work", "--size", 16, "--quality", 80)
    (image,) = (here / "work" / "images").rglob("*.jpg")
    assert image.stem not in ("", "000") and "4711" not in str(image.relative_to(here))
    raw = image.read_bytes()
    assert not [word for word in (b"Nguyen", b"4711", b"2020", b"1.2.826", b"Exif") if word in raw]
    assert "Nguyen" not in result.output and "4711" not in result.output
    with Image.open(image) as picture:
        assert (picture.size, picture.mode) == ((11, 16), "L")
        assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    (row,) = listed("work", "images")
    assert (row["height"], row["width"], row["rows"], row["columns"]) == ("16", "11", "24", "16")
    assert (row["spacing"], row["spacing_source"]) == ("0.15\\0.15", "ImagerPixelSpacing")
    assert json.loads(row["recipe"])["voi"] == {"kind": "window", "center": 2048, "width": 4096, "function": "LINEAR", "of": 1}
    assert json.loads(row["options"]) == {"size": 16, "quality": 80, "recipe": RECIPE}


def test_pixels_become_square(here: Path) -> None:
    prepared(here, film(PixelSpacing=[0.1, 0.2]))
    done("images", "work")
    (row,) = listed("work", "images")
    assert (row["height"], row["width"], row["spacing_source"]) == ("12", "16", "PixelSpacing")


@pytest.mark.parametrize("spacing", [["1000", "0.1"], ["0.1", "1000"], ["0", "0.1"], ["1e308", "0.1"]])
def test_a_spacing_that_no_film_has(here: Path, spacing: list[str]) -> None:
    """It is left aside for the next attribute; the films beside it go on."""
    prepared(here, film(ImagerPixelSpacing=spacing, PixelSpacing=[0.1, 0.2]), film(ImagerPixelSpacing=spacing, PatientID="2"))
    assert answer("images", "work")["made"] == 2
    found = [(row["height"], row["width"], row["spacing_source"]) for row in listed("work", "images")]
    assert sorted(found) == [("12", "16", "PixelSpacing"), ("24", "16", "")]


def test_more_pixels_than_a_jpg_can_have(here: Path) -> None:
    """Refused with its reason, unless it is made smaller; the films beside it go on."""
    prepared(here, film(np.zeros((20_000, 8), np.uint16), PixelSpacing=[0.4, 0.1]), film())
    assert answer("images", "work", status=2)["refused"] == {"too_large": 1}
    assert answer("images", "work", "--size", 100)["made"] == 2


def broken() -> dict[str, bytes]:
    whole, palette = film(), film()
    palette.NumberOfFrames = 2
    palette.PixelData = whole.PixelData * 2
    absent = film(PixelData=None)
    wide = film(values(12).astype(np.uint32), bits=32)
    return {name: encoded(data) for name, data in
            {"multi_frame": palette, "no_pixel_data": absent, "unsupported_pixels": wide}.items()}  # fmt: skip


def test_refused_and_listed(here: Path) -> None:
    """What is no single whole film is refused with its reason; the others go on."""
    prepared(here, film())
    for name, data in broken().items():
        (here / "films" / f"{name}.dcm").write_bytes(data)
    done("collect", "work", "films")
    done("views", "work")
    assert answer("images", "work", status=2)["refused"] == dict.fromkeys(sorted(broken()), 1)
    assert sorted(row["reason"] for row in listed("work", "refused")) == sorted(broken())
    found = answer("images", "work", "--allow-refused")
    assert (found["made"], found["kept"]) == (0, 1)


def test_cut_files_never_come_in(here: Path) -> None:
    """A cut copy is refused before it takes the place of the whole one."""
    data = film()
    whole = encoded(data)
    cut = film(SOPInstanceUID=data.SOPInstanceUID)
    cut.PixelData = cut.PixelData[: len(cut.PixelData) // 2]
    (here / "films").mkdir()
    (here / "films" / "1.dcm").write_bytes(whole[:-300])
    write(here / "films" / "2.dcm", cut)
    (here / "films" / "3.dcm").write_bytes(whole)
    found = answer("collect", "work", "films", status=2)
    assert (found["taken"], found["refused"], found["reported"]) == (1, {"truncated": 2}, {})
    done("views", "work")
    assert answer("images", "work")["made"] == 1


@pytest.mark.parametrize("how", ["lossless", "ls", "j2k", "baseline"])
def test_cut_compressed_films(how: str, tmp_path: Path) -> None:
    """A file that ends within its pixels, and one whose stream ends early in a whole file, are both truncated."""
    from labeler.dataset.dicom import FilmError

    stored = np.random.default_rng(1).integers(0, 256 if how == "baseline" else 4096, (64, 64))
    data = compressed(film(stored.astype("u1" if how == "baseline" else "u2")), how, tmp_path)
    raw = encoded(data)
    for share in (0.6, 0.95):
        with pytest.raises(FilmError) as error:
            render(raw[: int(len(raw) * share)])
        assert error.value.code == "truncated"
    from pydicom.encaps import encapsulate, generate_frames

    (frame,) = generate_frames(data.PixelData, number_of_frames=1)
    data.PixelData = encapsulate([frame[: len(frame) // 2 & ~1]])
    with pytest.raises(FilmError) as error:
        render(encoded(data))
    assert error.value.code == "truncated"


def test_missing_decoder_names_the_extra(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pydicom.pixels.decoders import JPEGLosslessSV1Decoder

    prepared(here, compressed(film(), "lossless", tmp_path))
    monkeypatch.setattr(JPEGLosslessSV1Decoder, "_available", {})
    result = done("images", "work", "--jobs", 1, status=2)
    assert "pip install 'vnlabel[dicom]'" in result.stderr
    assert listed("work", "refused")[0]["reason"] == "no_decoder"


def test_held_for_a_person(here: Path) -> None:
    """Burned-in names, secondary captures, raw detector images and unknown photometry wait until a person lets them pass."""
    captured = film()
    captured.SOPClassUID = captured.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    raw = film(PresentationIntentType="FOR PROCESSING")
    unknown = film(PhotometricInterpretation=None)
    prepared(here, film(), film(BurnedInAnnotation="YES"), captured, raw, unknown)
    found = answer("images", "work")
    assert found["made"] == 1
    assert found["held"] == dict.fromkeys(
        ("held_burned_in", "held_for_processing", "held_no_photometric", "held_secondary_capture"), 1
    )
    assert len(list((here / "work" / "images").rglob("*.jpg"))) == 1
    done("images", "work", "--held", "held")
    assert private("held")
    with Path("held/held.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        with Image.open(Path("held", row["image"])) as picture:
            assert picture.size == (16, 24)
        row["release"] = "yes" if row["reason"] == "held_secondary_capture" else ""
    with Path("held/held.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    found = answer("images", "work", "--release", "held/held.csv", "--who", "Dr. Lan")
    assert (found["made"], sum(found["held"].values()), found["released"]) == (1, 3, {"released": 1, "still_held": 3})
    result = done("images", "work", "--release", "films/000.dcm", status=2)
    assert result.stderr.startswith("films/000.dcm: cannot be read") and result.stderr.count("\n") == 1


def test_identical_bytes_whatever_the_number_of_processes(here: Path) -> None:
    """All cores, one process, or again with other options and back: the same bytes."""
    rng = np.random.default_rng(3)
    prepared(here, *(film(rng.integers(0, 4096, (40, 30)).astype("u2")) for _ in range(40)))

    def digests() -> dict[str, str]:
        images = sorted((here / "work" / "images").rglob("*.jpg"))
        return {image.name: hashlib.sha256(image.read_bytes()).hexdigest() for image in images}

    assert answer("images", "work", "--jobs", 2)["made"] == 40
    first = digests()
    assert len(first) == 40
    assert answer("images", "work", "--jobs", 1)["kept"] == 40
    assert answer("images", "work", "--jobs", 1, "--size", 20)["made"] == 40
    assert not set(digests().values()) & set(first.values())
    assert answer("images", "work", "--jobs", 1, "--size", 0)["made"] == 40
    assert digests() == first


def test_size_and_quality_are_remembered(here: Path) -> None:
    """What is made later is as what was made before; a held.csv without a film is no mistake."""
    prepared(here, film(), film(PatientID="2"))
    assert answer("images", "work", "--size", 16, "--quality", 50)["made"] == 2
    done("images", "work", "--held", "held")
    found = answer("images", "work", "--release", "held/held.csv", "--who", "Dr. Lan")
    assert (found["made"], found["kept"], found["released"]) == (0, 2, {})
    assert answer("images", "work", "--quality", 60)["made"] == 2
    assert {row["options"] for row in listed("work", "images")} == {Options(16, 60).text()}
    Path("other.csv").write_text("image,release\n")
    assert "no columns" in done("images", "work", "--release", "other.csv", "--who", "Dr. Lan", status=2).stderr


def test_a_name_is_asked_for_where_the_system_has_none(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(here, film())
    done("images", "work", "--held", "held")

    def nobody(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    assert "--who NAME" in done("images", "work", "--release", "held/held.csv", status=2).stderr


def test_a_held_film_that_has_gone(here: Path) -> None:
    """It stands in held.csv without a picture, and no message names its file."""
    write(here / "films" / "NGUYEN_VAN_A.dcm", film(BurnedInAnnotation="YES"))
    done("collect", "work", "films", "--in-place")
    done("views", "work")
    done("images", "work")
    (here / "films" / "NGUYEN_VAN_A.dcm").unlink()
    assert "NGUYEN" not in done("images", "work", "--held", "held").output
    with Path("held/held.csv").open(encoding="utf-8", newline="") as file:
        assert [(row["reason"], row["image"]) for row in csv.DictReader(file)] == [("held_burned_in", "")]
