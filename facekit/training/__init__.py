"""Train networks: one loop, fine-tuning on few labelled faces, losses, several processes."""
