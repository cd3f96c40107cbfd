"""The pixel cache: the same bytes however it was built, and every bad file by its kind."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vision.cache import FilmError, build_cache, read_film


def gradient(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.tile(np.linspace(0, 255, width), (height, 1)).astype(np.uint8))


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{i}.png" for i in range(12)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (40, 30), dtype=np.uint8)).save(path)
    return paths


def test_a_film_keeps_its_shape_and_is_padded(tmp_path: Path) -> None:
    Image.new("L", (100, 50), 200).save(tmp_path / "wide.png")
    film, _ = read_film(tmp_path / "wide.png", 32)
    assert film.shape == (32, 32)
    assert film.dtype == np.uint8
    assert (film[8:24] == 200).all()
    assert (film[:8] == 0).all()
    assert (film[24:] == 0).all()


def test_sixteen_bits_are_scaled_not_cut(tmp_path: Path) -> None:
    values = np.linspace(1000, 5000, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    film, _ = read_film(tmp_path / "deep.png", 64)
    assert film[0, 0] == 0
    assert film[-1, -1] == 255
    assert abs(int(film[32, 0]) - 128) < 3


def test_colour_and_turned_films(tmp_path: Path) -> None:
    gradient(64, 64).convert("RGB").save(tmp_path / "rgb.jpg", quality=95)
    assert abs(int(read_film(tmp_path / "rgb.jpg", 64)[0][30, 60]) - 240) < 8
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    gradient(64, 64).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    film, _ = read_film(tmp_path / "turned.jpg", 64)
    assert film[60, 30] > 200 > 50 > film[3, 30]


def test_a_large_jpeg_is_decoded_small_with_the_same_look(tmp_path: Path) -> None:
    gradient(1024, 1024).save(tmp_path / "large.jpg", quality=95)
    film, _ = read_film(tmp_path / "large.jpg", 64)
    exact = np.asarray(gradient(1024, 1024).resize((64, 64), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(film.astype(int) - exact).max() <= 3


def broken(tmp_path: Path) -> dict[str, Path]:
    gradient(200, 200).save(tmp_path / "good.jpg")
    gradient(200, 200).save(tmp_path / "good.png")
    data = (tmp_path / "good.jpg").read_bytes()
    files = {
        "missing": tmp_path / "no.jpg",
        "truncated": tmp_path / "half.jpg",
        "truncated png": tmp_path / "half.png",
        "not an image": tmp_path / "text.jpg",
        "not an image, empty": tmp_path / "empty.jpg",
        "unreadable": tmp_path / "folder.jpg",
    }
    files["truncated"].write_bytes(data[: len(data) // 2])
    png = (tmp_path / "good.png").read_bytes()
    files["truncated png"].write_bytes(png[: len(png) // 2])
    files["not an image"].write_text("a report, not a film")
    files["not an image, empty"].touch()
    files["unreadable"].mkdir()
    return files


def test_every_kind_of_bad_file(tmp_path: Path) -> None:
    for kind, path in broken(tmp_path).items():
        with pytest.raises(FilmError) as error:
            read_film(path, 32)
        assert kind.startswith(error.value.kind), (kind, error.value.kind)


def test_bad_files_do_not_stop_the_others(tmp_path: Path, paths: list[Path]) -> None:
    bad = list(broken(tmp_path).values())
    twin = tmp_path / "twin.png"
    twin.write_bytes(paths[3].read_bytes())
    pixels, failed = build_cache([*paths, *bad, twin], 32, tmp_path / "cache")
    assert sorted(failed) == list(range(12, 19))
    assert failed[18].kind == "duplicate"
    assert "3.png" in str(failed[18])
    for row, path in enumerate(paths):
        assert (pixels.open()[row] == read_film(path, 32)[0]).all()


def test_the_number_of_workers_changes_nothing(tmp_path: Path, paths: list[Path]) -> None:
    one, _ = build_cache(paths, 32, tmp_path / "one", workers=1)
    many, _ = build_cache(paths, 32, tmp_path / "many", workers=5)
    assert one.file.read_bytes() == many.file.read_bytes()
    assert one.hashes == many.hashes


def decoded(paths: list[Path], root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the films that are really decoded by a build."""
    import vision.cache

    names: list[str] = []

    def noted(path: Path, size: int) -> tuple[NDArray[np.uint8], str]:
        names.append(path.name)
        return read_film(path, size)

    monkeypatch.setattr(vision.cache, "read_film", noted)
    build_cache(paths, 32, root)
    monkeypatch.undo()
    return sorted(names)


def test_built_once_resumed_and_verified(tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "cache"
    pixels, _ = build_cache(paths, 32, root)
    whole = pixels.file.read_bytes()
    assert decoded(paths, root, monkeypatch) == []

    index = pixels.file.parent / "index.jsonl"
    lines = index.read_text().splitlines()
    index.write_text("\n".join(lines[:7]) + "\n" + lines[7][:20])  # killed while writing the eighth line
    assert decoded(paths, root, monkeypatch) == sorted(p.name for p in paths[7:])
    assert decoded(paths, root, monkeypatch) == []

    with pixels.file.open("r+b") as file:  # a flipped bit
        file.seek(5 * 32 * 32 + 17)
        byte = file.read(1)
        file.seek(5 * 32 * 32 + 17)
        file.write(bytes([byte[0] ^ 1]))
    assert decoded(paths, root, monkeypatch) == ["5.png"]
    assert pixels.file.read_bytes() == whole

    Image.new("L", (9, 9), 7).save(paths[2])  # another film under the same name
    assert decoded(paths, root, monkeypatch) == ["2.png"]
    os.utime(paths[4], ns=(time.time_ns(), time.time_ns()))  # only touched: its hash is the same
    assert decoded(paths, root, monkeypatch) == []
    assert all(json.loads(line)["pixels"] for line in index.read_text().splitlines() if line.endswith("}"))


def test_each_size_has_its_own_cache(tmp_path: Path, paths: list[Path]) -> None:
    small, _ = build_cache(paths, 16, tmp_path)
    large, _ = build_cache(paths, 32, tmp_path)
    assert small.file != large.file
    assert small.take([2, 3]).open()[small.take([2, 3]).rows].shape == (2, 16, 16)


def test_real_films(shared: Path, tmp_path: Path) -> None:
    paths = sorted((shared / "cxr" / "images").glob("*.jpg"))[:40]
    pixels, failed = build_cache(paths, 128, tmp_path)
    assert failed == {}
    means = pixels.open().reshape(40, -1).mean(axis=1)
    assert ((means > 20) & (means < 235)).all()
