"""Whether a film is a PA chest film, by what its DICOM attributes say.

ViewPosition, ViewCodeSequence, SeriesDescription, ProtocolName and a PatientPosition in which a vendor put the view
each may name a projection; Modality and BodyPartExamined say whether it is a chest film at all, PatientOrientation
tells frontal from lateral.  Where they contradict each other there is no answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

VERSION = "attributes-1"
SURE, TOLD, NOT = 0.99, 0.95, 0.01  # ViewPosition is wrong about once in a thousand films, free text more often
NEVER = 0.0  # not a radiograph of the chest

READ = (
    "Modality", "BodyPartExamined", "ViewPosition", "SeriesDescription", "ProtocolName", "PatientPosition",
    "PatientOrientation", "StudyDescription",
)  # fmt: skip
RADIOGRAPHY = ("CR", "DX", "DR", "RG", "XR", "RF")
UNCLEAR = ("", "OT", "SC", "XC", "UN")

_CHEST = re.compile(r"\b(?:CHEST|THORAX|LUNGS?|CXR|PULMO\w*|NGUC|PHOI|HEART)\b")
_BODY_UNCLEAR = ("", "UNKNOWN", "OTHER", "NONE", "NA", "N A", "WHOLEBODY", "TRUNK", "BODY")
_ELSEWHERE = re.compile(
    r"\b(?:ABDOMEN|ABD|KUB|HANDS?|WRIST|FINGERS?|FOOT|FEET|TOES?|ANKLE|KNEES?|LEG|FEMUR|TIBIA|FIBULA|HIPS?|PELVIS|"
    r"SHOULDER|ELBOW|FOREARM|ARM|HUMERUS|SKULL|HEAD|SINUS(?:ES)?|NECK|[CTL] ?SPINE|SPINE|LUMBAR|CERVICAL|RIBS?|RIBCAGE|"
    r"STERNUM|CLAVICLES?|SCAPULA|BUNG|BAN TAY|CO TAY|BAN CHAN|GOI|CHAU|KHOP|SO NAO|SO MAT|COT SONG|XUONG SUON|XUONG DON)\b"
)
_AND = r"(?:POSTERO|POSTERIOR)[ -]*(?:TO )?ANTERIOR"
_VIEWS = {
    "PA": re.compile(rf"\b(?:P ?A|{_AND})\b"),
    "AP": re.compile(r"\b(?:A ?P|(?:ANTERO|ANTERIOR)[ -]*(?:TO )?POSTERIOR|PORTABLE|BEDSIDE|SUPINE|TAI GIUONG|NAM NGUA)\b"),
    "lateral": re.compile(r"\b(?:L ?L|R ?L|LLAT|RLAT|LAT|LATERAL(?:IS)?|PROFILE?|NGHIENG)\b"),
    "oblique": re.compile(r"\b(?:OBL|OBLIQUES?|LAO|RAO|LPO|RPO|LLO|RLO|CHECH)\b"),
    "special": re.compile(r"\b(?:DECUB|DECUBITUS|LLD|RLD|LORDOTIC|APICAL|APICOGRAM|DINH PHOI UON)\b"),
}
_FRONTAL = {"PA", "AP"}


class Verdict(NamedTuple):
    """The probability of PA, None where nothing could tell, and why."""

    probability: float | None
    reason: str


def judge(attributes: Mapping[str, str]) -> Verdict:
    """The verdict on attributes (keyword to value; `ViewCode` is the meaning of ViewCodeSequence).

    >>> judge({"Modality": "DX", "BodyPartExamined": "CHEST", "ViewPosition": "PA"})
    Verdict(probability=0.99, reason='ViewPosition=PA')
    """
    modality = attributes.get("Modality", "").strip().upper()
    if modality not in RADIOGRAPHY and modality not in UNCLEAR:
        return Verdict(NEVER, "other_modality")
    where, body = _body(attributes)
    if body is False:
        return Verdict(NEVER, f"{where}=not_chest")
    told = _views(attributes)
    turned = _orientation(attributes.get("PatientOrientation", ""))
    views = set(told.values())
    if (turned == "lateral" and views & _FRONTAL) or (turned == "frontal" and "lateral" in views) or len(views) > 1:
        parts = [f"{name}={view}" for name, view in told.items()] + ([f"PatientOrientation={turned}"] if turned else [])
        return Verdict(None, "contradiction:" + ",".join(parts))
    if not views:
        if turned == "lateral":
            return Verdict(NOT, "PatientOrientation=lateral")
        return Verdict(None, "frontal_but_no_view" if turned == "frontal" else "no_view")
    name, view = next(iter(told.items()))
    reason = f"{name}={view}"
    if view != "PA":
        return Verdict(NOT, reason)
    if body is None:
        return Verdict(None, "contradiction:body" if where else "no_body_part")  # hands are taken PA, too
    if modality in UNCLEAR:
        return Verdict(None, "no_modality" if not modality else "unclear_modality")
    return Verdict(SURE if name in ("ViewPosition", "ViewCode") else TOLD, reason)


def _body(attributes: Mapping[str, str]) -> tuple[str, bool | None]:
    """(which attribute tells, whether it is the chest); None with a name: they contradict each other."""
    part = _plain(attributes.get("BodyPartExamined", ""))
    series = _plain(f"{attributes.get('SeriesDescription', '')} {attributes.get('ProtocolName', '')}")
    said = None if part in _BODY_UNCLEAR else bool(_CHEST.search(part))
    chest, elsewhere = bool(_CHEST.search(series)), bool(_ELSEWHERE.search(series))
    described = None if chest == elsewhere else chest
    if said is not None:
        return ("BodyPartExamined", said) if described in (None, said) else ("BodyPartExamined", None)
    if described is not None:
        return "SeriesDescription", described
    study = _plain(attributes.get("StudyDescription", ""))
    return ("StudyDescription", True) if _CHEST.search(study) and not _ELSEWHERE.search(study) else ("", None)


def _views(attributes: Mapping[str, str]) -> dict[str, str]:
    """Attribute to the one projection that it names; a text that names several tells nothing."""
    found = {}
    for name in ("ViewPosition", "ViewCode", "PatientPosition", "SeriesDescription", "ProtocolName"):
        value = _plain(attributes.get(name, ""))
        views = {view for view, pattern in _VIEWS.items() if pattern.search(value)}
        if "special" in views or "oblique" in views:
            views -= {"PA", "AP", "lateral"}  # "AP lordotic", "lateral decubitus"
        if len(views) == 1:
            found[name] = views.pop()
    return found


def _orientation(value: str) -> str | None:
    """frontal or lateral, by the direction of the rows: towards left or right, or front or back."""
    row = value.split("\\")[0].strip().upper()[:1]
    return "frontal" if row in ("L", "R") and row else "lateral" if row in ("A", "P") and row else None


def _plain(value: str) -> str:
    """Upper case without marks, words apart by single blanks."""
    bare = unicodedata.normalize("NFD", value.upper().replace("Đ", "D"))
    bare = "".join(c for c in bare if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^0-9A-Z]+", " ", bare).split())
