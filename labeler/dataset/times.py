"""Times of hospital records: what they mean is told by their length, never by trying formats until one works.

All times are on the hospital's own clock, without a zone; what carries an offset is brought to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

HOSPITAL = timezone(timedelta(hours=7))  # Vietnam has one zone and no summer time
YEARS = range(1950, 2100)  # later and earlier ones are typing errors
EPOCH = datetime(1970, 1, 1)
LENGTHS = (8, 12, 14)  # digits: a date, with hours and minutes, with seconds
SECOND = 1_000_000  # microseconds

_CLOCK = r"(?:[T\s]+(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?\s*(?P<z>Z|[+-]\d{2}:?\d{2})?)?"
_WRITTEN = (
    re.compile(r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})" + _CLOCK, re.ASCII),
    re.compile(r"(?P<d>\d{1,2})[-/.](?P<m>\d{1,2})[-/.](?P<y>\d{4})" + _CLOCK, re.ASCII),
)
_DICOM_DATE = re.compile(r"(\d{4})([.]?)(\d{2})\2(\d{2})", re.ASCII)
_DICOM_TIME = re.compile(r"(\d{2})(?:(:?)(\d{2})(?:\2(\d{2})(?:\.(\d{1,6}))?)?)?", re.ASCII)
_DICOM_DATETIME = re.compile(r"(\d{8})(\d{2,6}(?:\.\d{1,6})?)([+-]\d{4})?", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})", re.ASCII)


def parse_time(text: str, *, end: bool = False) -> datetime | None:
    """A time as HIS exports write it, None when it is impossible.

    8, 12 or 14 digits (yyyyMMdd or ddMMyyyy, then HHmm, then ss), ISO 8601, or dd/MM/yyyy with a clock time.  A date
    alone is its midnight, or with `end` its last second: a check-out on a date includes that day.
    """
    text = text.strip()
    found: datetime | None
    if len(text) in LENGTHS and text.isascii() and text.isdigit():
        # 19 and 20, which years begin with, are no months: a date is never good both ways
        if int(text[4:6]) > 12 or int(text[:4]) not in YEARS:
            text = text[4:8] + text[2:4] + text[:2] + text[8:]
        if int(text[:4]) not in YEARS:
            return None
        try:
            found = datetime.fromisoformat(f"{text[:8]}T{text[8:]}" if len(text) > 8 else text)
        except ValueError:
            return None
        return _last_second(found) if end and len(text) == 8 else found
    for pattern in _WRITTEN:
        match = pattern.fullmatch(text)
        if match:
            part = match.groupdict()
            found = _make(
                part["y"], part["m"], part["d"], part["H"] or "0", part["M"] or "0", part["S"] or "0", part["f"] or ""
            )
            if found is not None and part["z"]:
                return _at_hospital(found, part["z"])
            return _last_second(found) if end and part["H"] is None else found
    return None


def study_time(attributes: Mapping[str, str]) -> tuple[datetime | None, str]:
    """When a film was taken, by DICOM attributes (keyword to value), and the attributes that told it.

    The study's date and time come first, then those of the series, acquisition and content, always date and time of
    one level.  `TimezoneOffsetFromUTC`, and an offset in a DateTime, bring them to the hospital's clock.
    """
    offset = str(attributes.get("TimezoneOffsetFromUTC") or "").strip()
    for level in ("Study", "Series", "Acquisition", "Content"):
        found = _dicom(attributes.get(f"{level}Date"), attributes.get(f"{level}Time"))
        if found is not None:
            return _shifted(found, offset), f"{level}Date+{level}Time"
        if level == "Acquisition":
            match = _DICOM_DATETIME.fullmatch(str(attributes.get("AcquisitionDateTime") or "").strip())
            found = _dicom(match[1], match[2]) if match else None
            if match and found is not None:
                return _shifted(found, match[3] or offset), "AcquisitionDateTime"
    return None, ""


def micros(time: datetime) -> int:
    """Microseconds since 1970."""
    return (time - EPOCH) // timedelta(microseconds=1)


def iso(moment: int | None) -> str:
    """A moment as ISO 8601, blank for none."""
    return "" if moment is None else (EPOCH + timedelta(microseconds=moment)).isoformat()


def _make(year: str, month: str, day: str, hour: str, minute: str, second: str, fraction: str = "") -> datetime | None:
    if int(year) not in YEARS:
        return None
    micro = int(fraction[:6].ljust(6, "0")) if fraction else 0
    try:
        return datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), micro)
    except ValueError:
        return None


def _last_second(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(hour=23, minute=59, second=59)


def _at_hospital(found: datetime, zone: str) -> datetime | None:
    match = _OFFSET.fullmatch(zone)
    minutes = 0 if match is None else (1 if match[1] == "+" else -1) * (60 * int(match[2]) + int(match[3]))
    if abs(minutes) > 14 * 60:
        return None
    moment = found.replace(tzinfo=timezone(timedelta(minutes=minutes)) if minutes else UTC)
    return moment.astimezone(HOSPITAL).replace(tzinfo=None)


def _shifted(found: datetime, offset: str) -> datetime | None:
    return _at_hospital(found, offset) if _OFFSET.fullmatch(offset) else found


def _dicom(date: str | None, time: str | None) -> datetime | None:
    day, clock = _DICOM_DATE.fullmatch(str(date or "").strip()), _DICOM_TIME.fullmatch(str(time or "").strip())
    if day is None or clock is None:
        return None
    return _make(day[1], day[3], day[4], clock[1], clock[3] or "0", clock[4] or "0", clock[5] or "")
