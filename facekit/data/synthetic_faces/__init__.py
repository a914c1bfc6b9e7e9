"""Rendered synthetic faces with exact labels. The public class is ``generator.GeneratedFaces``.

A face is made in this order:

1. ``identity_parameters``, ``hair_parameters``, ``image_parameters``: draw random numbers for a person and an image.
2. ``anatomy``, ``shape_modes``, ``details``, ``hair_surface``, ``surface``: build the surface of the head.
3. ``raycast``, ``head_layer``, ``body``, ``accessories``, ``eyeballs``, ``renderer``: find and paint visible surfaces.
4. ``light``, ``background``, ``camera``: compute the light and develop it into an sRGB image.
5. ``face_points``, ``face_parts``, ``annotator``, ``face_attributes``, ``face_captions``: compute the labels.
"""
