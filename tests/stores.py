"""Stores of models for the tests: a bucket behind S3's protocol, and pages of a web server."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "of-the-tests",
    "AWS_SECRET_ACCESS_KEY": "a secret of the tests",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Bucket:
    """One bucket of a server that speaks S3."""

    def __init__(self, endpoint: str) -> None:
        self.environment = {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint}
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=CREDENTIALS["AWS_DEFAULT_REGION"],
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )
        self._client.create_bucket(Bucket="models")

    def put(self, key: str, content: bytes) -> None:
        """Write one object."""
        self._client.put_object(Bucket="models", Key=key, Body=content)

    def put_in_parts(self, key: str, parts: list[bytes]) -> None:
        """Write one object as large ones are: each part but the last has 5 MiB or more."""
        to = {"Bucket": "models", "Key": key}
        upload = self._client.create_multipart_upload(**to)["UploadId"]
        sent = [
            {
                "PartNumber": number,
                "ETag": self._client.upload_part(
                    **to, UploadId=upload, PartNumber=number, Body=part
                )["ETag"],
            }
            for number, part in enumerate(parts, 1)
        ]
        self._client.complete_multipart_upload(
            **to, UploadId=upload, MultipartUpload={"Parts": sent}
        )

    def put_folder(self, prefix: str, folder: Path) -> None:
        """Write a folder's files."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes())

    def remove(self, prefix: str) -> None:
        """Remove every object below a prefix."""
        for each in self._client.list_objects_v2(Bucket="models", Prefix=prefix)["Contents"]:
            self._client.delete_object(Bucket="models", Key=each["Key"])


@contextmanager
def s3() -> Iterator[Bucket]:
    """A server on loopback that speaks S3, with the bucket `models`."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield Bucket(f"http://{host}:{port}")
    finally:
        server.stop()


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a caller that is killed in the middle is a test."""


@contextmanager
def web(handler: Any) -> Iterator[str]:
    """A web server on loopback; gives its address."""
    server = _Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A folder's files and pages, without a line for each request."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def folder_pages(folder: Path) -> Any:
    """What `python -m http.server` shows of a folder."""
    return partial(Quiet, directory=str(folder))


def pages(content: Mapping[str, str | bytes]) -> type[Quiet]:
    """What a server shows that has these pages by path, as it likes to link them."""

    class Pages(Quiet):
        def do_GET(self) -> None:
            self._send(with_body=True)

        def do_HEAD(self) -> None:
            self._send(with_body=False)

        def _send(self, *, with_body: bool) -> None:
            page = content.get(self.path)
            self.send_response(404 if page is None else 200)
            kind = "text/html" if isinstance(page, str) else "application/octet-stream"
            body = page.encode() if isinstance(page, str) else page or b""
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    return Pages
