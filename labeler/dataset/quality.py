"""Stage `quality`: rounds of random samples until one has no error, and the error rate that they leave room for."""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import ceil, lgamma, log

from sqlalchemy import Connection, func, insert, select, text

from labeler.dataset.workspace import Workspace, get, put, rounds, samples
from labeler.io.refusals import BadInput

CONFIDENCE = 0.95

OPEN, CLEAN, ERRORS = "open", "clean", "errors"

# the last verdict on each sample; one whose film or report has meanwhile gone another way counts as it was given
_STATES = """
    WITH last AS (
      SELECT i.round, i.sop_uid, i.report, d.verdict, row_number() OVER (
        PARTITION BY i.round, i.sop_uid, i.report ORDER BY d.id DESC) AS back
      FROM items i JOIN decisions d ON d.item = i.key WHERE i.kind = 'quality')
    SELECT r.round, r.seed, r.population, count(*), count(l.verdict),
      count(*) FILTER (WHERE l.verdict <> 'ok')
    FROM rounds r JOIN samples s ON s.round = r.round
      LEFT JOIN last l ON l.round = s.round AND l.sop_uid = s.sop_uid AND l.report = s.report AND l.back = 1
    GROUP BY r.round ORDER BY r.round"""


@dataclass(frozen=True)
class Round:
    """A round of samples: how many pairs it was drawn from, its size, verdicts so far, errors among them."""

    round: int
    seed: int
    population: int
    size: int
    decided: int
    errors: int

    @property
    def state(self) -> str:
        """open while verdicts are missing, then clean or errors."""
        if self.decided < self.size:
            return OPEN
        return ERRORS if self.errors else CLEAN

    def facts(self) -> dict[str, int | str]:
        """What is told of it."""
        return {
            "round": self.round, "size": self.size, "population": self.population, "decided": self.decided,
            "errors": self.errors, "state": self.state,
        }  # fmt: skip


def all_rounds(db: Connection) -> list[Round]:
    """Rounds so far, in order."""
    return [Round(*row) for row in db.execute(text(_STATES))]


def draw(workspace: Workspace, share: float, seed: int | None) -> tuple[list[Round], bool]:
    """(rounds so far, whether a new one was drawn).

    A new round is drawn when the last one is complete and had errors, from the pairs that none has drawn before.
    Raises BadInput when there is nothing to draw from, or another seed is asked for than the rounds so far have.
    """
    with workspace.engine.begin() as db:
        done = all_rounds(db)
        kept = get(db, "quality_seed")
        if kept is not None and seed is not None and seed != kept:
            raise BadInput(f"{workspace.path}: the rounds so far were drawn with --seed {kept}; go on with it")
        if done and done[-1].state != ERRORS:
            return done, False
        population = [
            tuple(row)
            for row in db.execute(
                text("""SELECT p.sop_uid, p.report FROM pairs p JOIN labels l ON l.report = p.report
                        WHERE p.status = 'matched' AND l.status <> 'review' AND NOT EXISTS (
                          SELECT 1 FROM samples s WHERE s.sop_uid = p.sop_uid) ORDER BY p.sop_uid""")
            )
        ]
        if not population:
            if done:
                return done, False  # every pair has been looked at
            raise BadInput(f"{workspace.path}: no labelled pairs yet; run match and labels first")
        total = len(population) + (db.execute(select(func.count()).select_from(samples)).scalar() or 0)
        seed = kept if kept is not None else (seed or 0)
        number = len(done) + 1
        size = min(len(population), ceil(share * total))
        chosen = random.Random(f"{seed} {number}").sample(population, size)
        put(db, "quality_seed", seed)
        db.execute(insert(rounds).values(round=number, seed=seed, population=len(population)))
        db.execute(insert(samples), [{"sop_uid": film, "report": report, "round": number} for film, report in chosen])
        return all_rounds(db), True


def upper_bound(done: list[Round]) -> float | None:
    """The largest share of errors among the pairs of the last round's population that its lack of errors leaves room
    for, with 95 % confidence; None while no round is clean.

    Exact for sampling without replacement.  Stopping at the first clean round gives every round a chance to be clean
    by luck: round k may use 1 / (k (k + 1)) of the 5 %, which adds up to 5 % over however many rounds there are.
    """
    if not done or done[-1].state != CLEAN:
        return None
    last = done[-1]
    allowed = (1 - CONFIDENCE) / (last.round * (last.round + 1))
    low, high = 0, last.population - last.size  # the most errors that a clean sample can miss
    while low < high:
        middle = (low + high + 1) // 2
        if _log_clean(last.population, middle, last.size) >= log(allowed):
            low = middle
        else:
            high = middle - 1
    return low / last.population


def _log_clean(population: int, errors: int, size: int) -> float:
    """Log of the chance that a sample of this size holds none of the errors."""

    def log_choose(n: int, k: int) -> float:
        return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)

    return log_choose(population - errors, size) - log_choose(population, size)
