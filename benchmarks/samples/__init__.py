"""The sample faces of `facekit.data.samples`: the module that makes their files, and corrections of their masks."""
