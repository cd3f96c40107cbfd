"""What may stand in the YAML files of a rule set.

Every model forbids unknown keys; `labeler.rules` turns a violation into file, line, column and the nearest key.
All scalars reach these models as strings (`no` stays a word, 18.0120 stays a code) and are converted here.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Pattern = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

ChexpertName = Literal[
    "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation", "Pneumonia",
    "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices",
]  # fmt: skip
VindrLocalName = Literal[
    "Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Clavicle fracture", "Consolidation", "Edema",
    "Emphysema", "Enlarged PA", "ILD", "Infiltration", "Lung Opacity", "Lung cavity", "Lung cyst", "Mediastinal shift",
    "Nodule/Mass", "Pleural effusion", "Pleural thickening", "Pneumothorax", "Pulmonary fibrosis", "Rib fracture",
    "Other lesion",
]  # fmt: skip
VindrGlobalName = Literal["COPD", "Lung tumor", "Pneumonia", "Tuberculosis", "Other diseases"]
VindrName = Literal[VindrLocalName, VindrGlobalName]

CHEXPERT = ("No Finding", *get_args(ChexpertName))
VINDR_LOCAL = get_args(VindrLocalName)
VINDR_GLOBAL = (*get_args(VindrGlobalName), "No finding")


class Strict(BaseModel):
    """Base of all entries: unknown keys are errors, values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(Strict):
    """Anything with an id, which a set that extends this one can override or disable."""

    id: Id


class RuleSetInfo(Strict):
    """ruleset.yaml: what this set is, and what it builds on."""

    name: str
    version: str
    language: str = "vi"
    description: str = ""
    extends: str | None = None
    disable: tuple[str, ...] = ()


class Region(Entry):
    """A region of the report and the output class that its findings set (`other` sets abnormal alone)."""

    name: str
    anatomy: Id | None = None


class Heading(Entry):
    """A heading and what the text below it is about."""

    section: Literal["description", "conclusion", "indication", "technique", "comparison", "advice", "identity"]
    phrases: tuple[Pattern, ...]


class Anatomy(Entry):
    """A structure of which signs are said; a sign for the parent holds for its children too."""

    region: Id
    parent: Id | None = None
    location: str | None = None
    clears: tuple[Id, ...] = ()
    phrases: tuple[Pattern, ...] = ()


class Measure(Strict):
    """A number after a phrase: `above` it the finding is present, at or below it is normal."""

    phrases: tuple[Pattern, ...]
    above: float


class Finding(Entry):
    """One finding: what it is, how it is written, and sentences that must and must not show it."""

    name: str
    region: Id
    chexpert: ChexpertName | None = None
    vindr: tuple[VindrName, ...] | VindrName = ()
    phrases: tuple[Pattern, ...] = ()
    measure: Measure | None = None
    generic: bool = False
    examples: tuple[str, ...] = ()
    not_examples: tuple[str, ...] = Field(default=(), alias="not")


class Normal(Entry):
    """A normal statement: a descriptor said of a structure, or a whole statement of its own.

    `covers` names the regions that a whole statement calls normal; all of them when it speaks of the entire film.
    """

    phrases: tuple[Pattern, ...]
    covers: tuple[Id, ...] = ()
    whole_film: bool = False
    examples: tuple[str, ...] = ()


class Template(Entry):
    """A whole description that means no finding."""

    text: str


class Cue(Entry):
    """Words that decide what is asserted about the findings near them.

    scope: `list` runs forward over a list of findings, `next` over the next predicate, `before` back over what was
    just said, `clause` to the next comma or colon, `bracket` to the end of a bracket opened right after, `sentence`
    to the end of the sentence.
    """

    assertion: Literal[
        "absent", "uncertain", "historical", "excluded", "present", "contrast", "not_assessable", "clinical"
    ]
    scope: Literal["list", "next", "before", "clause", "bracket", "sentence", "none"] = "none"
    phrases: tuple[Pattern, ...]
    examples: tuple[str, ...] = ()


class WordList(Entry):
    """Words that carry no finding of their own, by what they do in a sentence."""

    role: Literal[
        "neutral", "locative", "conjunction", "disjunction", "left", "right", "both", "amount", "link", "modifier", "more",
        "less",
    ] = "neutral"  # fmt: skip
    phrases: tuple[Pattern, ...]


class Abbreviation(Entry):
    """A short form and what it stands for, most usual reading first."""

    short: tuple[str, ...]
    means: tuple[str, ...]


class Confusable(Entry):
    """Words that spelling repair must never turn into one another."""

    words: tuple[str, ...]


class Service(Entry):
    """A report service code of the hospital: an exact code or a prefix ending in `.*`."""

    code: str
    view: Literal["frontal", "lateral", "other"]
    name: str = ""


class Document(Strict):
    """One YAML file: any of these lists; by convention one kind a file."""

    regions: tuple[Region, ...] = ()
    headings: tuple[Heading, ...] = ()
    anatomy: tuple[Anatomy, ...] = ()
    findings: tuple[Finding, ...] = ()
    normal: tuple[Normal, ...] = ()
    templates: tuple[Template, ...] = ()
    cues: tuple[Cue, ...] = ()
    words: tuple[WordList, ...] = ()
    abbreviations: tuple[Abbreviation, ...] = ()
    confusable: tuple[Confusable, ...] = ()
    services: tuple[Service, ...] = ()


KINDS = tuple(Document.model_fields)
