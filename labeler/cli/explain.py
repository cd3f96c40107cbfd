"""vnlabel explain"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labeler.cli.base import Failure, load_labeler, rules_option, table
from labeler.highlight import pieces

if TYPE_CHECKING:
    from labeler.report import LabeledReport, Mention

REGION_COLOURS = {"chest_wall": "yellow", "pleura": "cyan", "parenchyma": "magenta", "cardio": "red", "other": "blue"}
ASSERTION_STYLES = {"present": "bold reverse", "uncertain": "bold underline", "absent": "", "historical": "dim italic"}


class TextCommand(click.Command):
    """A command whose argument is a report, which often begins with a dash and is no option then."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put such an argument behind `--`."""
        for i, arg in enumerate(args):
            if arg == "--":
                break
            if arg[:1] == "-" and (not arg.isascii() or len(arg.split()) > 1 or (len(arg) > 1 and arg[1].isspace())):
                args = [*args[:i], *args[i + 1 :], "--", arg]
                break
        return super().parse_args(ctx, args)


@click.command(cls=TextCommand)
@click.argument("text", required=False)
@rules_option
@click.option("--json", "as_json", is_flag=True, help="Print the explanation object.")
def explain(text: str | None, rules: str | None, as_json: bool) -> int:
    """Show which words decided the labels of one report, and why.

    TEXT is the report itself, @FILE for a file that holds it, or - (or nothing) for standard input.

    \b
    Examples:
      vnlabel explain "- Tràn dịch màng phổi phải. Không thấy tràn khí."
      vnlabel explain @report.txt
      vnlabel explain --json - < report.txt
    """
    report_text = _read(text)
    labeler = load_labeler(rules)
    report = labeler.label(report_text)
    if as_json:
        from labeler.io.writers import dump

        click.echo(dump(report.to_dict(), indent=2))
        return 0
    _print(report)
    return 0


def _read(text: str | None) -> str:
    from labeler.io.lines import MAX_TEXT, utf8
    from labeler.io.refusals import Refused, make_report

    if text is None or text == "-":
        if text is None and sys.stdin.isatty():
            raise click.UsageError(
                "give the report as TEXT, @FILE, or - for standard input", click.get_current_context()
            )
        name, data = "<stdin>", utf8(sys.stdin.buffer, None).read(MAX_TEXT + 1)
    elif text.startswith("@"):
        name = text[1:]
        try:
            with Path(name).open("rb") as raw:
                data = utf8(raw, None).read(MAX_TEXT + 1)
        except OSError as error:
            raise Failure(f"{name}: {error.strerror or error}") from None
    else:
        name, data = "TEXT", text.encode("utf-8", "surrogateescape")
    try:
        decoded = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Failure(f"{name}:{line}: not UTF-8; save it as UTF-8") from None
    report = make_report(name, 1, "report", decoded)
    if isinstance(report, Refused):
        raise Failure(str(report))
    return decoded


def _print(report: LabeledReport) -> None:
    from rich.console import Console

    # FORCE_COLOR and NO_COLOR are rich's own affair; without colour, brackets say what colours would
    console = Console(highlight=False, soft_wrap=True, emoji=False, markup=False)
    coloured = console.is_terminal and not console.no_color and console.color_system is not None
    console.print(_marked(report, coloured))
    console.print()
    for line in _verdict(report):
        console.print(line)


def _marked(report: LabeledReport, coloured: bool) -> Any:
    from rich.text import Text

    out = Text()
    at = 0
    for piece in pieces(report):
        out.append(_visible(report.text[at : piece.start]))
        words = _visible(report.text[piece.start : piece.end])
        at = piece.end
        if piece.kind == "mention":
            m = report.mentions[piece.mention]
            if coloured:
                out.append(words, f"{ASSERTION_STYLES.get(m.assertion, '')} {REGION_COLOURS.get(m.region, 'green')}")
            else:
                out.append(f"[{words}|{m.region} {m.assertion}]")
        elif piece.kind == "cue":
            out.append(words if coloured else f"{{{words}}}", "italic" if coloured else "")
        else:
            out.append(words if coloured else f"<?{words}?>", "white on red" if coloured else "")
    out.append(_visible(report.text[at:]))
    if coloured and report.mentions:
        out.append("\n\n")
        for region in dict.fromkeys(m.region for m in report.mentions):
            out.append(region, REGION_COLOURS.get(region, "green"))
            out.append(" ")
        for assertion in dict.fromkeys(m.assertion for m in report.mentions):
            out.append(assertion, ASSERTION_STYLES.get(assertion, ""))
            out.append(" ")
    return out


def _visible(text: str) -> str:
    """Text in which control characters cannot steer the terminal."""
    return "".join(
        c if c in "\n\t" or c.isprintable() or (c.isspace() and c not in "\r\v\f\x1b") else f"\\x{ord(c):02x}"
        for c in text.replace("\r\n", "\n")
    )


def _verdict(report: LabeledReport) -> list[str]:
    why = ", ".join(report.reasons)
    method = f"template {report.template}" if report.template else report.method
    lines = [f"{report.status} ({why})" if why else report.status]
    lines[0] += f", by {method}"
    lines.append("")
    rows = [
        [name, str(because.value), _because(because.kind, because.details)] for name, because in report.classes.items()
    ]
    for r in rows:
        if r[0] in report.uncertain:
            r[1] += "?"
    lines += table(rows) if rows else []
    if report.mentions:
        lines += ["", "Mentions"]
        for i, m in enumerate(report.mentions, 1):
            lines += _mention(i, m)
    lines.append("")
    if report.residue:
        lines.append("Not understood")
        lines += [f"  {s.start}-{s.end}  {_quoted(s.text)}" for s in report.residue]
    else:
        lines.append("Every word is accounted for." if report.text.strip() else "There is no text.")
    return lines


def _because(kind: str, details: dict[str, Any]) -> str:
    parts = [kind] if kind != "mention" else []
    if "mentions" in details:
        numbers = [str(i + 1) for i in details["mentions"]]
        told = f"mention{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"
        return f"{kind}: {told}" if parts else told
    if "template" in details:
        parts.append(str(details["template"]))
    if "mention" in details:
        parts.append(f"of mention {details['mention'] + 1}")
    if "span" in details:
        parts.append(_quoted(details["span"]["text"]))
    if details.get("cue"):
        parts.append(f"by {_quoted(details['cue'])}")
    if "rule" in details:
        parts.append(f"({details['rule']})")
    return " ".join(parts)


def _mention(number: int, m: Mention) -> list[str]:
    side = {"left": "left", "right": "right", "both": "both sides"}.get(m.side or "", "no side")
    first = (
        f"  {number}. {_quoted(m.text)}  {m.finding} ({m.region}), {m.assertion}, {side}, {m.location or 'no location'}"
    )
    details = [f"rule {m.rule}" + (f" (layer {m.layer})" if m.layer else "")]
    if m.cue:
        details.append(f"cue {_quoted(m.cue)}")
    if m.match == "fuzzy":
        details.append(f"read as {_quoted(m.repair or '')}, score {m.score:g}")
    if m.line and m.line != m.region:
        details.append(f"in the line of {m.line}")
    return [first, f"     {'; '.join(details)}"]


def _quoted(text: str) -> str:
    return f'"{_visible(" ".join(text.split()))}"'
