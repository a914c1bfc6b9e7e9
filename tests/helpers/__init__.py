"""Makers of files, small models and servers that several test modules share."""
