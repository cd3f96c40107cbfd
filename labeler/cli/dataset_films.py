"""vnlabel dataset collect, views, images"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from labeler.cli.base import Failure
from labeler.cli.dataset_base import (
    answer,
    for_its_owner_alone,
    json_option,
    listing,
    opened,
    reasons_of,
    stepper,
    user,
    workspace_argument,
)
from labeler.cli.progress import Meter, Progress

if TYPE_CHECKING:
    from labeler.dataset.archive import Archive
    from labeler.dataset.collect import Account
    from labeler.dataset.pace import Pace
    from labeler.dataset.workspace import Workspace

RADIOGRAPHS = ("CR", "DX")
SMALLEST = 16  # pixels of an image
DAY = click.DateTime(["%Y-%m-%d"])
FILE = click.Path(exists=True, dir_okay=False)

refused_option = click.option("--allow-refused", is_flag=True, help="End with 0 although files were refused.")


@click.command()
@workspace_argument
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--from", "first", type=DAY, metavar="DAY", help="Studies from this day on: 2020-11-05.")
@click.option("--to", "last", type=DAY, metavar="DAY", help="And up to this day. [of a PACS: the first day alone]")
@click.option(
    "--modality", "modalities", multiple=True, metavar="CODE",
    help="Only this; may be given several times. [default: all of folders, CR and DX of a PACS]",
)  # fmt: skip
@click.option("--in-place", is_flag=True, help="Leave the files of folders where they are instead of copying them.")
@click.option("--calling", default="VNLABEL", show_default=True, metavar="AE", help="This side's AE title at a DICOM node.")
@click.option("--listen", metavar="HOST:PORT", help="Fetch by C-MOVE, sent to this address, instead of by C-GET.")
@click.option("--ca", type=FILE, metavar="FILE.pem", help="Certificates to trust instead of the usual ones.")
@click.option("--certificate", type=FILE, metavar="FILE.pem", help="This side's own certificate and key.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), metavar="N", help="At most so many requests a minute.")
@click.option("--hours", metavar="FROM-TO", help="Ask only then, such as 19:00-06:00; wait at other times.")
@refused_option
@json_option
def collect(
    workspace: str, sources: tuple[str, ...], first: datetime | None, last: datetime | None, modalities: tuple[str, ...],
    in_place: bool, calling: str, listen: str | None, ca: str | None, certificate: str | None, rate: float | None,
    hours: str | None, allow_refused: bool, as_json: bool,
) -> int:  # fmt: skip
    """Take DICOM objects into the workspace, each once, from folders or from a PACS.

    SOURCE is a folder or file, a DICOMweb address (https://pacs/dicom-web), or a DICOM node (dicom://AE@host:104, by
    TLS dicoms://). A PACS is asked day by day; what came is held against what it promised. Run again, it goes on where
    it was. Credentials come from the environment: VNLABEL_PACS_USER and VNLABEL_PACS_PASSWORD, or VNLABEL_PACS_TOKEN.

    An object with the UID of another and other bytes is set aside and reported, as are the same pixels under another
    UID; what is no usable DICOM file is refused and named.

    \b
    Examples:
      vnlabel dataset collect work films/
      vnlabel dataset collect work https://pacs/dicom-web --from 2020-11-01 --to 2020-11-30 --hours 19:00-06:00
      vnlabel dataset collect work dicom://PACS@10.0.0.5:104 --from 2020-11-05 --calling VNLABEL --listen 10.0.0.9:11112
    """
    from labeler.dataset.collect import Account

    days = (None if first is None else first.date(), None if last is None else last.date())
    with opened(workspace, create=True) as ws:
        way = _Way(days, tuple(code.upper() for code in modalities), calling, _host_port(listen), ca, certificate)
        total = Account()
        for source in sources:
            remote = "://" in source
            account = _from_archive(ws, source, way, rate, hours) if remote else _from_folder(ws, source, way, in_place)
            for mine, theirs in zip(total.counters(), account.counters(), strict=True):
                mine.update(theirs)
            total.short += account.short
    counts = {name: total.counts[name] for name in ("taken", "known", "not_wanted", "other_files", "directories", "failed")}
    if any("://" in source for source in sources):
        counts["expected"] = total.counts["expected"]
    answer(
        as_json,
        {
            **counts, "refused": dict(sorted(total.refused.items())), "reported": dict(sorted(total.reported.items())),
            "short_days": total.short,
        },
        [
            f"images  {counts['taken']} taken, {counts['known']} known already, {sum(total.refused.values())} refused"
            + (f"; {counts['other_files']} other files" if counts["other_files"] else "")
            + (f"; {counts['expected']} expected, {counts['failed']} did not come" if "expected" in counts else ""),
            *reasons_of("refused", total.refused), *reasons_of("reported", total.reported),
        ],
    )  # fmt: skip
    return 2 if (total.refused or total.short) and not allow_refused else 0


class _Way(NamedTuple):
    """How to collect: days, modalities, and who asks a node."""

    days: tuple[date | None, date | None]
    modalities: tuple[str, ...]
    calling: str
    listen: tuple[str, int] | None
    ca: str | None
    certificate: str | None


def _from_folder(ws: Workspace, source: str, way: _Way, in_place: bool) -> Account:
    from labeler.dataset.collect import FOLDER, Store, Wanted, collect_files
    from labeler.dataset.dicom import needs

    needs("pacs", "pydicom")
    first, last = ("" if day is None else day.strftime("%Y%m%d") for day in way.days)
    meter = Meter()
    with (
        Progress(meter, "collecting") as progress,
        Store(ws, FOLDER, Wanted(first, last, way.modalities), progress.say) as store,
    ):
        collect_files(store, source, in_place, stepper(meter, progress))
    return store.account


def _from_archive(ws: Workspace, source: str, way: _Way, rate: float | None, hours: str | None) -> Account:
    from labeler.dataset.archive import collect_archive
    from labeler.dataset.collect import Store, Wanted
    from labeler.dataset.pace import Hours, Pace

    first, last = way.days[0], way.days[1] or way.days[0]
    if first is None or last is None or last < first:
        raise Failure("collect: a PACS is asked by day: --from 2020-11-01, and --to a day not before it")
    within = Hours(hours) if hours is not None else None
    meter = Meter((last - first).days + 1)
    with (
        Progress(meter, "days") as progress,
        contextlib.closing(_archive(source, way, Pace(rate, within, progress.say))) as archive,
        Store(ws, archive.origin, Wanted(), progress.say) as store,
    ):
        collect_archive(store, archive, first, last, way.modalities or RADIOGRAPHS, stepper(meter, progress))
    return store.account


def _archive(source: str, way: _Way, pace: Pace) -> Archive:
    from labeler.dataset.dicomweb import DicomWeb
    from labeler.dataset.node import Node

    user, password, token = (os.environ.get(f"VNLABEL_PACS_{name}") for name in ("USER", "PASSWORD", "TOKEN"))
    if source.startswith(("http://", "https://")):
        return DicomWeb(
            source, pace=pace, user=user, password=password, token=token, ca=way.ca, certificate=way.certificate
        )
    return Node(
        source, calling=way.calling, pace=pace, move_to=way.listen, user=user, password=password, ca=way.ca,
        certificate=way.certificate,
    )  # fmt: skip


def _host_port(listen: str | None) -> tuple[str, int] | None:
    if listen is None:
        return None
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise Failure(f"--listen {listen}: an address and a port are needed, such as 10.0.0.9:11112")
    return host.strip("[]"), int(port)


@click.command()
@workspace_argument
@click.option("--model", metavar="FILE.onnx", help="Ask this classifier; `shipped` is the one that comes along.")
@click.option("--service", metavar="URL", help="Ask a service: POST of the DICOM file.")
@click.option("--threshold", type=click.FloatRange(0, 1), metavar="P", help="PA is above it. [default: 0.5]")
@click.option("--only-unknown", is_flag=True, help="Ask only about films without an answer.")
@json_option
def views(
    workspace: str, model: str | None, service: str | None, threshold: float | None, only_unknown: bool, as_json: bool
) -> int:
    """Tell PA chest films from all others.

    By default the DICOM attributes tell; where they contradict each other or say nothing there is no answer, and a
    classifier or service can be asked about those films. The threshold is remembered.

    \b
    Examples:
      vnlabel dataset views work
      vnlabel dataset views work --model shipped --only-unknown
      vnlabel dataset list work views
    """
    from labeler.dataset.dicom import needs
    from labeler.dataset.views import SHIPPED, Attributes, Model, Provider, Service, view_all

    if model is not None and service is not None:
        raise click.UsageError("--model or --service, not both", click.get_current_context())
    with opened(workspace) as ws:
        needs("pacs", "pydicom")
        provider: Provider = Attributes()
        if model is not None:
            provider = Model(SHIPPED if model == "shipped" else Path(model))
        elif service is not None:
            provider = Service(service)
        meter = Meter()
        with Progress(meter, "judging") as progress:
            account = view_all(ws, provider, threshold, only_unknown=only_unknown, step=stepper(meter, progress))
    films = {name: account.films[name] for name in ("pa", "not_pa", "unknown")}
    answer(
        as_json,
        {"asked": account.asked, "kept": account.kept, **films, "unknown_by": dict(sorted(account.unknown.items()))},
        [
            f"films  {films['pa']} PA, {films['not_pa']} not PA, {films['unknown']} unknown; {account.asked} judged now",
            *reasons_of("unknown", account.unknown),
        ],
    )  # fmt: skip
    return 0


@click.command()
@workspace_argument
@click.option(
    "--size", type=click.IntRange(0, 16_384), metavar="N", help="Longer side at most so many pixels, 0: as it is. [default: 0]"
)
@click.option("--quality", type=click.IntRange(1, 100), metavar="Q", help="Of the JPG. [default: 95]")
@click.option("--all", "every_view", is_flag=True, help="Also films that are not PA.")
@click.option("--held", metavar="DIR", help="Write the held films and held.csv, to look at and mark.")
@click.option("--release", "back", metavar="FILE.csv", help="Let pass what is marked in a held.csv.")
@click.option("--who", metavar="NAME", help="Who let them pass. [default: your user name]")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes. [default: all cores]")
@refused_option
@json_option
def images(
    workspace: str, size: int | None, quality: int | None, every_view: bool, held: str | None, back: str | None,
    who: str | None, jobs: int | None, allow_refused: bool, as_json: bool,
) -> int:  # fmt: skip
    """Make JPG images of the PA films, as radiologists see them.

    Modality LUT, then VOI LUT or window, inverted where the film is MONOCHROME1. Films with names burned in,
    secondary captures and raw detector images are held back: --held DIR shows them to a person, --release takes back
    which may pass. Names and metadata of the images say nothing of the patient. Size and quality are remembered from
    run to run.

    \b
    Examples:
      vnlabel dataset images work --size 1024
      vnlabel dataset images work --held held && vnlabel dataset images work --release held/held.csv
      vnlabel dataset list work images
    """
    from labeler.dataset.dicom import needs

    if size and size < SMALLEST:
        raise click.UsageError(f"--size: {SMALLEST} pixels or more, or 0: as it is", click.get_current_context())
    with opened(workspace) as ws:
        needs("dicom", "pydicom", "numpy", "PIL")
        from labeler.dataset.images import make_images, options_in_use, release, write_held

        if held is not None:
            try:
                with for_its_owner_alone():
                    number = write_held(ws, Path(held), lambda more: None)
            except OSError as error:
                raise Failure(f"{error.filename or held}: {error.strerror or error}") from None
            answer(as_json, {"held": number, "out": held}, [f"{number} held films in {held}"])
            return 0
        released: Counter[str] = release(ws, back, who or user("let them pass")) if back is not None else Counter()
        options, meter = options_in_use(ws, size, quality), Meter()
        with Progress(meter, "rendering") as progress:
            account = make_images(
                ws, options, every_view=every_view, jobs=jobs, tell=progress.say, step=stepper(meter, progress)
            )
    found: dict[str, Any] = {
        "made": account.counts["made"], "kept": account.counts["kept"], "held": dict(sorted(account.held.items())),
        "refused": dict(sorted(account.refused.items())), "released": dict(sorted(released.items())),
    }  # fmt: skip
    answer(
        as_json,
        found,
        [
            f"images  {found['made']} made, {found['kept']} kept from before, {sum(account.held.values())} held for a person, "
            f"{sum(account.refused.values())} refused",
            *([f"  released: {listing(released)}"] if released else []),
            *reasons_of("held", account.held), *reasons_of("refused", account.refused),
        ],
    )  # fmt: skip
    return 2 if account.refused and not allow_refused else 0
