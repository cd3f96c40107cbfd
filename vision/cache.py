"""Films as resized uint8: decoded once, mapped into memory ever after.

A cache is a folder of two files: `pixels.u8`, (N, S, S) uint8, and `index.jsonl`, one line for each finished film with
the SHA-256 of its file and of its pixels. Lines are appended as films are finished, so a killed build goes on where it
stopped. On opening every row is hashed again; a row that differs, or whose file has changed, is made anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from vision.errors import InputError

FORMAT = 1  # raise it whenever `read_film` gives other pixels
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".pgm")
T = TypeVar("T")
R = TypeVar("R")


class FilmError(Exception):
    """A file that is no readable film: `kind` is missing, truncated, or not an image."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def read_film(path: Path, size: int) -> tuple[NDArray[np.uint8], str]:
    """One film as (S, S) uint8, and the SHA-256 of its file.

    Resized and padded by `letterbox`. Greyscale of more than 8 bits is scaled from its own range.

    Raises:
        FilmError: with what is wrong and what would be right.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise FilmError("missing", "no such file, an image is needed") from None
    except OSError as error:
        raise FilmError("unreadable", f"cannot be read ({error.strerror}), an image is needed") from None
    try:
        with Image.open(BytesIO(data)) as image:
            # a JPEG is decoded at the nearest power of two above the wanted size, which is several times faster
            image.draft("L", (size, size))
            image.load()
            grey = _eight_bits(ImageOps.exif_transpose(image))
    except UnidentifiedImageError:
        raise FilmError("not an image", "not an image that can be read, a JPEG or PNG is needed") from None
    except Image.DecompressionBombError:
        raise FilmError("too large", "too many pixels to be a film, at most 179 million") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as error:
        raise FilmError("truncated", f"truncated or broken ({error}), a whole image is needed") from None
    return letterbox(grey, size), hashlib.sha256(data).hexdigest()


def letterbox(grey: Image.Image, size: int) -> NDArray[np.uint8]:
    """A grey image as (S, S) uint8: its longer side becomes `size` (bilinear, antialiased), the rest is padded with black on both sides."""
    scale = size / max(grey.size)
    width, height = (max(1, round(side * scale)) for side in grey.size)
    film = Image.new("L", (size, size))
    film.paste(grey.resize((width, height), Image.Resampling.BILINEAR), ((size - width) // 2, (size - height) // 2))
    return np.asarray(film)


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode not in ("I", "F", "I;16", "I;16B", "I;16L"):
        return image.convert("L")
    values = np.asarray(image, dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    return Image.fromarray(((values - low) * (255 / max(high - low, 1))).round().astype(np.uint8))


@dataclass(frozen=True)
class Pixels:
    """The films of a cache: row i of `rows` is where film i lies in the file; `hashes` are of the films' files."""

    file: Path
    shape: tuple[int, int, int]
    rows: NDArray[np.intp]
    hashes: tuple[str, ...]

    def open(self) -> NDArray[np.uint8]:
        """(N, S, S) uint8, mapped read-only; index it with `rows`."""
        return np.memmap(self.file, dtype=np.uint8, mode="r", shape=self.shape)

    def take(self, keep: Sequence[int] | NDArray[np.intp]) -> Pixels:
        chosen = np.asarray(keep, dtype=np.intp)
        return Pixels(self.file, self.shape, self.rows[chosen], tuple(self.hashes[i] for i in chosen))


def build_cache(
    paths: Sequence[Path],
    size: int,
    root: Path,
    *,
    workers: int | None = None,
    progress: Callable[[int], object] = lambda n: None,
) -> tuple[Pixels, dict[int, FilmError]]:
    """Opens the cache of these films under `root`, making whatever is missing of it.

    Args:
        paths: the films, in order.
        size: S of the square films.
        root: folder of caches; each list of films and size has a folder of its own there.
        workers: threads that decode; as many as there are cores by default.
        progress: called with 1 for every film that is verified or made.

    Returns:
        The pixels, and for each film that could not be read its number and why. A film whose file repeats an earlier
        one byte for byte is among these, as `duplicate`.
    """
    listing = json.dumps([FORMAT, size, [str(path.absolute()) for path in paths]])
    folder = root / f"{size}-{hashlib.sha256(listing.encode()).hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    shape = (len(paths), size, size)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs that begin together build it once
        pixels_file, index_file = folder / "pixels.u8", folder / "index.jsonl"
        room = len(paths) * size * size
        with pixels_file.open("ab") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, room)  # a full disk is noticed here, not as a crash in the map
            except OSError as error:
                raise InputError(f"{folder}:1:1: {error.strerror}, {room / 1e9:.1f} GB for films are needed") from None
        pixels = np.memmap(pixels_file, dtype=np.uint8, mode="r+", shape=shape)
        known = _read_index(index_file)
        good: dict[int, str] = {}
        failed: dict[int, FilmError] = {}

        def verify(row: int) -> str | None:
            entry = known.get(row)
            if entry is None or hashlib.sha256(pixels[row].data).hexdigest() != entry["pixels"]:
                return None
            try:
                stat = paths[row].stat()
                untouched = [stat.st_size, stat.st_mtime_ns] == [entry["size"], entry["mtime_ns"]]
                if not untouched and hashlib.sha256(paths[row].read_bytes()).hexdigest() != entry["file"]:
                    return None
            except OSError:
                return None
            return str(entry["file"])

        def make(row: int) -> dict[str, object] | FilmError:
            try:
                film, file_hash = read_film(paths[row], size)
            except FilmError as error:
                return error
            pixels[row] = film
            stat = paths[row].stat()
            pixels_hash = hashlib.sha256(film.tobytes()).hexdigest()
            return {
                "row": row,
                "file": file_hash,
                "size": stat.st_size,
                "mtime_ns": stat.st_mtime_ns,
                "pixels": pixels_hash,
            }

        todo = []
        for row, file_hash in in_order(verify, range(len(paths)), workers):
            if file_hash is None:
                todo.append(row)
            else:
                good[row] = file_hash
                progress(1)
        with index_file.open("a", encoding="utf-8") as index:
            if todo and index.tell():
                index.write("\n")  # ends a line that a killed build left broken
            for row, entry in in_order(make, todo, workers):
                if isinstance(entry, FilmError):
                    failed[row] = entry
                else:
                    index.write(json.dumps(entry) + "\n")
                    index.flush()
                    good[row] = str(entry["file"])
                progress(1)
        pixels.flush()
    first: dict[str, int] = {}
    for row, file_hash in sorted(good.items()):
        if first.setdefault(file_hash, row) != row:
            original = paths[first[file_hash]].name
            failed[row] = FilmError("duplicate", f"the same file as {original}, one row an image")
    hashes = tuple(good.get(row, "") for row in range(len(paths)))
    return Pixels(pixels_file, shape, np.arange(len(paths)), hashes), failed


def _read_index(file: Path) -> dict[int, dict[str, object]]:
    entries = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        try:
            entry = json.loads(line)
            entries[int(entry["row"])] = entry
        except (json.JSONDecodeError, KeyError, TypeError):
            continue  # the line that a killed build was writing
    return entries


def in_order(work: Callable[[T], R], items: Iterable[T], workers: int | None = None) -> Iterator[tuple[T, R]]:
    """(item, work(item)) in the order of the items, worked on by threads that run a little ahead, not away."""
    workers = workers or os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        waiting = []
        for item in items:
            waiting.append((item, pool.submit(work, item)))
            if len(waiting) >= 4 * workers:
                done, future = waiting.pop(0)
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()
