"""Print the package's requirements, one per line, with those of the extras named: what `pip install` is to be given.

They are installed apart from the package itself, so that a change of the native code does not ask for them again.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def main() -> None:
    """Read pyproject.toml and print."""
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    requirements = list(project["dependencies"])
    for extra in sys.argv[1:]:
        requirements += project["optional-dependencies"][extra]
    print("\n".join(requirement.replace(" ", "") for requirement in requirements))


if __name__ == "__main__":
    main()
