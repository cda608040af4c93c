"""dm_control, imported without its complaint about a missing display.

At import dm_control tries to open a window to see which graphics it may use, and GLFW warns when
there is none. Nothing here needs a window.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from dm_control import mujoco, suite
    from dm_control.rl.control import PhysicsError
    from dm_control.suite import base, common

__all__ = ["PhysicsError", "base", "common", "mujoco", "suite"]
