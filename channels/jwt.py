"""Signed tokens (RFC 7519): RS256 for Google's service accounts, ES256 for web push (VAPID)."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

P256_OCTETS = 32
P256Key = ec.EllipticCurvePrivateKey


def rsa_key(pem: str) -> rsa.RSAPrivateKey:
    """Read a private key in PEM; raises ValueError for anything else."""
    try:
        key = load_pem_private_key(pem.encode("ascii"), password=None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("the key cannot be read") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the key is not RSA")  # noqa: TRY004 - it has the right type and is the wrong kind of key
    return key


def p256_key(text: str) -> ec.EllipticCurvePrivateKey:
    """Read a private key as generators of VAPID keys write it: 32 bytes or DER in base64url, or PEM.

    Raises ValueError for anything else.
    """
    try:
        if text.lstrip().startswith("-----BEGIN"):
            key = load_pem_private_key(text.encode("ascii"), password=None)
        elif len(raw := from_base64url(text)) == P256_OCTETS:
            key = ec.derive_private_key(int.from_bytes(raw), ec.SECP256R1())
        else:
            key = load_der_private_key(raw, password=None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("the key cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the key is not of the curve P-256")  # noqa: TRY004 - see above
    return key


def public_point(key: ec.EllipticCurvePrivateKey) -> str:
    """Write the public key as browsers take it: the uncompressed point in base64url."""
    return base64url(key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def rs256(key: rsa.RSAPrivateKey, claims: Mapping[str, Any], *, key_id: str) -> str:
    signed = _unsigned({"alg": "RS256", "typ": "JWT", "kid": key_id}, claims)
    return f"{signed}.{base64url(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def es256(key: ec.EllipticCurvePrivateKey, claims: Mapping[str, Any]) -> str:
    """Sign; the signature is the two numbers in 32 bytes each, not DER (RFC 7518, 3.4)."""
    signed = _unsigned({"alg": "ES256", "typ": "JWT"}, claims)
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{base64url(r.to_bytes(P256_OCTETS) + s.to_bytes(P256_OCTETS))}"


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """Read base64url with or without its padding; raises ValueError."""
    bare = text.strip().rstrip("=")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)


def _unsigned(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in (header, claims))
    return ".".join(base64url(part) for part in parts)
