"""The version of the whole project: CMake reads it here too."""

__version__ = "0.2.0"
