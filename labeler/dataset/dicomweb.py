"""A PACS by DICOMweb: QIDO-RS to find, WADO-RS to fetch one object at a time, as it is stored."""

from __future__ import annotations

import logging
import re
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from labeler.dataset.archive import ArchiveError, Instance, Study, trust
from labeler.dataset.dicom import needs
from labeler.dataset.pace import Pace
from labeler.io.refusals import BadInput

PAGE = 100  # results asked for at once
TIMEOUT = (10.0, 120.0)  # seconds to connect, and between two answers
_STUDY_UID, _SERIES_UID, _SOP_UID = "0020000D", "0020000E", "00080018"
_MODALITY, _MODALITIES = "00080060", "00080061"
_STUDY_IMAGES, _SERIES_IMAGES = "00201208", "00201209"
_AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_AGAIN = (408, 425, 429, 500, 502, 503, 504)


class DicomWeb:
    """An archive at a DICOMweb address.

    Args:
        url: such as https://pacs/dicom-web.
        pace: kept before each HTTP request.
        user, password, token: of HTTP Basic or a bearer; sent, never kept.
        ca: a file of certificates to trust instead of the usual ones.
        certificate: a file of this client's own certificate and key.
    """

    origin = "dicomweb"

    def __init__(
        self, url: str, *, pace: Pace, user: str | None = None, password: str | None = None, token: str | None = None,
        ca: str | None = None, certificate: str | None = None,
    ) -> None:  # fmt: skip
        needs("pacs", "dicomweb_client", "pydicom")
        import requests
        from dicomweb_client.web import DICOMwebClient

        if "@" in url:
            raise BadInput("collect: no user name or password in an address; set VNLABEL_PACS_USER and VNLABEL_PACS_PASSWORD")
        if (token or user) and url.startswith("http://") and not re.match(r"http://(127\.0\.0\.1|localhost|\[::1\])[:/]", url):
            raise BadInput(f"{url}: credentials are sent over https:// alone")
        if url.startswith("https://"):
            trust(ca, certificate)
        logging.getLogger("dicomweb_client").setLevel(logging.ERROR)  # its warnings quote the server
        self.name = self._url = url.rstrip("/")
        self._pace = pace
        self._most: Counter[str] = Counter()  # results on a page of studies, series, instances, as far as seen
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, no netrc: patients' data goes to the PACS alone
        self._session.verify = ca or True
        self._session.cert = certificate
        self._session.headers["Accept-Encoding"] = "identity"  # compression makes servers many times slower
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"
        elif user:
            self._session.auth = (user, password or "")
        self._client: Any = DICOMwebClient(self._url, session=self._session, timeout=TIMEOUT)
        self._client.set_http_retry_params(retry=False)

    def studies(self, day: str, times: str) -> tuple[list[Study], bool]:
        filters = {"StudyDate": day} | ({"StudyTime": times} if times else {})
        fields = ["ModalitiesInStudy", "NumberOfStudyRelatedInstances"]
        found = self._all(_STUDY_UID, self._client.search_for_studies, search_filters=filters, fields=fields)
        return [
            Study(_first(one, _STUDY_UID), _count(one, _STUDY_IMAGES), tuple(map(str, one.get(_MODALITIES, {}).get("Value", ()))))
            for one in found
        ], False  # all pages were turned

    def instances(self, study: str, modalities: Sequence[str]) -> tuple[list[Instance], int]:
        fields = ["Modality", "NumberOfSeriesRelatedInstances"]
        series = self._all(_SERIES_UID, self._client.search_for_series, study_instance_uid=study, fields=fields)
        out: list[Instance] = []
        expected = 0
        for one in series:
            if _first(one, _MODALITY) not in modalities:
                continue
            uid = _first(one, _SERIES_UID)
            count = _count(one, _SERIES_IMAGES)
            search = partial(self._client.search_for_instances, series_instance_uid=uid)
            found = self._all(_SOP_UID, search, count, study_instance_uid=study)
            out += [Instance(study, uid, _first(instance, _SOP_UID)) for instance in found]
            expected += max(len(found), count or 0)
        return out, expected

    def fetch(self, instance: Instance) -> bytes:
        study, series, sop = instance
        url = f"{self._url}/studies/{study}/series/{series}/instances/{sop}"

        def get() -> bytes:
            response = self._session.get(url, headers={"Accept": _AS_STORED}, timeout=TIMEOUT)
            response.raise_for_status()
            return part(response.content, response.headers.get("Content-Type", ""))

        body: bytes = self._answered(get)
        return body

    def close(self) -> None:
        self._session.close()

    def _all(
        self, key: str, search: Callable[..., list[dict[str, Any]]], count: int | None = None, **what: Any
    ) -> list[dict[str, Any]]:
        """All pages of results, of which there should be `count`.

        Servers may bring fewer on a page than they were asked for; one that knows no pages sends the same again, or
        nothing.
        """
        found: dict[str, dict[str, Any]] = {}
        offset = 0
        while True:
            results = self._answered(partial(search, limit=PAGE, offset=offset, **what))
            new = {uid: one for one in results if (uid := _first(one, key)) and uid not in found}
            found |= new
            offset += len(results)
            if not new or len(found) == count or len(results) < self._most[key]:
                return list(found.values())
            self._most[key] = len(results)

    def _answered(self, ask: Callable[[], Any]) -> Any:
        import requests

        self._pace()
        try:
            return ask()
        except requests.HTTPError as error:
            status = 0 if error.response is None else error.response.status_code
            raise ArchiveError(f"http_{status}", again=status in _AGAIN) from None
        except requests.exceptions.SSLError as error:
            if _came_of(error, ssl.SSLCertVerificationError):
                raise BadInput(f"{self.name}: its certificate is not trusted; --ca FILE names whom to trust") from None
            raise ArchiveError("no_answer", gone=True) from None
        except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema):
            raise BadInput(f"{self.name}: no address of a DICOMweb service, such as https://pacs/dicom-web") from None
        except (requests.exceptions.JSONDecodeError, ValueError):
            raise ArchiveError("no_dicom_json") from None
        except (requests.RequestException, OSError):
            raise ArchiveError("no_answer", gone=True) from None


def part(body: bytes, content_type: str) -> bytes:
    """The one part of a multipart/related body (RFC 2387), as it came.  Raises ArchiveError."""
    if not content_type.lower().startswith("multipart/"):
        if body[128:132] == b"DICM":
            return body
        raise ArchiveError("no_dicom_answer")
    match = re.search(r'boundary="?([^";,]+)"?', content_type)
    if match is None:
        raise ArchiveError("no_dicom_answer")
    mark = b"--" + match[1].strip().encode("ascii", "replace")
    start = body.find(mark)
    begin = body.find(b"\r\n\r\n", start)
    end = body.rfind(b"\r\n" + mark + b"--")
    if start < 0 or begin < 0 or end < begin:
        raise ArchiveError("cut_short", again=True)
    following = body.find(b"\r\n" + mark + b"\r\n", begin)  # of several parts the first
    return body[begin + 4 : following if 0 <= following < end else end]


def _came_of(error: BaseException, kind: type[BaseException]) -> bool:
    """Whether an error of this kind is at the bottom of another."""
    below = (cause for cause in (*error.args, error.__cause__, error.__context__) if isinstance(cause, BaseException))
    return isinstance(error, kind) or any(_came_of(cause, kind) for cause in below)


def _first(found: dict[str, Any], tag: str) -> str:
    value = found.get(tag, {}).get("Value") or [""]
    return str(value[0])


def _count(found: dict[str, Any], tag: str) -> int | None:
    text = _first(found, tag)
    return int(text) if text.isdigit() else None
