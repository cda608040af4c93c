"""Pictures as vectors: a frozen vision network, through transformers."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmbench import FloatArray
from mmbench.dependencies import needed_for
from mmbench.errors import CheckpointError

DINOV2 = "facebook/dinov2-base"
"""768 entries; its weights are used when they are on this machine or can be downloaded."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_PICTURES_AT_ONCE = 64


class ImageEncoder:
    """The class token of a DINOv2 network's last layer, for each picture by itself.

    Args:
        name: A model of the Hugging Face hub, or a folder with one.
        device: Where to compute.

    Raises:
        CheckpointError: If the weights are not there.
        DependencyError: If transformers is not installed.

    Source:
        arXiv:2304.07193 (DINOv2); arXiv:2511.19584 for its use.
    """

    def __init__(self, name: str = DINOV2, device: str = "cpu") -> None:
        with needed_for("seeing pictures", "language"):
            from transformers import Dinov2Model
        try:
            loaded: Any = Dinov2Model.from_pretrained(name, use_safetensors=True)
        except (OSError, ValueError) as error:
            place = "is not a model folder" if Path(name).exists() else "cannot be downloaded"
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"vision network {name!r} {place}: {reason}") from error
        self.name = name
        self._device = torch.device(device)
        self._network = loaded.to(self._device).eval().requires_grad_(False)
        self._mean, self._std = (
            torch.tensor(values, device=self._device).view(3, 1, 1) for values in (_MEAN, _STD)
        )

    @property
    def feature_dim(self) -> int:
        """Entries of a picture's vector."""
        return int(self._network.config.hidden_size)

    @torch.no_grad()
    def features(self, pictures: NDArray[np.uint8]) -> FloatArray:
        """Return vectors `(N, feature_dim)` of pictures `(N, H, W, 3)`, uint8."""
        parts = []
        for first in range(0, len(pictures), _PICTURES_AT_ONCE):
            part = torch.from_numpy(pictures[first : first + _PICTURES_AT_ONCE]).to(self._device)
            scaled = (part.permute(0, 3, 1, 2) / 255 - self._mean) / self._std
            found = self._network(pixel_values=scaled, interpolate_pos_encoding=True)
            parts.append(found.last_hidden_state[:, 0].float().cpu().numpy())
        return np.concatenate(parts)
