"""Where the work is done: devices, ranks and precision, by lightning-fabric."""

from __future__ import annotations

import logging
import warnings

import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities.exceptions import MisconfigurationException

from vision.errors import InputError

logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells of every precision it sets up
warnings.filterwarnings("ignore", module=r"lightning_(fabric|utilities)")  # of what it calls in torch, in every rank


def open_fabric(accelerator: str = "auto", devices: int = 1, precision: str = "32") -> Fabric:
    """A Fabric; several devices are ranks in processes of their own.

    Raises:
        InputError: devices that this machine does not have.
    """
    torch.backends.cudnn.benchmark = True  # films are of one size: the fastest kernel is looked for once
    try:
        return Fabric(
            accelerator=accelerator,
            devices=devices,
            strategy="ddp_spawn" if devices > 1 else "auto",
            precision="bf16-mixed" if precision == "bf16" else "32-true",
        )
    except (MisconfigurationException, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"accelerator {accelerator}, {devices} devices: {reason}, others are needed") from None
