"""Generated animals: an endless set of rendered cat-like heads with labels of their own, for showing that nothing
here is bound to people or to 68 points."""

from .animals import GeneratedAnimal, GeneratedAnimals
from .label_sets import ANIMAL_PARTS, ANIMAL_POINTS, CAT_HEAD_9

__all__ = ["ANIMAL_PARTS", "ANIMAL_POINTS", "CAT_HEAD_9", "GeneratedAnimal", "GeneratedAnimals"]
