"""What every store is besides its engine: a context manager that closes itself and says where it is."""

from __future__ import annotations

from typing import Self


class Opened:
    """Base of the stores. ``place`` is an address or a directory as it may be printed."""

    place: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.place!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Flush and let go; twice is once."""
        raise NotImplementedError
