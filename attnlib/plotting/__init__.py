"""Figures: arrays and an optional `ax` in, `Axes` out. No maths, no model, no `plt.show()`.

`look` is what all figures look like, the other rooms draw; each lists its own public names.
"""

from attnlib.plotting.blocks import *  # noqa: F403
from attnlib.plotting.grids import *  # noqa: F403
from attnlib.plotting.look import *  # noqa: F403
from attnlib.plotting.matrices import *  # noqa: F403
from attnlib.plotting.progress import *  # noqa: F403
from attnlib.plotting.shapes import *  # noqa: F403
from attnlib.plotting.shares import *  # noqa: F403
from attnlib.plotting.steps import *  # noqa: F403
from attnlib.plotting.vectors import *  # noqa: F403
