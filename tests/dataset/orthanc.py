"""A real PACS for tests: Orthanc from the system's packages, in a network namespace of its own.

Orthanc listens on all addresses whatever it is told, so it runs where only it and the tests can be reached: the
commands under test are started in the same namespace.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

PLUGINS = Path("/usr/share/orthanc/plugins")
HTTP, DICOM, LISTEN = 8042, 4242, 11112
WEB, NODE = f"http://127.0.0.1:{HTTP}/dicom-web", f"dicom://ORTHANC@127.0.0.1:{DICOM}"
PATIENCE = 20.0  # seconds to start


def missing() -> str | None:
    """Why there can be no Orthanc here, None when there can, or where its absence must not pass unseen."""
    if os.environ.get("VNLABEL_TEST_PACS") == "required":
        return None
    if shutil.which("Orthanc") is None:
        return "Orthanc is not installed"
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        return "no unshare and nsenter"
    tried = subprocess.run(["unshare", "-n", "true"], capture_output=True)
    return None if tried.returncode == 0 else "network namespaces are not allowed here"


def self_signed(folder: Path) -> tuple[Path, Path]:
    """(certificate, key) of 127.0.0.1 that only its holder vouches for."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *files], check=True, capture_output=True)
    return certificate, key


class Orthanc:
    """A server over a folder, which can be killed and started again."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        plugin = PLUGINS / "libOrthancDicomWeb.so"
        self.has_web = plugin.exists()
        settings = {
            "Name": "test", "StorageDirectory": str(folder / "storage"), "IndexDirectory": str(folder / "storage"),
            "HttpPort": HTTP, "DicomPort": DICOM, "DicomAet": "ORTHANC", "DicomCheckCalledAet": False,
            "DicomAlwaysAllowEcho": True, "DicomAlwaysAllowStore": True, "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True, "DicomAlwaysAllowMove": True, "UnknownSopClassAccepted": True,
            "AuthenticationEnabled": False, "RemoteAccessAllowed": True, "OverwriteInstances": False,
            "DicomModalities": {"us": ["VNLABEL", "127.0.0.1", LISTEN]}, "Plugins": [str(plugin)] if self.has_web else [],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}, **options,
        }  # fmt: skip
        self._config = folder / "orthanc.json"
        self._config.write_text(json.dumps(settings))
        self._holder = subprocess.Popen(["unshare", "-n", "sleep", "600"])
        self._process: subprocess.Popen[bytes] | None = None
        deadline = time.monotonic() + PATIENCE
        ours, theirs = Path("/proc/self/ns/net"), Path(f"/proc/{self._holder.pid}/ns/net")
        while theirs.readlink() == ours.readlink() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.within(["ip", "link", "set", "lo", "up"])
        self.start()

    def within(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command where the server can be reached."""
        return subprocess.run(
            ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", *command], capture_output=True, text=True, timeout=120, **options
        )

    def vnlabel(self, *args: object, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run vnlabel there."""
        return self.within([sys.executable, "-m", "labeler.cli", *map(str, args)], env={**os.environ, **environment})

    def popen(self, *args: object) -> subprocess.Popen[str]:
        """Start vnlabel there."""
        command = [sys.executable, "-m", "labeler.cli", *map(str, args)]
        return subprocess.Popen(
            ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def start(self) -> None:
        """Start, and wait until it answers."""
        self._process = subprocess.Popen(
            ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", "Orthanc", str(self._config)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        probe = f"import socket; socket.create_connection(('127.0.0.1', {DICOM})); socket.create_connection(('127.0.0.1', {HTTP}))"
        deadline = time.monotonic() + PATIENCE
        while self.within([sys.executable, "-c", probe]).returncode != 0:
            if time.monotonic() > deadline:
                pytest.fail("Orthanc did not start")
            time.sleep(0.1)

    def kill(self) -> None:
        """As a power cut does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def store(self, folder: Path) -> None:
        """Put a folder's films in."""
        script = (
            "import sys, pathlib, requests\n"
            "for file in sorted(pathlib.Path(sys.argv[1]).rglob('*.dcm')):\n"
            f"    requests.post('http://127.0.0.1:{HTTP}/instances', data=file.read_bytes()).raise_for_status()\n"
        )
        done = self.within([sys.executable, "-c", script, str(folder)])
        assert done.returncode == 0, done.stderr

    def close(self) -> None:
        """Stop all."""
        self.kill()
        self._holder.kill()
        self._holder.wait()
