"""Scores of the ready models on real faces, and the commands that train them again."""
