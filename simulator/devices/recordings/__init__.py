"""Real recordings: FIT, TCX, GPX, Apple Health and tables, each as its makers write it.

A damaged file gives what is readable of it, and says what is wrong in one line. What is no reading in the file is none
here.
"""

from __future__ import annotations

from pathlib import Path

from simulator.devices.recordings import files
from simulator.devices.recordings.model import Recording, RecordingError, Sample

__all__ = ["Recording", "RecordingError", "Sample", "read"]


def read(path: Path) -> Recording:
    """The recording in a file, whose format its content tells. Errors: `RecordingError`."""
    return files.read(path)
