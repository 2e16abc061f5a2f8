"""An address is told from a folder, shown without its secrets, and mirrored where it should be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from service import cli
from service.machine.addresses import cache_folder, is_remote, masked
from service.settings import Settings


@pytest.mark.parametrize(
    ("location", "remote"),
    [
        ("s3://bucket/models", True),
        ("https://host/models/", True),
        ("abfs+x://container@account/models", True),
        ("models", False),
        ("/srv/models", False),
        ("C:\\models", False),
        ("C://models", False),
        ("odd:name/models", False),
    ],
)
def test_an_address_is_told_from_a_folder(location: str, remote: bool) -> None:
    assert is_remote(location) is remote
    settings = Settings(models_dir=location)
    assert (settings.models_address is not None) is remote
    assert str(settings.models_dir) == (location if remote else str(Path(location)))


def test_what_is_shown_holds_no_secret() -> None:
    address = "https://reader:p%40ss@host:8443/models/?sig=abc#part"
    assert masked(address) == "https://host:8443/models/?…"
    settings = Settings(models_dir=address, cache_dir=Path("/cache"))
    assert settings.models_shown == "https://host:8443/models/?…"
    assert "p%40ss" not in str(settings.models_folder)
    assert settings.models_folder.parent == Path("/cache")


def test_every_store_has_a_folder_of_its_own() -> None:
    addresses = ["s3://a/b", "s3://a-b", "gs://a/b", "s3://a/b c", f"s3://a/{'long/' * 100}"]
    folders = {cache_folder(address, Path("/cache")) for address in addresses}
    assert len(folders) == len(addresses)
    assert all(len(folder.name) < 128 for folder in folders)
    # A new password or a slash at the end is the same store.
    assert cache_folder("s3://a/b/", None) == cache_folder("s3://x:y@a/b", None)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's folder of caches")
def test_the_cache_is_in_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("s3://a/b", None).parent == tmp_path / "lutrin"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder("s3://a/b", None).parent == tmp_path / ".cache" / "lutrin"


def test_make_serve_learns_what_reads_the_address(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for address, extra in [("s3://a/b", "s3\n"), ("gs://a", "gcs\n"), ("memory://a", "")]:
        monkeypatch.setenv("MODELS_DIR", address)
        assert cli.extras([]) == 0
        assert capsys.readouterr().out == extra
