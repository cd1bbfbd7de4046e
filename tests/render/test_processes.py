"""What each server word becomes, whichever process manager keeps it alive."""

from __future__ import annotations

from rendering import ALIASES, ENGINES, Rendered


def test_the_groups_are_the_engines_of_the_word(rendered: Rendered) -> None:
    names = ALIASES.get(rendered.server, rendered.server).split("+")
    assert [group["engine"] for group in rendered.groups] == names
    assert [group["interface"] for group in rendered.groups] == [ENGINES[name]["interface"] for name in names]


def test_a_release_offers_websockets_exactly_when_something_speaks_asgi(rendered: Rendered) -> None:
    kinds = {link["name"].split("/")[0] for link in rendered.links}
    assert kinds == {"http", "async"} | ({"ws"} if "asgi" in rendered.interfaces else set())


def test_beside_asgi_a_wsgi_engine_answers_plain_http_only(rendered: Rendered) -> None:
    offers = {group["interface"]: group["offers"] for group in rendered.groups}
    if rendered.interfaces == {"wsgi", "asgi"}:
        assert offers == {"wsgi": ["http"], "asgi": ["async", "ws"]}


def test_every_process_gets_its_share_of_the_socket_names(rendered: Rendered) -> None:
    for group in rendered.groups:
        for offer in group["offers"]:
            targets = [link["target"] for link in rendered.links if link["name"].startswith(f"{offer}/")]
            shares = {target: targets.count(target) for target in targets}
            assert len(shares) == group["instances"]
            assert max(shares.values()) - min(shares.values()) <= 1
