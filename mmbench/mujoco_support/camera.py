"""Off-screen pictures of a MuJoCo model, without a display.

mujoco.Renderer picks its graphics library from an environment variable when it is imported and
tries a display first. This one asks EGL, then OSMesa, only when the first picture is wanted.
"""

import atexit
import ctypes.util
import functools
import weakref
from typing import Any

import mujoco
import numpy as np

from mmbench.errors import GraphicsError
from mmbench.simulator import Image

INSTALL_COMMAND = "apt-get install libegl1 libgl1-mesa-dri"


class OffscreenCamera:
    """Draws one model with one camera.

    Args:
        model: What to draw.
        camera: A camera of the model (index or name), or a free `MjvCamera`.
        max_geoms: Most shapes in a picture.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        camera: int | str | mujoco.MjvCamera,
        *,
        max_geoms: int = 2000,
    ) -> None:
        self._model = model
        self._camera = camera if isinstance(camera, mujoco.MjvCamera) else _fixed(model, camera)
        self._option = mujoco.MjvOption()
        self._perturb = mujoco.MjvPerturb()
        self._scene = mujoco.MjvScene(model, maxgeom=max_geoms)
        self._size = (0, 0)
        self._gl: Any = None
        self._context: mujoco.MjrContext | None = None

    def draw(self, data: mujoco.MjData, height: int, width: int) -> Image:
        """Return a picture of `data`, uint8, shape `(height, width, 3)`."""
        self._prepare(height, width)
        self._gl.make_current()
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        mujoco.mjv_updateScene(
            self._model,
            data,
            self._option,
            self._perturb,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        viewport = mujoco.MjrRect(0, 0, width, height)
        mujoco.mjr_render(viewport, self._scene, self._context)
        image = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_readPixels(image, None, viewport, self._context)
        return np.ascontiguousarray(image[::-1])  # OpenGL's first row is the lowest

    def close(self) -> None:
        """Free the graphics context."""
        if self._gl is not None:
            self._gl.make_current()
            if self._context is not None:
                self._context.free()
            self._gl.free()
        self._gl = self._context = None
        self._size = (0, 0)

    def _prepare(self, height: int, width: int) -> None:
        if self._context is not None and (height, width) == self._size:
            return
        self.close()
        quality = self._model.vis.global_
        quality.offheight, quality.offwidth = height, width
        self._gl = _make_gl_context(width, height)
        _close_all_at_exit()
        _OPEN.add(self)
        self._gl.make_current()
        self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        self._size = (height, width)


_OPEN: "weakref.WeakSet[OffscreenCamera]" = weakref.WeakSet()


@functools.cache
def _close_all_at_exit() -> None:
    """Free what scripts leave open while EGL is still there.

    Called after mujoco.egl is imported: what is registered last runs first, and that module's own
    hook ends EGL.
    """
    atexit.register(_close_all)


def _close_all() -> None:
    for camera in list(_OPEN):
        camera.close()


def _fixed(model: mujoco.MjModel, camera: int | str) -> mujoco.MjvCamera:
    fixed = mujoco.MjvCamera()
    fixed.type = mujoco.mjtCamera.mjCAMERA_FIXED
    fixed.fixedcamid = camera if isinstance(camera, int) else model.camera(camera).id
    return fixed


def _make_gl_context(width: int, height: int) -> Any:
    if ctypes.util.find_library("EGL") is not None:
        try:
            from mujoco.egl import GLContext

            return GLContext(width, height)
        except (ImportError, RuntimeError, AttributeError):
            pass  # no usable EGL device; OSMesa draws on the processor
    if ctypes.util.find_library("OSMesa") is not None:
        from mujoco.osmesa import GLContext as SoftwareContext

        return SoftwareContext(width, height)
    raise GraphicsError("pictures need EGL or OSMesa, and neither works here", INSTALL_COMMAND)
