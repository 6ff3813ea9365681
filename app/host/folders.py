"""A schema folder between the disk and memory: relative names with forward slashes → bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def read_files(folder: Path) -> dict[str, bytes]:
    """Every file below ``folder`` but the hidden ones; what belongs in a schema folder is judged where it is read."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            found[name.as_posix()] = path.read_bytes()
    return found


def write_files(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """Writes all files, making folders as needed; gives the names of others that stand there and are not among them."""
    folder.mkdir(parents=True, exist_ok=True)
    others = sorted(set(read_files(folder)) - set(files))
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return others
