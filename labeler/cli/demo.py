"""vnlabel demo"""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from labeler.cli.base import CONTEXT, Failure, load_labeler, rules_option, say
from labeler.cli.dataset_base import answer, json_option

MARK = ".vnlabel-demo"  # a folder with it was made here and may be made anew


@click.command(context_settings=CONTEXT)
@click.argument("folder", metavar="DIR")
@click.option("--patients", type=click.IntRange(10, 100_000), default=100, show_default=True, metavar="N", help="How many.")
@click.option("--seed", type=int, default=1, show_default=True, metavar="N", help="Another seed, another hospital.")
@click.option(
    "--faults", type=click.FloatRange(0, 1), default=0.3, show_default=True, metavar="SHARE",
    help="Share of visits in which something goes wrong.",
)  # fmt: skip
@rules_option
@json_option
def demo(folder: str, patients: int, seed: int, faults: float, rules: str | None, as_json: bool) -> int:
    """Run a small simulated hospital through every stage, and hold the result against the truth.

    DIR gets his/ and pacs/ (what a hospital gives), truth/ (what is true of it), work/ (the workspace), review/ (the
    sheets for a person), data/ (the data set) and report.html, a page to read. Ends with 1 when a view or a match is
    not what it should be.

    \b
    Examples:
      vnlabel demo demo
      vnlabel demo big --patients 1000 --seed 7
    """
    from labeler.dataset.dicom import needs
    from labeler.io.refusals import BadInput

    target = Path(folder)
    try:
        needs("dicom", "pydicom", "numpy", "PIL")
        if target.exists() and not (target / MARK).exists() and (not target.is_dir() or any(target.iterdir())):
            raise Failure(f"{folder}: holds other files; the demo is made in a new or empty folder")
        labeler = load_labeler(rules)
        if target.exists():
            shutil.rmtree(target)
        target.mkdir(parents=True)
        (target / MARK).touch()
        from labeler.demo.hospital import build
        from labeler.demo.page import write_page
        from labeler.demo.run import PAGE, run, summary

        hospital = build(patients, seed, faults)
        outcome = run(hospital, target, labeler, lambda line: None if as_json else say(line))
        write_page(hospital, outcome, labeler, target, target / PAGE, seed)
    except BadInput as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"{error.filename or folder}: {error.strerror or error}") from None
    found = summary(hospital, outcome, target)
    labels = outcome.labels
    answer(
        as_json,
        found,
        [
            f"films    {found['films']} of {found['visits']} visits; {found['images']} in the data set",
            *(f"{name:<8} {found[name]['right']} of {found[name]['total']} as they should be" for name in ("views", "refused", "matches")),
            f"labels   {labels['auto and right']} right, {labels['auto and wrong']} wrong, {labels['review']} to a person",
            f"open     {target / PAGE}",
        ],
    )  # fmt: skip
    return 1 if outcome.views.wrong or outcome.refused.wrong or outcome.matches.wrong else 0
