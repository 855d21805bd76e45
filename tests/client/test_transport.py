"""One attempt: trust, request bodies, and versions."""

import datetime as dt
import ssl
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aioklaviyo import ConnectionFailed
from aioklaviyo._version import installed_version
from aioklaviyo.transport import _Body
from client.client_calls import ANN
from client.client_server import Connect, PaperClock


@pytest.fixture
def untrusted(tmp_path: Path) -> ssl.SSLContext:
    """A server's context whose certificate nobody has signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2120, 1, 1, tzinfo=dt.UTC))
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def test_a_server_that_cannot_be_trusted_gets_no_request_and_no_second_try(
    connect: Connect, clock: PaperClock, untrusted: ssl.SSLContext
) -> None:
    seen: list[str] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        seen.append(request.path)
        return web.Response()

    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=untrusted).start()
        client = await connect(f"https://127.0.0.1:{runner.addresses[0][1]}")
        with pytest.raises(ConnectionFailed, match="certificate") as caught:
            await client.profiles.create(ANN)
    finally:
        await runner.cleanup()
    assert (caught.value.attempts, clock.sleeps, seen) == (1, [], [])


async def test_a_body_can_be_read_back_and_written_without_a_length() -> None:
    class Writer:
        written = b""

        async def write(self, chunk: bytes) -> None:
            self.written += chunk

    body, writer = _Body(b"{}"), Writer()
    assert body.decode() == "{}"
    assert not body.has_started
    await body.write(writer)  # pyright: ignore[reportArgumentType] - all of a writer that is used
    assert (writer.written, body.has_started) == (b"{}", True)


def test_the_version_is_the_first_installed_distributions() -> None:
    assert installed_version("no-such-distribution", "pytest") == pytest.__version__
    assert installed_version("no-such-distribution") == "0+unknown"
