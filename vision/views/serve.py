"""The PA classifier as a service: POST /pa with a DICOM body answers `{"probability": 0.97, "version": "..."}`.

Whatever is wrong with a request is a 4xx with `{"error": "what is wrong, what would be right"}`. Nothing of a request is
logged or kept.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vision.cache import FilmError
from vision.views.classifier import Classifier

_STATUS = {"not DICOM": 415, "without a decoder": 415}  # everything else that is wrong with a film is 422


def app(classifier: Classifier, max_bytes: int = 200 << 20) -> Starlette:
    """The service; a body over `max_bytes` is refused before it is read to its end."""

    def probability(body: bytes) -> float:
        return float(classifier(classifier.read(body)[None])[0])

    async def pa(request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                raise HTTPException(413, f"over {max_bytes >> 20} MB, one DICOM file is needed")
        if not body:
            raise HTTPException(400, "an empty body, one DICOM file is needed")
        try:
            found = await run_in_threadpool(probability, bytes(body))
        except FilmError as error:
            raise HTTPException(_STATUS.get(error.kind, 422), str(error)) from None
        return JSONResponse({"probability": found, "version": classifier.version})

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok", "version": classifier.version, "size": classifier.size})

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)

    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=400)  # nobody is there to read it

    routes = [Route("/pa", pa, methods=["POST"]), Route("/health", health)]
    return Starlette(routes=routes, exception_handlers={HTTPException: refused, ClientDisconnect: gone})


def serve(service: Starlette, host: str, port: int, ready: Callable[[str], object]) -> None:
    """Listens until it is stopped; `ready` is told the address once connections are taken.

    Raises:
        OSError: the address is in use or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise OSError(error.errno, error.strerror, f"{host}:{port}") from None
        listener.listen(128)
        shown = f"[{host}]" if ":" in host else host
        ready(f"http://{shown}:{listener.getsockname()[1]}/pa")
        config = uvicorn.Config(service, log_level="warning", access_log=False, lifespan="off")
        uvicorn.Server(config).run(sockets=[listener])
