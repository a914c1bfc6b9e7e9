"""Read files of weights without executing anything in them.

`read_weights` returns the named tensors of one network. `read_contents` returns everything that a file holds. The kind
of a file is recognised by its content; its suffix does not matter. These kinds are read:

- .safetensors files, with the package safetensors.
- Files of `torch.save`: zip archives (since torch 1.6) and the older format. They may hold a state_dict, a checkpoint
  that contains one (under a key such as "state_dict" or "model"), or a whole module.
- TorchScript archives of `torch.jit.save`.
- Plain pickles of tensors or numpy arrays.

Everything but .safetensors contains a pickle, which is a program: Python's own reader would call any function that the
file names. The modules here interpret this program as data instead. Tensors and numpy arrays are rebuilt by a fixed
list of functions. Instances of classes become inert `Object` records. Any other call is an error. Memory and time are
bounded by the size of the file.

The modules, from the outside in:

- `reader`: the two functions above, and the error messages.
- `kinds`: recognise files that are not weights, and say what to do about them.
- `torch_files`: the containers of torch. `torch_objects`: its tensors and storages. `pickles`: the pickle interpreter.
- `contents`: find the tensors in wrappers and modules.
- `names`: compare the names of tensors with those of a network.
"""

from .contents import as_plain_data, named_tensors
from .kinds import is_torch_archive
from .names import check_names, first_names, likely_network, without_prefix
from .reader import WeightFile, check_weights, read_attached_weights, read_contents, read_weights

__all__ = [
    "WeightFile",
    "as_plain_data",
    "check_names",
    "check_weights",
    "first_names",
    "is_torch_archive",
    "likely_network",
    "named_tensors",
    "read_attached_weights",
    "read_contents",
    "read_weights",
    "without_prefix",
]
