"""Infrastructure that all other modules use: files, arguments, random numbers, devices and global state."""
