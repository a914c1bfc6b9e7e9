"""Backbones: one folder per paper. `base` has their base class, `registry` finds them by name."""
