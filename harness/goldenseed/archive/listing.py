"""What archives say of themselves, in a list: nothing is verified but whose signature it is."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.archive import layout
from goldenseed.archive.findings import RunSaid
from goldenseed.archive.packed import SUFFIX, UNREADABLE, member_bytes
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular
from goldenseed.runs.folder import load_run
from goldenseed.runs.journal import RECORD_LIMIT_BYTES
from goldenseed.runs.record import RunRecord

if TYPE_CHECKING:
    from goldenseed.archive.trust import Trust

_SIGNATURE = layout.signature_name(1)
_SMALL = 2**20


@dataclass(frozen=True, slots=True)
class Listed:
    """One archive, as it says."""

    path: Path
    run: RunRecord | None
    signer: str
    """The first signer's fingerprint where that is a trusted key; else that it is not."""
    problem: str = ""

    @property
    def line(self) -> str:
        """The archive in a line: path, date, profile, suites, outcome, signer."""
        if self.run is None:
            return f"{self.path.name}  {self.problem}"
        said = RunSaid.of(self.run)
        return f"{self.path.name}  {said.made}  {said.outcome}  {self.signer}"


def listed(folder: Path, trusted: Trust) -> Iterator[Listed]:
    """Yield the archives that lie in ``folder``, folders and zip files, by name."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and (path / layout.TAG_MANIFEST).is_file():
            yield _listed(path, path, trusted)
        elif path.suffix == SUFFIX and path.is_file() and zipfile.is_zipfile(path):
            with tempfile.TemporaryDirectory(prefix="goldenseed-") as made:
                try:
                    found = _extracted(path, Path(made))
                except (GoldenseedError, *UNREADABLE) as error:
                    yield Listed(path, None, "", f"cannot be read: {error}")
                    continue
                if found:
                    yield _listed(path, Path(made), trusted)


def _extracted(path: Path, target: Path) -> bool:
    """Take out what a list needs; say whether it is an archive."""
    limits = {layout.RECORD: RECORD_LIMIT_BYTES, layout.TAG_MANIFEST: layout.TAG_LIMIT}
    limits[_SIGNATURE] = _SMALL
    with zipfile.ZipFile(path) as packed:
        if layout.TAG_MANIFEST not in packed.namelist():
            return False
        for name, limit in limits.items():
            data = member_bytes(packed, name, limit)
            if data is not None:
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                (target / name).write_bytes(data)
    return True


def _listed(path: Path, root: Path, trusted: Trust) -> Listed:
    try:
        return Listed(path, load_run(root / layout.RUN, results_only=True), _signer(root, trusted))
    except GoldenseedError as error:
        return Listed(path, None, "", f"cannot be read: {error.what}")


def _signer(root: Path, trusted: Trust) -> str:
    if not (root / _SIGNATURE).is_file():
        return "not signed"
    if not trusted.keys:
        return "signed, by nobody known"
    from goldenseed.archive.ssh_signatures import read_signature

    signature = read_signature(read_regular(root / _SIGNATURE, _SMALL))
    data = read_regular(root / layout.TAG_MANIFEST, layout.TAG_LIMIT)
    line, _ = trusted.believed(signature.key, datetime.now(UTC))
    if line is not None and signature.fault(data) is None:
        return f"signed by {signature.key.fingerprint}"
    return "signed, by nobody trusted"
