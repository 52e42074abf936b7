"""Sigstore's services on loopback: an authority, a log of certificates and a log of signatures.

The public ones cannot be reached where these tests run. What signs and verifies is the library;
here are keys, certificates and answers alone, as Fulcio and Rekor v1 give them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

ISSUER = "https://issuer.test"
_ISSUER_OID = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_SCT_OID = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


def token(who: str, **changes: Any) -> str:
    """Return an identity token for ``who``, which nobody but the authority here would believe."""
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": who, "aud": "sigstore", "iat": now, "exp": now + 600}
    return jwt.encode({**claims, **changes}, "k" * 32, algorithm="HS256")


class Services:
    """The keys of one instance, and what it answers."""

    def __init__(self) -> None:
        """Make an authority and two logs."""
        self._root_key, self._ct_key, self._log_key = (
            ec.generate_private_key(ec.SECP256R1()) for _ in range(3)
        )
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fulcio")])
        self._root = (
            _builder(name, name, self._root_key.public_key(), timedelta(days=9))
            .add_extension(x509.BasicConstraints(True, 0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._root_key.public_key()),
                critical=False,
            )
            .sign(self._root_key, hashes.SHA256())
        )

    def certificate(self, request: x509.CertificateSigningRequest, who: str) -> list[str]:
        """Certify the key of a request for ``who``; the log's promise is in the certificate."""
        issuer = self._root.subject
        builder = (
            _builder(x509.Name([]), issuer, request.public_key(), timedelta(minutes=10))
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._root_key.public_key()),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(who)]), critical=True)
            .add_extension(x509.UnrecognizedExtension(_ISSUER_OID, ISSUER.encode()), critical=False)
        )
        before = builder.sign(self._root_key, hashes.SHA256())
        sct = x509.UnrecognizedExtension(_SCT_OID, _der(0x04, self._promise(before)))
        made = builder.add_extension(sct, critical=False).sign(self._root_key, hashes.SHA256())
        pem = serialization.Encoding.PEM
        return [each.public_bytes(pem).decode() for each in (made, self._root)]

    def _promise(self, certificate: x509.Certificate) -> bytes:
        """Return a list of one SCT over a certificate that lacks it (RFC 6962)."""
        key_hash = hashlib.sha256(_spki(self._root_key)).digest()
        tbs = certificate.tbs_certificate_bytes
        entry = key_hash + len(tbs).to_bytes(3) + tbs
        now = int(time.time() * 1000)
        signed = struct.pack("!BBQH", 0, 0, now, 1) + entry + b"\0\0"
        signature = self._ct_key.sign(signed, ec.ECDSA(hashes.SHA256()))
        log_id = hashlib.sha256(_spki(self._ct_key)).digest()
        sct = b"\0" + log_id + now.to_bytes(8) + b"\0\0\x04\x03"
        sct += len(signature).to_bytes(2) + signature
        listed = len(sct).to_bytes(2) + sct
        return len(listed).to_bytes(2) + listed

    def entry(self, proposed: dict[str, Any]) -> dict[str, Any]:
        """Log a signature, as the only one of a new log; return the entry with its proofs."""
        content = proposed["spec"]["proposedContent"]
        envelope = json.loads(content["envelope"])
        payload = base64.b64decode(envelope["payload"])
        body = {
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": _sha256(content["envelope"].encode()),
                "payloadHash": _sha256(payload),
                "signatures": [
                    {"signature": each["sig"], "verifier": content["verifiers"][0]}
                    for each in envelope["signatures"]
                ],
            },
        }
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
        root = hashlib.sha256(b"\0" + canonical).digest()
        log_id = hashlib.sha256(_spki(self._log_key)).digest()
        note = f"log.test - 1\n1\n{base64.b64encode(root).decode()}\n"
        signed = base64.b64encode(log_id[:4] + self._log_signature(note.encode())).decode()
        promised = {
            "body": base64.b64encode(canonical).decode(),
            "integratedTime": int(time.time()),
            "logID": log_id.hex(),
            "logIndex": 0,
        }
        promise = json.dumps(promised, sort_keys=True, separators=(",", ":")).encode()
        return {
            "0" * 80: {
                **promised,
                "verification": {
                    "signedEntryTimestamp": base64.b64encode(self._log_signature(promise)).decode(),
                    "inclusionProof": {
                        "logIndex": 0,
                        "rootHash": root.hex(),
                        "treeSize": 1,
                        "hashes": [],
                        "checkpoint": f"{note}\n— log.test {signed}\n",
                    },
                },
            }
        }

    def _log_signature(self, data: bytes) -> bytes:
        return self._log_key.sign(data, ec.ECDSA(hashes.SHA256()))

    def trust_config(self, url: str) -> dict[str, Any]:
        """Return the client trust config that a caller of the services at ``url`` would have."""
        service = {
            "url": url,
            "majorApiVersion": 1,
            "validFor": {"start": "2025-01-01T00:00:00Z"},
            "operator": "tests",
        }
        der = self._root.public_bytes(serialization.Encoding.DER)
        authority = {
            "subject": {"organization": "tests", "commonName": "fulcio"},
            "uri": url,
            "certChain": {"certificates": [{"rawBytes": base64.b64encode(der).decode()}]},
            "validFor": {"start": "2025-01-01T00:00:00Z"},
        }
        return {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": {
                "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [_log(url, self._log_key)],
                "certificateAuthorities": [authority],
                "ctlogs": [_log(url, self._ct_key)],
                "timestampAuthorities": [],
            },
            "signingConfig": {
                "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                "caUrls": [service],
                "oidcUrls": [service],
                "rekorTlogUrls": [service],
                "rekorTlogConfig": {"selector": "ANY"},
                "tsaUrls": [],
            },
        }


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Any, lasting: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + lasting)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _der(tag: int, data: bytes) -> bytes:
    size = len(data)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2)
    return bytes([tag]) + length + data


def _spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.DER, form)


def _log(url: str, key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    spki = _spki(key)
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": base64.b64encode(spki).decode(),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": {"start": "2025-01-01T00:00:00Z"},
        },
        "logId": {"keyId": base64.b64encode(hashlib.sha256(spki).digest()).decode()},
    }


def _sha256(data: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


@contextmanager
def serving(services: Services) -> Iterator[str]:
    """Serve an instance on loopback; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if "certificateSigningRequest" in asked:
                pem = base64.b64decode(asked["certificateSigningRequest"])
                bearer = self.headers["Authorization"].removeprefix("Bearer ")
                who = jwt.decode(bearer, options={"verify_signature": False})["sub"]
                chain = services.certificate(x509.load_pem_x509_csr(pem), who)
                found = {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}
            else:
                found = services.entry(asked)
            data = json.dumps(found).encode()
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
