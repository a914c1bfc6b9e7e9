"""Every hyper-parameter of every paper table, and of our own presets, with its source."""

from .adaptation import Adaptation
from .farl import FaRLAdaptation, FaRLPretraining
from .fsma import TABLE_7, FSMAAdaptation, FSMAPretraining
from .overriding import overridden
from .pftgan import PFTGANAdaptation
from .synthparse import SynthparseAdaptation

# The configuration of each backbone.
ADAPTATIONS: dict[str, type[Adaptation]] = {
    "fsma": FSMAAdaptation, "farl": FaRLAdaptation, "synthparse": SynthparseAdaptation, "pftgan": PFTGANAdaptation,
}  # fmt: skip

__all__ = [
    "ADAPTATIONS", "TABLE_7", "Adaptation", "FSMAAdaptation", "FSMAPretraining", "FaRLAdaptation", "FaRLPretraining",
    "PFTGANAdaptation", "SynthparseAdaptation", "overridden",
]  # fmt: skip
