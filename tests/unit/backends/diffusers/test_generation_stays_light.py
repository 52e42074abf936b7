from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("package", ["goldenseed.backends.diffusers", "goldenseed.environment"])
def test_importing_every_module_leaves_the_heavy_libraries_out(package: str):
    code = (
        "import importlib, pkgutil, sys\n"
        f"package = importlib.import_module({package!r})\n"
        "for module in pkgutil.iter_modules(package.__path__):\n"
        f"    importlib.import_module({package!r} + '.' + module.name)\n"
        "heavy = {'torch', 'diffusers', 'transformers', 'numpy', 'PIL', 'peft', 'safetensors'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
