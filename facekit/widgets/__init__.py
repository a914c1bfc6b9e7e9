"""Widgets of the notebooks: click points, paint parts, review predictions, compare models, watch a loss.

Points and parts are labelled on a canvas, which is one JavaScript file, ``editor.js``, run by anywidget. ipywidgets has
no widget that reports where an image was clicked. Of its extensions, ipycanvas and ipyevents get no mouse events in
Colab (ipycanvas issue 292), and jupyter-bbox-widget has boxes only. anywidget runs the same file in JupyterLab, VS Code
and Colab, and depends on little more than ipywidgets. All other widgets are made of ipywidgets' own.

Labels are stored in Python, and the browser only shows them. So everything that a person can do, code can do, too.
Images go to the browser as text (data URLs), because binary messages are not reliable in Colab.

Without a kernel, a notebook shows an image of what a widget held when it was displayed.
"""

from __future__ import annotations

from .loss_plot import LossPlot
from .model_slider import ModelSlider
from .part_editor import PartEditor
from .point_editor import PointEditor
from .review import Review

__all__ = ["LossPlot", "ModelSlider", "PartEditor", "PointEditor", "Review"]
