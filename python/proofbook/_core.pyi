from typing import Literal, final

Structure = Literal["ladder", "reference"]

@final
class RawMarket:
    """A market that takes encoded commands and gives encoded events."""

    def __new__(cls, config: bytes, structure: Structure = "ladder") -> RawMarket: ...
    def apply(self, command: bytes) -> bytes:
        """Handle one encoded command (72 bytes) and return its encoded events (56 bytes each), one after another."""
    def state(self) -> bytes:
        """The canonical bytes of the market's state."""
    def digest(self) -> bytes:
        """The digest of the market's state: 32 bytes."""
    def check(self) -> None:
        """Check every invariant of the engine and its book; raise BrokenInvariantError for one that does not hold."""
    @classmethod
    def restore(cls, state: bytes, structure: Structure = "ladder") -> RawMarket:
        """The market whose canonical state these bytes are."""
    @property
    def structure(self) -> Structure:
        """The name of the book's structure."""
