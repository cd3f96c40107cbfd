"""What the tests of the trainer share: one thread, drawn films, the command line in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from tests.vision.drawn import draw_dataset
from vision.cli import main


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The labels.csv of 60 drawn films, beside these."""
    return draw_dataset(tmp_path_factory.mktemp("films"), 60, size=64)


@pytest.fixture(scope="session")
def small_run(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run on these films."""
    from vision.config import TrainConfig
    from vision.train import train

    out = tmp_path_factory.mktemp("runs") / "small"
    values = {"model": "test_resnet", "init": "random", "size": 32, "batch_size": 8, "steps": 20, "valid_every": 10}
    values |= {"labels": films, "accelerator": "cpu", "loss": "bce"}
    train(TrainConfig.model_validate(values), out, say=lambda _: None)
    return out


@pytest.fixture
def vnvision(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """The command: arguments to exit code, stdout and stderr."""

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        try:
            main([str(argument) for argument in arguments])
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real material beside the checkout; without it the test is skipped."""
    folder = Path(__file__).resolve().parents[2].parent / "shared"
    if not folder.is_dir():
        pytest.skip("no ../shared here")
    return folder
