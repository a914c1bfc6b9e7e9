"""Every hyper-parameter of every paper table, and of our own presets, with its source."""

from .adaptation import Adaptation
from .farl import FaRLPretraining
from .fsma import TABLE_7, FSMAPretraining
from .overriding import overridden

__all__ = ["TABLE_7", "Adaptation", "FSMAPretraining", "FaRLPretraining", "overridden"]
