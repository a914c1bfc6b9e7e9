"""The parts of the face generator: people, surfaces, light, camera, labels and words. `facekit.data.synthetic_faces.generator` is the
door."""
