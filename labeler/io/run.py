"""One run: a source in, a label table out, and beside it explanations, a review file and an account of the run.

Memory does not grow with the input: rows are read, labelled and written one after another (in chunks when worker
processes share the work), and of each id seen only a hash is kept.
"""

from __future__ import annotations

import contextlib
import copy
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from labeler import __version__
from labeler.io.corpus import accepted
from labeler.io.decisions import Decision, Decisions, review_columns, text_hash, with_given
from labeler.io.refusals import BadInput, Refused
from labeler.io.sources import Source
from labeler.io.writers import STDOUT, Outputs, dump, row
from labeler.labeler import Labeler
from labeler.report import REVIEW, REVIEWED, Because, LabeledReport, Report
from labeler.schemes import Scheme, Values, class_values

PERSON = "person"
CHUNK_ROWS = 500  # rows that a worker gets at once
CHUNK_CHARS = 2_000_000
WAITING = 4  # chunks under way per worker
LISTED = 10_000  # refused rows that the account names one by one; all are counted
EXPLAINED = 4096  # distinct explanations kept as text
KNOWN = 20_000  # distinct reports whose outcome is remembered
TAILS = 100_000  # distinct label rows kept as text
TABLE_ROWS = 50


@dataclass(frozen=True)
class Plan:
    """What a run is to do."""

    output: str
    rules: str | None = None
    scheme: str = "classes"
    uncertain: str | None = None
    explain: str | None = None
    review_out: str | None = None
    decisions: str | None = None
    jobs: int = 1
    options: dict[str, Any] = field(default_factory=dict)


class Outcome(NamedTuple):
    """A report's labels as they leave a worker: column values, the five classes, and on request the explanation."""

    values: Values
    labels: Values
    status: str
    method: str
    uncertain: tuple[str, ...]
    reasons: tuple[str, ...]
    explanation: str | None


@dataclass
class Account:
    """What became of the rows."""

    columns: tuple[str, ...]
    reports: int = 0
    refused: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    methods: Counter[str] = field(default_factory=Counter)
    uncertain: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    classes: dict[str, Counter[str]] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    listed: list[dict[str, Any]] = field(default_factory=list)
    first_rows: list[list[str]] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    not_applied: int = 0

    def refuse(self, what: Refused) -> None:
        """Count a refused row, and list it while the list is short."""
        self.refused += 1
        self.codes[what.code] += 1
        if len(self.listed) < LISTED:
            self.listed.append({"file": what.file, "line": what.line, "code": what.code, "reason": what.message})

    def count(self, outcome: Outcome, times: int) -> None:
        """Count reports with this outcome."""
        self.statuses[outcome.status] += times
        self.methods[outcome.method] += times
        for name in outcome.uncertain:
            self.uncertain[name] += times
        for reason in outcome.reasons:
            self.reasons[reason] += times
        for name, value in zip(self.columns, outcome.values, strict=True):
            self.classes.setdefault(name, Counter())[value or "blank"] += times

    def counts(self) -> dict[str, Any]:
        """All counts."""
        return {
            "reports": self.reports, "refused": self.refused, "status": _sorted(self.statuses),
            "method": _sorted(self.methods), "uncertain": _sorted(self.uncertain), "reasons": _sorted(self.reasons),
            "classes": {name: _sorted(self.classes.get(name, Counter())) for name in self.columns},
            "refused_by": _sorted(self.codes),
        }  # fmt: skip


def _sorted(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items()))


class Hand:
    """Labels texts and shapes the result for the table: in this process, or in each worker."""

    def __init__(self, labeler: Labeler, scheme: str, policy: str | None, explain: bool) -> None:
        self.labeler = labeler
        self.scheme = Scheme(labeler, scheme, policy)
        self._explain = explain
        self._explained: dict[str, str] = {}
        self._known: dict[str, Outcome] = {}  # without explanations

    def outcome(self, text: str) -> Outcome | str:
        """The outcome for a text, or the kind of error that the engine ran into."""
        known = self._known.get(text)
        if known is not None:
            return known
        outcome = self._outcome(text)
        if not self._explain and isinstance(outcome, Outcome):
            if len(self._known) >= KNOWN:
                self._known.clear()
            self._known[text] = outcome
        return outcome

    def _outcome(self, text: str) -> Outcome | str:
        try:
            report = self.labeler.label(text)
            explanation = self._explanation(report) if self._explain else None
            labels = tuple(map(str, report.labels.values()))
            return Outcome(
                self.scheme.values(report), labels, report.status, report.method, report.uncertain, report.reasons,
                explanation,
            )  # fmt: skip
        except Exception as error:  # one report must not cost the others; it is refused and counted, not guessed
            return type(error).__name__

    def _explanation(self, report: LabeledReport) -> str:
        found = self._explained.get(report.text)
        if found is None:
            if len(self._explained) >= EXPLAINED:
                self._explained.clear()
            found = self._explained[report.text] = dump(copy.copy(report).to_dict())
        return found


# workers: raw texts go in, outcomes come back

_hand: Hand | None = None


def _start_worker(rules: str | None, scheme: str, policy: str | None, explain: bool) -> None:
    global _hand
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    _hand = Hand(Labeler.from_rules(rules), scheme, policy, explain)


def _follow(parent: Any) -> None:
    parent.join()
    os._exit(1)  # the parent was killed: nobody waits for this work


def _work(texts: list[str]) -> list[Outcome | str]:
    assert _hand is not None
    return [_hand.outcome(text) for text in texts]


class Item(NamedTuple):
    """A report on its way, with the decision on it; `text` is what is labelled."""

    report: Report
    text: str
    decision: Decision | None


class Run:
    """A run in progress; `tell` gets a line for every refused row, `step` is called as rows pass."""

    def __init__(
        self, source: Source, plan: Plan, tell: Callable[[str], None], step: Callable[[], None], labeler: Labeler
    ) -> None:
        self.source, self.plan, self.tell, self.step = source, plan, tell, step
        self.hand = Hand(labeler, plan.scheme, plan.uncertain, plan.explain is not None)
        self.account = Account(self.hand.scheme.columns)
        self.decisions: Decisions | None = None
        self._tails: dict[Outcome, list[Any]] = {}

    def run(self) -> Account:
        """Do it all; nothing is left under a final name unless all of it is written.  Raises BadInput."""
        plan, labeler = self.plan, self.hand.labeler
        if plan.decisions is not None:
            self.decisions = Decisions.read(plan.decisions, labeler.classes)
        with Outputs() as outputs:
            explain = outputs.file(plan.explain) if plan.explain else None
            review = outputs.file(plan.review_out) if plan.review_out else None
            if review is not None:
                review.write(row(review_columns(labeler.classes)))
            table = outputs.file(plan.output)
            table.write(row(["report_id", *self.account.columns, "status", "method", "uncertain", "reasons"]))
            with contextlib.closing(self._labelled()) as labelled:  # closing ends the workers, whatever happens here
                for item, outcome in labelled:
                    self._write(item, outcome, table, explain, review)
            self._close_account()
            if plan.output != STDOUT:
                outputs.file(meta_path(plan.output)).write(dump(self.account.meta, indent=2) + "\n")
            else:
                table.flush()
            outputs.commit()
        return self.account

    def _items(self) -> Iterator[Item]:
        decisions = self.decisions
        for report in accepted(self.source, self._refuse, self.step):
            decision = decisions.take(report) if decisions is not None else None
            if isinstance(decision, Refused):
                decision = None
            corrected = decision.corrected if decision is not None else None
            yield Item(report, report.text if corrected is None else corrected, decision)

    def _labelled(self) -> Generator[tuple[Item, Outcome | str], None, None]:
        if self.plan.jobs == 1:
            outcome = self.hand.outcome
            for item in self._items():
                yield item, outcome(item.text)
            return
        yield from self._shared()

    def _shared(self) -> Generator[tuple[Item, Outcome | str], None, None]:
        """The same by worker processes, in the same order."""
        plan = self.plan
        pool = ProcessPoolExecutor(
            plan.jobs, get_context("spawn"), _start_worker,
            (plan.rules, plan.scheme, plan.uncertain, plan.explain is not None),
        )  # fmt: skip
        waiting: deque[tuple[list[Item], Future[list[Outcome | str]]]] = deque()
        try:
            for chunk in chunks(self._items()):
                waiting.append((chunk, pool.submit(_work, [item.text for item in chunk])))
                if len(waiting) >= WAITING * plan.jobs:
                    yield from _finished(waiting)
            while waiting:
                yield from _finished(waiting)
            pool.shutdown()
        except BrokenProcessPool:
            raise BadInput(
                "a worker process ended before its work was done (out of memory?); try fewer --jobs"
            ) from None
        except BaseException:
            for process in list((getattr(pool, "_processes", None) or {}).values()):
                process.kill()
            # the pool's thread notices and ends; at interpreter exit it would be woken over a pipe it is closing
            manager = getattr(pool, "_executor_manager_thread", None)
            if manager is not None:
                manager.join(timeout=5)
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _write(
        self, item: Item, outcome: Outcome | str, table: TextIO, explain: TextIO | None, review: TextIO | None
    ) -> None:
        report, decision = item.report, item.decision
        if isinstance(outcome, str):
            file, _, line = report.where.rpartition(":")
            message = f"the labeler failed on this text ({outcome}); please report it with the text made anonymous"
            self._refuse(Refused(file, int(line), "internal_error", message))
            return
        if decision is not None and decision.labels:
            outcome = self._decided(item, decision, outcome)
        key = outcome if outcome.explanation is None else outcome._replace(explanation=None)
        tail = self._tails.get(key)
        if tail is None:
            tail = self._tail(key)
        tail[1] += 1
        table.write(f"{row([report.report_id])[:-1]},{tail[0]}")
        account = self.account
        account.reports += 1
        if len(account.first_rows) < TABLE_ROWS:
            account.first_rows.append(
                [
                    report.report_id,
                    *outcome.values,
                    outcome.status,
                    ";".join(outcome.uncertain),
                    ";".join(outcome.reasons),
                ]
            )
        if explain is not None:
            explain.write(f'{{"report_id": {dump(report.report_id)}, {str(outcome.explanation)[1:]}\n')
        if review is not None and outcome.status == REVIEW:
            corrected = decision.corrected or "" if decision is not None else ""
            empty = [""] * len(outcome.labels)
            review.write(
                row([
                    report.report_id, text_hash(report.text), report.text, *outcome.labels, ";".join(outcome.uncertain),
                    ";".join(outcome.reasons), corrected, *empty,
                ])
            )  # fmt: skip

    def _tail(self, outcome: Outcome) -> list[Any]:
        if len(self._tails) >= TAILS:
            self._count()
        text = row(
            [*outcome.values, outcome.status, outcome.method, ";".join(outcome.uncertain), ";".join(outcome.reasons)]
        )
        found = self._tails[outcome] = [text, 0]
        return found

    def _count(self) -> None:
        for outcome, (_, times) in self._tails.items():
            self.account.count(outcome, times)
        self._tails.clear()

    def _decided(self, item: Item, decision: Decision, outcome: Outcome) -> Outcome:
        """The outcome with what a person said in place of what the labeler proposed."""
        classes = self.hand.labeler.classes
        report = self.hand.labeler.label(item.text)
        labels, uncertain = with_given(report, decision.labels)
        values = class_values(classes, labels, uncertain, self.hand.scheme.policy)
        explanation = None
        if outcome.explanation is not None:
            out = copy.copy(report).to_dict()
            out.update(labels=labels, status=REVIEWED, method=PERSON, uncertain=list(uncertain))
            for name in decision.labels:
                out["classes"][name] = Because(labels[name], PERSON).to_dict()
            out["classes"]["abnormal"]["value"] = labels["abnormal"]
            if "abnormal" not in decision.labels:
                out["classes"]["abnormal"] = Because(labels["abnormal"], "derived").to_dict()
            explanation = dump(out)
        plain = tuple(str(labels[name]) for name in classes)
        return Outcome(values, plain, REVIEWED, PERSON, uncertain, report.reasons, explanation)

    def _refuse(self, what: Refused) -> None:
        self.account.refuse(what)
        self.tell(str(what))

    def _close_account(self) -> None:
        self._count()
        account, plan, rules = self.account, self.plan, self.hand.labeler.rules
        account.meta = {
            "vnlabel": __version__,
            "rules": {"name": rules.info.name, "version": rules.info.version, "hash": rules.hash},
            "scheme": plan.scheme, "uncertain": self.hand.scheme.policy, "options": plan.options,
            "counts": account.counts(), "refused": account.listed,
        }  # fmt: skip
        if self.decisions is not None:
            self.decisions.left()
            problems = self.decisions.problems
            account.not_applied = len(problems)
            for problem in problems:
                self.tell(str(problem))
            account.meta["decisions"] = {
                "applied": self.decisions.applied,
                "not_applied": [
                    {"file": p.file, "line": p.line, "code": p.code, "reason": p.message} for p in problems
                ],
            }


def _finished(waiting: deque[tuple[list[Item], Future[list[Outcome | str]]]]) -> Iterator[tuple[Item, Outcome | str]]:
    chunk, future = waiting.popleft()
    yield from zip(chunk, future.result(), strict=True)


def chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Items in lists of bounded length and bounded text."""
    chunk: list[Item] = []
    chars = 0
    for item in items:
        chunk.append(item)
        chars += len(item.text)
        if len(chunk) >= CHUNK_ROWS or chars >= CHUNK_CHARS:
            yield chunk
            chunk, chars = [], 0
    if chunk:
        yield chunk


def meta_path(output: str) -> str:
    """Where the account of a run lies: labels.csv has labels.meta.json beside it."""
    return str(Path(output).with_suffix(".meta.json"))


def same_file(a: str, b: str) -> bool:
    """Whether two names are one file, there or not."""
    with contextlib.suppress(OSError):
        if Path(a).samefile(b):
            return True
    return os.path.realpath(a) == os.path.realpath(b)
