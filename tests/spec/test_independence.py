"""The specification needs no binary and nothing outside of the standard library."""

from __future__ import annotations

import ast
import doctest
import subprocess
import sys

from proofbook import spec
from spec.examples import ROOT


def test_no_binary_is_loaded() -> None:
    program = (
        "import sys; from proofbook import spec; spec.state_root(spec.State(config=spec.Config()).encode()); "
        "outside = {name for name in sys.modules if name.startswith('proofbook')}; print(sorted(outside)); "
        "sys.exit('proofbook._core' in sys.modules or 'pyarrow' in sys.modules or 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_specification_imports_the_standard_library_alone() -> None:
    sources = sorted((ROOT / "python" / "proofbook" / "spec").glob("*.py"))
    assert len(sources) >= 10
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
            for module in modules:
                is_ours = module == "proofbook.errors" or module.startswith("proofbook.spec.")
                assert is_ours or module.split(".")[0] in sys.stdlib_module_names, f"{source.name}: {module}"


def test_the_examples_in_its_documentation_run() -> None:
    failures, examples = doctest.testmod(spec, optionflags=doctest.ELLIPSIS)
    assert (failures, examples > 5) == (0, True)
