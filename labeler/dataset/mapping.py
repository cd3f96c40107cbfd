"""Field mappings: which XML elements of a hospital's export are sessions, services and reports, in YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from labeler.rules import read_yaml

FOLDER = Path(__file__).resolve().parent / "mappings"
SHIPPED = ("paper", "insurance")

SessionField = Literal["session_id", "patient_id", "check_in", "check_out"]
ServiceField = Literal["session_id", "service_id", "service_name", "report_time"]
ReportField = Literal["session_id", "service_id", "service_name", "report_time", "description", "conclusion"]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[
    tuple[str, ...], BeforeValidator(_listed)
]  # one name, or several: the first of them that is filled counts


class Part(BaseModel):
    """A mapping's part; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Session(Part):
    """A patient's stay."""

    element: Names
    fields: dict[SessionField, Names]


class Service(Part):
    """A service of a session: told apart from its report, it gives the service's name and the time of the result."""

    element: Names
    fields: dict[ServiceField, Names]


class ReportRecord(Part):
    """A report, inside its session's element or naming the session."""

    element: Names
    fields: dict[ReportField, Names]


class Embedded(Part):
    """XML inside an element's text, in base64 or escaped: `content` holds it, `kind` tells which are worth reading."""

    element: Names
    content: Names
    kind: Names = ()
    kinds: tuple[str, ...] = ()


class Mapping(Part):
    """One export format.  Names are compared without case and namespace."""

    name: str
    session: Session
    report: ReportRecord
    service: Service | None = None
    embedded: Embedded | None = None


def load_mappings(given: str | None) -> list[Mapping]:
    """The mapping of a name or YAML file; all shipped ones when none is given.  Raises RuleSetError."""
    if given is None:
        return [read_yaml(FOLDER / f"{name}.yaml", Mapping) for name in SHIPPED]
    return [read_yaml(FOLDER / f"{given}.yaml" if given in SHIPPED else Path(given), Mapping)]
