"""What one line contributes to a report, and the context it is read in."""

from __future__ import annotations

from labeler.pipe.interpolation import Said, Verdict


class Context:
    """What a line is read in: the section, the structure named by a heading line, and whether marks are missing.

    Contexts remember the lines met in them, so that a report is a walk from context to context.
    """

    __slots__ = ("section", "topic", "unmarked", "memo", "blind")

    def __init__(self, section: str, topic: str | None, unmarked: bool) -> None:
        self.section, self.topic, self.unmarked = section, topic, unmarked
        self.memo: dict[str, Entry] = {}
        self.blind: dict[str, Entry] = {}  # by the line without its digits, where they mean nothing


class Entry:
    """What a raw line contributes to labels, and the context it leaves to the next."""

    __slots__ = (
        "definite", "uncertain", "present", "absent", "findings", "denied", "reasons", "conclusion_normal", "ends_in_past",
        "tells", "key", "in_template", "bullet", "after", "loud",
    )  # fmt: skip
    after: Context

    def __init__(self) -> None:
        self.definite = self.uncertain = 0
        self.present: frozenset[Said] = frozenset()
        self.absent: frozenset[Said] = frozenset()
        self.findings: frozenset[str] = frozenset()
        self.denied: frozenset[str] = frozenset()
        self.reasons: frozenset[str] = frozenset()
        self.conclusion_normal = 0  # regions
        self.ends_in_past = self.tells = self.in_template = self.bullet = False
        self.loud = False  # says anything but that something is normal or absent
        self.key = ""

    def add(self, verdict: Verdict, words: str) -> None:
        """Take in one item of the line."""
        if self.key:
            self.definite |= verdict.definite
            self.uncertain |= verdict.uncertain
            self.present |= verdict.present
            self.absent |= verdict.absent
            self.findings |= verdict.findings
            self.denied |= verdict.denied
            self.reasons |= verdict.reasons
            self.conclusion_normal |= verdict.conclusion_normal
            self.ends_in_past = verdict.historical
            self.tells = self.tells or verdict.tells
            self.key = f"{self.key} {words}"
        else:
            (
                self.definite, self.uncertain, self.present, self.absent, self.findings, self.denied, self.reasons,
                self.conclusion_normal, self.ends_in_past, self.tells, _, _,
            ) = verdict  # fmt: skip
            self.key = words
        self.loud = bool(self.present or self.reasons or self.conclusion_normal or self.ends_in_past)
