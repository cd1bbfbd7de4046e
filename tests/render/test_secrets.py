"""No secret is in anything that is rendered: units, programs, site, configurations."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import rendering
from rendering import KEEPER_SECRET, SECRET, Rendered

PLANTED = {"database": "planted-in-database-url", "build": "planted-in-build-env"}
PASSWORDS = {"value": SECRET, "previous": ["before-the-rotation"], "forgotten": ["long-before-the-rotation"]}


@pytest.fixture(scope="module")
def site(scratch: Path) -> Rendered:
    """A site that has every kind of secret."""
    words = {
        "database_url": f"postgresql://shop:{PLANTED['database']}@db.example.com/shop",
        "build_env": {"INDEX_TOKEN": PLANTED["build"]},
        "__redis_password": PASSWORDS,
    }
    return rendering.render_sites(scratch, {"secretive": words})["secretive"]


def test_no_secret_is_rendered(site: Rendered) -> None:
    secrets = [*PLANTED.values(), SECRET, KEEPER_SECRET, *PASSWORDS["previous"], *PASSWORDS["forgotten"]]
    texts = {**site.files, **site.processes, "groups": str(site.groups)}
    assert [(name, secret) for name, text in texts.items() for secret in secrets if secret in text] == []


def test_every_password_that_counts_is_accepted_by_its_hash(site: Rendered) -> None:
    passwords = [SECRET, *PASSWORDS["previous"], *PASSWORDS["forgotten"]]
    hashes = [f"#{hashlib.sha256(password.encode()).hexdigest()}" for password in passwords]
    assert f"\nuser shop on {' '.join(hashes)} resetkeys " in site.files["redis/redis.acl.j2"]
