"""Where to compute."""

import torch

from mmbench.errors import DeviceError


def checked_device(name: str) -> torch.device:
    """Return a device.

    Raises:
        DeviceError: The name is none, or torch does not see the device.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"{name!r} is no device; expected e.g. cpu or cuda") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"device {name!r} was asked for, and torch sees no GPU")
    return device
