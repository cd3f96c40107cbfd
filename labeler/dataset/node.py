"""A PACS as a DICOM node: C-FIND to find, C-GET or C-MOVE to fetch one object at a time, as it is stored."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from labeler.dataset.archive import ArchiveError, Instance, Study, trust
from labeler.dataset.dicom import needs, quiet, text
from labeler.dataset.pace import Pace
from labeler.io.refusals import BadInput

if TYPE_CHECKING:
    from pydicom import Dataset

TIMEOUT = 60.0  # seconds without an answer
LATE = 10.0  # seconds that an object may come after the node says that it was sent
_ADDRESS = re.compile(r"(dicoms?)://([^@/\s]{1,16})@([^@:/\s]+|\[[0-9A-Fa-f:]+\]):(\d{1,5})/?", re.ASCII)
_FIND, _MOVE, _GET = (f"1.2.840.10008.5.1.4.1.2.2.{n}" for n in (1, 2, 3))  # study root
_STORED = (  # what a plain film is stored as; with _SYNTAXES, C-FIND and C-GET these are 106 of the 128 possible contexts
    "1.2.840.10008.5.1.4.1.1.1",  # CR
    "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1.1",  # DX, for presentation and for processing
    "1.2.840.10008.5.1.4.1.1.7",  # secondary capture: films that were digitised or came through a gateway
    *(f"1.2.840.10008.5.1.4.1.1.7.{n}" for n in (2, 3, 4)),  # its multi-frame kinds, which may hold one frame
    "1.2.840.10008.5.1.4.1.1.12.2",  # spot films of radiofluoroscopy
)  # fmt: skip
_SYNTAXES = (
    "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5",
    *(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70, 80, 81, 90, 91)),
)  # fmt: skip
_PENDING, _SUCCESS, _STOPPED = (0xFF00, 0xFF01), 0x0000, (0xFE00, 0xA700)


class Node:
    """An archive at dicom://AE_TITLE@host:port; dicoms:// by TLS.

    Args:
        address: the node.
        calling: the AE title this side has.
        pace: kept before each C-FIND, C-GET and C-MOVE.
        move_to: (address, port) on which to listen for C-MOVE, None: C-GET.
        user, password: user identity, where the node wants one; sent, never kept.
        ca, certificate: files for TLS.
    """

    origin = "node"

    def __init__(
        self, address: str, *, calling: str, pace: Pace, move_to: tuple[str, int] | None = None, user: str | None = None,
        password: str | None = None, ca: str | None = None, certificate: str | None = None,
    ) -> None:  # fmt: skip
        needs("pacs", "pynetdicom", "pydicom")
        from pynetdicom import AE, build_role, evt

        match = _ADDRESS.fullmatch(address)
        if match is None or not 0 < int(match[4]) < 65536:
            raise BadInput(f"{address.split('@')[-1]}: no address of a DICOM node, such as dicom://AE_TITLE@host:104")
        self.name = address
        self._called, self._host, self._port = match[2], match[3].strip("[]"), int(match[4])
        self._tls = (trust(ca, certificate), self._host) if match[1] == "dicoms" else None
        self._pace = pace
        self._ae: Any = AE(ae_title=calling)
        self._ae.acse_timeout = self._ae.dimse_timeout = self._ae.network_timeout = TIMEOUT
        self._ae.connection_timeout = 10
        self._ae.add_requested_context(_FIND)
        self._calling, self._negotiated = calling, []
        self._association: Any = None
        self._wanted = ""
        self._came: bytes | None = None
        self._arrived = threading.Event()
        self._handlers = [(evt.EVT_C_STORE, self._on_store)]
        self._server: Any = None
        if move_to is None:
            self._ae.add_requested_context(_GET)
            for kind in _STORED:
                for syntax in _SYNTAXES:  # one context each, or the node takes one syntax and fails the others
                    self._ae.add_requested_context(kind, syntax)
            self._negotiated = [build_role(kind, scp_role=True) for kind in _STORED]
        else:
            self._ae.add_requested_context(_MOVE)
            self._listen(move_to)
        if user:
            self._negotiated.append(_identity(user, password))

    def studies(self, day: str, times: str) -> tuple[list[Study], bool]:
        keys = {"StudyDate": day, "StudyTime": times, "ModalitiesInStudy": "", "NumberOfStudyRelatedInstances": ""}
        found, more = self._query("STUDY", StudyInstanceUID="", **keys)
        return [
            Study(
                text(one, "StudyInstanceUID"), _count(one, "NumberOfStudyRelatedInstances"),
                tuple(code for code in text(one, "ModalitiesInStudy").split("\\") if code),
            )
            for one in found if text(one, "StudyInstanceUID")
        ], more  # fmt: skip

    def instances(self, study: str, modalities: Sequence[str]) -> tuple[list[Instance], int]:
        out: list[Instance] = []
        expected = 0
        series, _ = self._query(
            "SERIES", StudyInstanceUID=study, SeriesInstanceUID="", Modality="", NumberOfSeriesRelatedInstances=""
        )
        for one in series:
            if text(one, "Modality") not in modalities:
                continue
            uid = text(one, "SeriesInstanceUID")
            found, _ = self._query("IMAGE", StudyInstanceUID=study, SeriesInstanceUID=uid, SOPInstanceUID="")
            out += [Instance(study, uid, sop) for image in found if (sop := text(image, "SOPInstanceUID"))]
            expected += max(len(found), _count(one, "NumberOfSeriesRelatedInstances") or 0)
        return out, expected

    def fetch(self, instance: Instance) -> bytes:
        study, series, sop = instance
        keys = _keys("IMAGE", StudyInstanceUID=study, SeriesInstanceUID=series, SOPInstanceUID=sop)
        self._wanted, self._came = sop, None
        self._arrived.clear()
        if self._server is None:
            answers = self._answers(lambda association: association.send_c_get(keys, _GET))
        else:
            answers = self._answers(lambda association: association.send_c_move(keys, self._calling, _MOVE))
        *_, (last, _) = answers
        if self._server is not None and last == _SUCCESS:
            self._arrived.wait(LATE)  # it comes by a connection of its own
        if self._came is None:
            raise ArchiveError("not_sent" if last == _SUCCESS else f"status_{last:04X}")
        return self._came

    def close(self) -> None:
        if self._association is not None and self._association.is_established:
            self._association.release()
        self._association = None
        if self._server is not None:
            self._server.shutdown()

    def _connected(self) -> Any:
        if self._association is None or not self._association.is_established:
            handlers = self._handlers if self._server is None else []
            self._association = self._ae.associate(
                self._host, self._port, ae_title=self._called, ext_neg=self._negotiated, evt_handlers=handlers,
                tls_args=self._tls,
            )  # fmt: skip
            if self._association.is_rejected:
                raise BadInput(f"{self.name}: rejects {self._calling}; it must know this AE title (--calling)")
            if not self._association.is_established:
                raise ArchiveError("no_association", gone=True)
            with contextlib.suppress(AttributeError, OSError):  # else each request waits 40 ms for the other's ack
                self._association.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._wake, args=(self._association,), daemon=True).start()
        return self._association

    def _wake(self, association: Any) -> None:
        """End the wait for an answer on a broken connection.

        pynetdicom says once that a connection broke, and whoever asks in that moment can miss it and wait out TIMEOUT.
        """
        association.dul.join()
        while association is self._association:
            association.dimse.msg_queue.put((None, None))
            time.sleep(1)

    def _answers(
        self, ask: Callable[[Any], Iterator[tuple[Dataset, Dataset | None]]]
    ) -> Iterator[tuple[int, Dataset | None]]:
        """(status, what was found) of each answer to a request.  Raises ArchiveError."""
        self._pace()
        association = self._connected()
        try:
            for status, identifier in ask(association):
                if "Status" not in status:
                    raise RuntimeError
                yield status.Status, identifier
        except ValueError:  # no context was accepted for it
            raise ArchiveError("not_accepted") from None
        except RuntimeError:  # the connection broke, before the request or after it
            self._drop()
            raise ArchiveError("no_answer", gone=True) from None

    def _drop(self) -> None:
        if self._association is not None:
            self._association.abort()
        self._association = None

    def _query(self, level: str, **keys: str) -> tuple[list[Dataset], bool]:
        """What matches, and whether the node stopped before it had named all."""
        found = []
        for code, identifier in self._answers(lambda association: association.send_c_find(_keys(level, **keys), _FIND)):
            if code in _PENDING and identifier is not None:
                found.append(identifier)
            elif found and code in _STOPPED:
                return found, True
            elif code != _SUCCESS:
                raise ArchiveError(f"status_{code:04X}", again=code in (0xA700, 0xA701))  # out of resources
        return found, False

    def _on_store(self, event: Any) -> int:
        """Only what was asked for is taken: whoever reaches this port cannot put anything else into a workspace."""
        if str(event.request.AffectedSOPInstanceUID) != self._wanted:
            return 0xC000
        with quiet():
            self._came = event.encoded_dataset()
        self._arrived.set()
        return 0x0000

    def _listen(self, at: tuple[str, int]) -> None:
        from pynetdicom import AE

        receiver: Any = AE(ae_title=self._calling)
        receiver.require_called_aet = True
        for kind in _STORED:
            receiver.add_supported_context(kind, list(_SYNTAXES))
        try:
            self._server = receiver.start_server(at, block=False, evt_handlers=self._handlers)
        except OSError as error:
            raise BadInput(f"--listen {at[0]}:{at[1]}: {error.strerror}") from None


def _keys(level: str, **keys: str) -> Dataset:
    from pydicom import Dataset

    out = Dataset()
    out.QueryRetrieveLevel = level
    for name, value in keys.items():
        setattr(out, name, value or None)
    return out


def _count(found: Dataset, keyword: str) -> int | None:
    value = text(found, keyword)
    return int(value) if value.isdigit() else None


def _identity(user: str, password: str | None) -> Any:
    from pynetdicom.pdu_primitives import UserIdentityNegotiation

    item = UserIdentityNegotiation()
    item.user_identity_type = 2 if password else 1
    item.primary_field = user.encode()
    if password:
        item.secondary_field = password.encode()
    return item
