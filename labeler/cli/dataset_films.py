"""vnlabel dataset collect, views, images"""

from __future__ import annotations

import getpass
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from labeler.cli.base import Failure
from labeler.cli.dataset_base import answer, json_option, listing, opened, reasons_of, stepper, workspace_argument
from labeler.cli.progress import Meter, Progress

refused_option = click.option("--allow-refused", is_flag=True, help="End with 0 although files were refused.")


@click.command()
@workspace_argument
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Studies from this day on: 2020-11-05.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="And up to this day.")
@click.option("--modality", "modalities", multiple=True, metavar="CODE", help="Only this; may be given several times.")
@click.option("--in-place", is_flag=True, help="Leave the files where they are instead of copying them.")
@refused_option
@json_option
def collect(
    workspace: str, sources: tuple[str, ...], first: datetime | None, last: datetime | None, modalities: tuple[str, ...],
    in_place: bool, allow_refused: bool, as_json: bool,
) -> int:  # fmt: skip
    """Take DICOM objects into the workspace, each once.

    SOURCE is a folder or file. An object with the UID of another and other bytes is set aside and reported, as are
    the same pixels under another UID; what is no usable DICOM file is refused and named.

    \b
    Examples:
      vnlabel dataset collect work films/
      vnlabel dataset collect work films/ --from 2020-11-01 --to 2020-11-30 --modality CR --modality DX
    """
    from labeler.dataset.collect import FOLDER, Store, Wanted, collect_files
    from labeler.dataset.dicom import needs

    days = ["" if day is None else day.strftime("%Y%m%d") for day in (first, last)]
    wanted = Wanted(days[0], days[1], tuple(code.upper() for code in modalities))
    with opened(workspace, create=True) as ws:
        needs("pacs", "pydicom")
        meter = Meter()
        with Progress(meter, "collecting") as progress, Store(ws, FOLDER, wanted, progress.say) as store:
            collect_files(store, sources, in_place, stepper(meter, progress))
        account = store.account
    counts = {name: account.counts[name] for name in ("taken", "known", "not_wanted", "other_files", "directories")}
    answer(
        as_json,
        {**counts, "refused": dict(sorted(account.refused.items())), "reported": dict(sorted(account.reported.items()))},
        [
            f"images  {counts['taken']} taken, {counts['known']} known already, {sum(account.refused.values())} refused"
            + (f"; {counts['other_files']} other files" if counts["other_files"] else ""),
            *reasons_of("refused", account.refused), *reasons_of("reported", account.reported),
        ],
    )  # fmt: skip
    return 2 if account.refused and not allow_refused else 0


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
@click.option("--size", type=click.IntRange(16, 16_384), metavar="N", help="Longer side at most so many pixels. [default: as it is]")
@click.option("--quality", type=click.IntRange(1, 100), default=95, show_default=True, metavar="Q", help="Of the JPG.")
@click.option("--all", "every_view", is_flag=True, help="Also films that are not PA.")
@click.option("--held", metavar="DIR", help="Write the held films and held.csv, to look at and mark.")
@click.option("--release", "back", metavar="FILE.csv", help="Let pass what is marked in a held.csv.")
@click.option("--who", metavar="NAME", help="Who let them pass. [default: your user name]")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes. [default: all cores]")
@refused_option
@json_option
def images(
    workspace: str, size: int | None, quality: int, every_view: bool, held: str | None, back: str | None,
    who: str | None, jobs: int | None, allow_refused: bool, as_json: bool,
) -> int:  # fmt: skip
    """Make JPG images of the PA films, as radiologists see them.

    Modality LUT, then VOI LUT or window, inverted where the film is MONOCHROME1. Films with names burned in,
    secondary captures and raw detector images are held back: --held DIR shows them to a person, --release takes back
    which may pass. Names and metadata of the images say nothing of the patient.

    \b
    Examples:
      vnlabel dataset images work --size 1024
      vnlabel dataset images work --held held && vnlabel dataset images work --release held/held.csv
      vnlabel dataset list work images
    """
    from labeler.dataset.dicom import needs

    with opened(workspace) as ws:
        needs("dicom", "pydicom", "numpy", "PIL")
        from labeler.dataset.images import Options, make_images, release, write_held

        if held is not None:
            try:
                number = write_held(ws, Path(held), lambda more: None)
            except OSError as error:
                raise Failure(f"{error.filename or held}: {error.strerror or error}") from None
            answer(as_json, {"held": number, "out": held}, [f"{number} held films in {held}"])
            return 0
        released: Counter[str] = release(ws, back, who or getpass.getuser()) if back is not None else Counter()
        meter = Meter()
        with Progress(meter, "rendering") as progress:
            account = make_images(
                ws, Options(size, quality), every_view=every_view, jobs=jobs, tell=progress.say, step=stepper(meter, progress)
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
