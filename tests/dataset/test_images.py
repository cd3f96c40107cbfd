"""DICOM to JPG: what a radiologist would see, and what is refused or held back."""

from __future__ import annotations

import csv
import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from labeler.dataset.pixels import letterboxed, percentiles, render
from tests.dataset.films import LOSSLESS, SHAPE, compressed, encoded, film, values, windowed, write
from tests.dataset.hospital import answer, done, listed

SHARED = Path(__file__).resolve().parents[3] / "shared" / "dicom"


def grey(data: Dataset) -> np.ndarray:
    return render(encoded(data)).grey


def lut(first: int, entries: np.ndarray, bits: int = 16) -> Sequence:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, bits])
    item.add_new("LUTData", "US", entries.astype(int).tolist())
    return Sequence([item])


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 15, 16])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_window(bits: int, signed: bool, photometric: str) -> None:
    """Every depth, signed or not, through the rescale and the window; inverted last and only for MONOCHROME1."""
    stored = values(bits, signed=signed)
    center, width = float(stored.astype(float).mean()) + 3, (1 << bits) * 0.4
    data = film(
        stored, bits=bits, PhotometricInterpretation=photometric, RescaleSlope="2", RescaleIntercept="-5",
        WindowCenter=str(2 * center - 5), WindowWidth=str(2 * width),
    )  # fmt: skip
    expected = windowed(2 * stored.astype(float) - 5, 2 * center - 5, 2 * width)
    np.testing.assert_array_equal(grey(data), 255 - expected if photometric == "MONOCHROME1" else expected)


@pytest.mark.parametrize("how", [*LOSSLESS, "baseline"])
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_transfer_syntaxes(how: str, photometric: str, tmp_path: Path) -> None:
    """Compressed films give the pixels of the plain one."""
    bits = 8 if how == "baseline" else 12
    window = {"WindowCenter": str(1 << (bits - 1)), "WindowWidth": str(1 << bits)}
    data = film(values(bits), PhotometricInterpretation=photometric, **window)
    plain = grey(data)
    found = render(encoded(compressed(data, how, tmp_path)))
    assert np.abs(found.grey.astype(int) - plain).max() <= (2 if how == "baseline" else 0)
    assert found.recipe["inverted"] == (photometric == "MONOCHROME1")


def test_signed_lossless(tmp_path: Path) -> None:
    stored, window = values(16, signed=True), {"WindowCenter": "0", "WindowWidth": "65536"}
    plain = grey(film(stored, bits=16, **window))
    for how in ("rle", "lossless", "j2k"):
        np.testing.assert_array_equal(grey(compressed(film(stored, bits=16, **window), how, tmp_path)), plain)


def test_look_up_tables() -> None:
    """A VOI LUT goes before a window; a modality LUT before both; values outside are the table's ends."""
    stored = values(12)
    entries = (np.arange(4096) / 4095) ** 2 * 4095
    expected = (entries.astype(int)[stored] / 4095 * 255).round()
    np.testing.assert_array_equal(
        grey(film(stored, VOILUTSequence=lut(0, entries, 12), WindowCenter="1", WindowWidth="2")), expected
    )
    clipped = (entries.astype(int)[np.clip(stored.astype(int) - 1000, 0, 999)] / 4095 * 255).round()
    np.testing.assert_array_equal(grey(film(stored, VOILUTSequence=lut(1000, entries[:1000], 12))), clipped)
    modality = lut(0, np.arange(4095, -1, -1))
    expected = windowed(4095 - stored.astype(float), 2000, 1000)
    np.testing.assert_array_equal(
        grey(film(stored, ModalityLUTSequence=modality, WindowCenter="2000", WindowWidth="1000")), expected
    )


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_voi_functions(function: str) -> None:
    stored = values(12)
    found = grey(film(stored, WindowCenter="2048", WindowWidth="1500", VOILUTFunction=function))
    x = stored.astype(float)
    expected = {
        "LINEAR": (x - 2047.5) / 1499 + 0.5, "LINEAR_EXACT": (x - 2048) / 1500 + 0.5,
        "SIGMOID": 1 / (1 + np.exp(-4 * (x - 2048) / 1500)),
    }[function]  # fmt: skip
    np.testing.assert_array_equal(found, (expected.clip(0, 1) * 255).round())


@pytest.mark.parametrize(
    "elements",
    [
        {},
        {"WindowCenter": "5", "WindowWidth": "0"},
        {"WindowCenter": "", "WindowWidth": ""},
        {"RescaleSlope": "", "RescaleIntercept": ""},
    ],
)
def test_without_a_window(elements: dict[str, str]) -> None:
    """No window, or one that cannot be: percentiles; an empty slope is 1."""
    stored = values(12)
    low, high = np.percentile(stored, (0.5, 99.5))
    expected = (((stored - low) / (high - low)).clip(0, 1) * 255).round()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = render(encoded(film(stored, **elements)))
    np.testing.assert_array_equal(found.grey, expected)
    assert found.recipe["voi"]["kind"] == "percentiles"


@given(st.lists(st.integers(0, 255), min_size=1, max_size=300), st.sampled_from([1.0, -1.0, 0.37]))
@settings(max_examples=60, deadline=None)
def test_percentiles_are_those_of_numpy(stored: list[int], slope: float) -> None:
    codes = np.array(stored, dtype=np.uint8)
    units = np.arange(256) * slope
    np.testing.assert_allclose(percentiles(units, codes), np.percentile(units[codes], (0.5, 99.5)), atol=1e-9)


def test_the_first_window_counts() -> None:
    data = film(WindowCenter=["1000", "3000"], WindowWidth=["500", "500"])
    np.testing.assert_array_equal(grey(data), windowed(values(12), 1000, 500))
    assert render(encoded(data)).recipe["voi"]["of"] == 2


def test_junk_above_the_stored_bits() -> None:
    """Overlays and other junk in the unused high bits are no density."""
    stored = values(12)
    window = {"WindowCenter": "2048", "WindowWidth": "4096"}
    np.testing.assert_array_equal(grey(film(stored | 0xA000, **window)), grey(film(stored, **window)))


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_padding_is_black(photometric: str) -> None:
    """What lies around the film is black on either scale, and does not shift the percentiles."""
    inner = values(12)[4:, :] // 2 + 1000
    stored = np.vstack([np.zeros((4, SHAPE[1]), np.uint16), inner])
    found = grey(film(stored, PhotometricInterpretation=photometric, PixelPaddingValue=0))
    assert (found[:4] == 0).all()
    np.testing.assert_array_equal(found[4:], grey(film(inner, PhotometricInterpretation=photometric)))


def test_padding_outside_the_stored_bits() -> None:
    stored = values(12).copy()
    stored[0] = 0xFFFF
    data = film(stored, WindowCenter="2048", WindowWidth="4096")
    data.add_new("PixelPaddingValue", "US", 0xFFFF)
    found = grey(data)
    assert (found[0] == 0).all()
    assert found[-1, -1] == 255  # 4095 itself is no padding


@pytest.mark.parametrize("kind", ["window", "lut", "percentiles", "rescale", "MONOCHROME1", "padding"])
def test_agrees_with_the_trainer(kind: str, tmp_path: Path) -> None:
    """The classifier is trained on what the image stage makes, so both must see one film alike."""
    from vision.dicom import read_dicom

    elements = {
        "window": {"WindowCenter": "1800", "WindowWidth": "900"}, "lut": {"VOILUTSequence": lut(0, np.arange(4096), 12)},
        "percentiles": {}, "rescale": {"RescaleSlope": "-0.5", "RescaleIntercept": "40"},
        "MONOCHROME1": {"PhotometricInterpretation": "MONOCHROME1"}, "padding": {"PixelPaddingValue": 0},
    }[kind]  # fmt: skip
    stored = values(12)
    stored[:3] = 0
    data = encoded(film(stored, **elements))
    assert np.abs(np.asarray(read_dicom(data)).astype(int) - render(data).grey).max() <= 1


def test_letterbox_agrees_with_the_trainer() -> None:
    from vision.cache import letterbox

    picture = values(8).repeat(9, 0).repeat(7, 1)
    np.testing.assert_array_equal(letterboxed(picture, 64), letterbox(Image.fromarray(picture), 64))


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
    assert json.loads(row["options"]) == {"size": 16, "quality": 80, "recipe": 1}


def test_pixels_become_square(here: Path) -> None:
    prepared(here, film(PixelSpacing=[0.1, 0.2]))
    done("images", "work")
    (row,) = listed("work", "images")
    assert (row["height"], row["width"], row["spacing_source"]) == ("12", "16", "PixelSpacing")


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
    assert answer("images", "work", "--jobs", 1)["made"] == 40
    assert digests() == first


@pytest.mark.skipif(not SHARED.is_dir(), reason="no real files here")
def test_real_negative(here: Path) -> None:
    """Of two real files, the same film and one relabelled MONOCHROME1, the second is the first's negative."""
    name = "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm"
    right, wrong = (render((SHARED / file).read_bytes()) for file in (name, "Fake_MONOHR1.dcm"))
    assert right.held == "held_secondary_capture"
    np.testing.assert_array_equal(right.grey, 255 - wrong.grey)
    assert right.grey.shape == (1024, 1024) and right.spacing_source == "PixelSpacing"
