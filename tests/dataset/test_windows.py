"""Look-up tables, windows and percentiles against plain numpy."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from labeler.dataset.pixels import percentiles, render
from tests.dataset.films import big_endian, encoded, film, values, windowed
from tests.dataset.shown import grey, lut


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


@pytest.mark.parametrize(
    ("kind", "depth"), [*((kind, depth) for kind in ("US", "OW") for depth in (8, 10, 12, 16)), ("packed", 8)]
)
@pytest.mark.parametrize("which", ["VOI", "Modality"])
@pytest.mark.parametrize("how", ["little", "big"])
def test_forms_of_a_look_up_table(kind: str, depth: int, which: str, how: str) -> None:
    """Numbers, words or two bytes in a word, in either order of bytes; more than 32,767 entries; signed values."""
    stored = values(16, signed=True)
    entries = (np.linspace(0, 1, 40000) ** 0.7 * ((1 << depth) - 1)).round().astype("<u2")
    content = entries.astype("u1").view("<u2") if kind == "packed" else entries
    first = -20000
    item = Dataset()
    item.add_new("LUTDescriptor", "SS", [40000, first, depth])
    if kind == "US":
        item.add_new("LUTData", "US", content.tolist())
    else:
        item.add_new("LUTData", "OW", content.astype(">u2" if how == "big" else "<u2").tobytes())
    data = film(stored, bits=16, **{f"{which}LUTSequence": Sequence([item])})
    expected = entries.astype(int)[(stored.astype(int) - first).clip(0, 39999)]
    if which == "Modality":
        data.WindowCenter, data.WindowWidth = "100", "90"
        shown = windowed(expected, 100, 90)
    else:
        shown = (expected / ((1 << depth) - 1) * 255).round()
    np.testing.assert_array_equal(grey(big_endian(data) if how == "big" else data), shown)


def test_a_first_value_written_as_unsigned() -> None:
    """A table of signed values whose first one is written without its sign."""
    stored = values(12, signed=True)
    entries = np.arange(4096)
    data = film(stored, VOILUTSequence=lut(65536 - 2048, entries, 12))
    np.testing.assert_array_equal(grey(data), (entries[stored.astype(int) + 2048] / 4095 * 255).round())


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(2048, 1500), (2048, 1), (-300, 5000), (9000, 20)])
def test_voi_functions(function: str, center: int, width: int) -> None:
    stored = values(12)
    found = grey(film(stored, WindowCenter=str(center), WindowWidth=str(width), VOILUTFunction=function))
    x = stored.astype(float)
    expected = {
        "LINEAR": lambda: windowed(stored, center, width),
        "LINEAR_EXACT": lambda: (((x - center) / width + 0.5).clip(0, 1) * 255).round(),
        "SIGMOID": lambda: (255 / (1 + np.exp((-4 * (x - center) / width).clip(-700, 700)))).round(),
    }[function]()  # fmt: skip
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "elements",
    [
        {},
        {"WindowCenter": "5", "WindowWidth": "0"},
        {"WindowCenter": "", "WindowWidth": ""},
        {"WindowWidth": "300"},
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
        data = film(stored, **elements)
        np.testing.assert_array_equal(grey(data), expected)
        assert render(encoded(data)).recipe["voi"]["kind"] == "percentiles"


def test_numbers_that_are_none() -> None:
    """nan and inf are no window and no slope."""
    raw = encoded(film(values(12), WindowCenter="1234", WindowWidth="200", RescaleSlope="3.51", RescaleIntercept="0"))
    np.testing.assert_array_equal(grey(raw.replace(b"1234", b"nan ").replace(b"3.51", b"inf ")), grey(film(values(12))))


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
