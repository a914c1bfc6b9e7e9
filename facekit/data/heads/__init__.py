"""The parts of the face generator: people, surfaces, light, camera, labels and words. `facekit.data.generated` is the
door."""
