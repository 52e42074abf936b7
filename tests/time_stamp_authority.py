"""A time stamp authority of one's own: OpenSSL's, behind HTTP on loopback."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CONFIG = """\
[tsa]
default_tsa = here
[here]
serial = serial
default_policy = 1.2.3.4.1
digests = sha256, sha512
signer_digest = sha256
ess_cert_id_alg = sha256
"""


def write_authority(folder: Path, *, until: timedelta = timedelta(days=9)) -> Path:
    """Write key, certificate and configuration into ``folder``; return the root's PEM file."""
    folder.mkdir(parents=True, exist_ok=True)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = certificate("root", root_key, (x509.BasicConstraints(True, None),), by=root_key)
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    leaf = certificate("authority", key, (purpose,), by=root_key, until=until)
    pem = serialization.Encoding.PEM
    (folder / "root.pem").write_bytes(root.public_bytes(pem))
    (folder / "authority.pem").write_bytes(leaf.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "openssl.cnf").write_text(CONFIG)
    (folder / "serial").write_text("01\n")
    return folder / "root.pem"


def certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    extensions: tuple[x509.ExtensionType, ...],
    *,
    by: ec.EllipticCurvePrivateKey,
    until: timedelta = timedelta(days=9),
) -> x509.Certificate:
    """Return a certificate of ``name``, signed by the key of one called ``root``."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + until)
    )
    for each in extensions:
        builder = builder.add_extension(each, critical=True)
    return builder.sign(by, hashes.SHA256())


def answered(folder: Path, query: bytes) -> bytes:
    """Answer one query as ``openssl ts -reply`` does."""
    (folder / "query").write_bytes(query)
    words = "ts -reply -config openssl.cnf -queryfile query -signer authority.pem -inkey key.pem"
    words += " -out answer"
    subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True)
    return (folder / "answer").read_bytes()


@contextmanager
def serving(answer: Any) -> Iterator[str]:
    """Serve ``answer`` (a query's bytes → bytes) on loopback; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            data = answer(query)
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
