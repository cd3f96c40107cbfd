"""What may stand in the YAML files of a rule set.

Every model forbids unknown keys; `labeler.rules` turns a violation into file, line, column and the nearest key.
All scalars reach these models as strings (`no` stays a word, 18.0120 stays a code) and are converted here.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints

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

    id: Id = Field(description="Name of the entry, unique in its list: lower-case letters, digits and _.")


class RuleSetInfo(Strict):
    """ruleset.yaml: what this set is, and what it builds on."""

    name: str = Field(description="Short name of the set, shown by explain as the layer that spoke.")
    version: str = Field(description="Version of the set, kept with every table of labels.")
    language: str = Field(
        "vi", description="Language of the reports (ISO 639-1); if left out, that of the set it extends."
    )
    description: str = Field("", description="What the set is for, in a line.")
    extends: str | None = Field(None, description="builtin, or the folder of the set it adds to, seen from this one.")
    disable: tuple[str, ...] = Field((), description="Ids of entries of the extended set that are left out.")


class Region(Entry):
    """A region of the report and the output class that its findings set (`other` sets abnormal alone)."""

    name: str = Field(description="The region as people call it.")


class Heading(Entry):
    """A heading and what the text below it is about."""

    section: Literal["description", "conclusion", "indication", "technique", "comparison", "advice", "identity", "reader"] = Field(
        description="What the text is about. All but description and conclusion set nothing; reader is told by its text."
    )
    phrases: tuple[Pattern, ...] = Field(description="How the heading is written, as patterns.")


class Anatomy(Entry):
    """A structure of which signs are said; a sign for the parent holds for its children too."""

    region: Id = Field(description="Region that the structure lies in.")
    parent: Id | None = Field(None, description="Structure whose signs hold for this one too.")
    location: str | None = Field(None, description="text: a mention's location is the phrase as written; empty: none.")
    clears: tuple[Id, ...] = Field((), description="Findings that a normal statement on it denies (CheXpert: 0, not blank).")
    phrases: tuple[Pattern, ...] = Field((), description="Names of the structure, as patterns.")


class Measure(Strict):
    """A number after a phrase: `above` it the finding is present, at or below it is normal."""

    phrases: tuple[Pattern, ...] = Field(description="What is measured, as patterns; the number follows.")
    above: FiniteFloat = Field(description="Threshold; a percentage in the text is divided by 100.")


class Finding(Entry):
    """One finding: what it is, how it is written, and sentences that must and must not show it."""

    name: str = Field(description="English name.")
    region: Id = Field(description="The class it sets, wherever in the report it stands.")
    chexpert: ChexpertName | None = Field(None, description="Its column in CheXpert's scheme.")
    vindr: tuple[VindrName, ...] | VindrName = Field((), description="Its column or columns in VinDr-CXR's scheme.")
    phrases: tuple[Pattern, ...] = Field((), description="How it is written, as patterns; best as `structure ~ sign`.")
    measure: Measure | None = Field(None, description="A number that shows it when above a threshold.")
    generic: bool = Field(False, description="Says only that something is wrong; yields to a finding named after it.")
    examples: tuple[str, ...] = Field((), description="Sentences that must give it and be understood to the last word.")
    not_examples: tuple[str, ...] = Field((), alias="not", description="Sentences that must not give it.")


class Normal(Entry):
    """A normal statement: a descriptor said of a structure, or a whole statement of its own.

    `covers` names the regions that a whole statement calls normal; all of them when it speaks of the entire film.
    """

    phrases: tuple[Pattern, ...] = Field(description="How it is written, as patterns.")
    covers: tuple[Id, ...] = Field((), description="Regions it calls normal where no structure is named.")
    whole_film: bool = Field(False, description="Speaks of the whole film: beside a finding the report goes to review.")
    generic: bool = Field(False, description="Says only that something is normal: of a finding it is for a person.")
    examples: tuple[str, ...] = Field((), description="Sentences that must be understood and set nothing.")


class Template(Entry):
    """A whole description that means no finding."""

    text: str = Field(description="The description; case, marks of punctuation and numbering do not count.")


class Cue(Entry):
    """Words that decide what is asserted about the findings near them.

    scope: `list` runs forward over a list of findings, `next` over the next predicate, `before` back over what was
    just said, `around` back, or forward where nothing was said, `clause` to the next comma or colon, `bracket` to the
    end of a bracket opened right after, `sentence` to the end of the sentence.  Of `earlier`: `sentence` for words of an
    older film, `clause` for words of time, which count only where the sentence goes on to speak of now, `next` for those
    that must stand between a structure and what is said of it besides, `before` for what was just said alone.
    """

    assertion: Literal[
        "absent", "uncertain", "historical", "earlier", "excluded", "present", "contrast", "not_assessable", "clinical"
    ] = Field(description="What the words say of a finding.")
    scope: Literal["list", "next", "before", "around", "clause", "bracket", "sentence", "none"] = Field(
        "none", description="How far they reach."
    )
    phrases: tuple[Pattern, ...] = Field(description="The words, as patterns.")
    examples: tuple[str, ...] = Field((), description="Sentences in which some finding must be asserted so.")


class WordList(Entry):
    """Words that carry no finding of their own, by what they do in a sentence."""

    role: Literal[
        "neutral", "locative", "above", "below", "conjunction", "disjunction", "left", "right", "both", "amount", "link",
        "modifier", "course", "more", "less", "degree", "cause", "overlay",
    ] = Field("neutral", description="What they do in a sentence.")  # fmt: skip
    phrases: tuple[Pattern, ...] = Field(description="The words, as patterns.")


class Abbreviation(Entry):
    """A short form and what it stands for, most usual reading first."""

    short: tuple[str, ...] = Field(description="How it is written.")
    means: tuple[str, ...] = Field(description="What it stands for, most usual first; the phrase around it decides.")


class Confusable(Entry):
    """Words that spelling repair must never turn into one another."""

    words: tuple[str, ...] = Field(description="Two or more single words.")


class Service(Entry):
    """A report service code of the hospital: an exact code or a prefix ending in `.*`."""

    code: str = Field(description="An exact code, or a prefix ending in .*")
    view: Literal["frontal", "lateral", "other"] = Field(description="The view that is taken under this code.")
    name: str = Field("", description="The service as the price list calls it.")


class Document(Strict):
    """One YAML file: any of these lists; by convention one kind a file."""

    regions: tuple[Region, ...] = Field((), description="Output classes.")
    headings: tuple[Heading, ...] = Field((), description="Headings and what the text under them is about.")
    anatomy: tuple[Anatomy, ...] = Field((), description="Structures of which signs are said.")
    findings: tuple[Finding, ...] = Field((), description="Findings, one entry each.")
    normal: tuple[Normal, ...] = Field((), description="Normal statements.")
    templates: tuple[Template, ...] = Field((), description="Whole descriptions that mean no finding.")
    cues: tuple[Cue, ...] = Field((), description="Words that deny, doubt, date or set aside a finding.")
    words: tuple[WordList, ...] = Field((), description="Sides, amounts, joints, and words that mean nothing for a label.")
    abbreviations: tuple[Abbreviation, ...] = Field((), description="Short forms and second spellings.")
    confusable: tuple[Confusable, ...] = Field((), description="Words never taken for one another.")
    services: tuple[Service, ...] = Field((), description="Service codes of chest films.")


KINDS = tuple(Document.model_fields)
