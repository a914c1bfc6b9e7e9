"""Rendered synthetic cats with their own label sets.

They show that landmarks and parsing work without people and without the 68 points.
"""

from .animals import GeneratedAnimal, GeneratedAnimals
from .label_sets import ANIMAL_PARTS, ANIMAL_POINTS, CAT_HEAD_9

__all__ = ["ANIMAL_PARTS", "ANIMAL_POINTS", "CAT_HEAD_9", "GeneratedAnimal", "GeneratedAnimals"]
