"""vnlabel dataset"""

from __future__ import annotations

import click

from labeler.cli.base import CONTEXT, Group
from labeler.cli.dataset_export import export, split
from labeler.cli.dataset_films import collect, images, views
from labeler.cli.dataset_overview import list_, status
from labeler.cli.dataset_reports import labels, match, reports
from labeler.cli.dataset_review import quality, review

STAGES = {  # in the order of their use
    "reports": "HIS exports: sessions and frontal chest reports.",
    "collect": "DICOM objects into the workspace, each once.",
    "views": "Which films are PA chest films.",
    "match": "The report that belongs to each PA film.",
    "images": "JPG images of the PA films.",
    "labels": "Labels of the matched reports.",
    "review": "What needs a person, out and back.",
    "quality": "Random samples to check, round by round.",
    "split": "Train, valid and test, by patient.",
    "export": "The data set: a CSV and its images.",
    "status": "What has come through each stage, with reasons.",
    "list": "Records with their true identifiers.",
}


class Stages(Group):
    """The stages in the order of their use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in that order, others after them."""
        return [*(name for name in STAGES if name in self.commands), *sorted(set(self.commands) - set(STAGES))]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each with what it is about."""
        with formatter.section("Stages"):
            names = self.list_commands(ctx)
            formatter.write_dl([(name, STAGES.get(name) or self.commands[name].get_short_help_str()) for name in names])


@click.group(cls=Stages, context_settings=CONTEXT)
def dataset() -> None:
    """From hospital records to a data set, stage by stage, over one workspace folder.

    The first stage makes the workspace. Every stage can be run again: it does what is left and keeps what is done.
    True identifiers and texts stay in the workspace; what leaves it carries keyed hashes.

    \b
    Example:
      vnlabel dataset reports work his_export/
      vnlabel dataset collect work films/
      vnlabel dataset views work
      vnlabel dataset images work --size 1024
      vnlabel dataset match work
      vnlabel dataset labels work
      vnlabel dataset review work --out sheets
      vnlabel dataset review work --in sheets/review.csv
      vnlabel dataset split work
      vnlabel dataset export work --out data
      vnlabel dataset status work
    """


for stage in (reports, collect, views, match, images, labels, review, quality, split, export, status, list_):
    dataset.add_command(stage)
