"""One tenant's blind index, with a bounded memory of what was asked last."""

from functools import lru_cache

from infra.keys.blind_index import address_index, name_index, text_index

MAX_REMEMBERED = 20_000


class TenantIndex:
    """Implements `domain.grouping.BlindIndex` under one tenant's search key."""

    def __init__(self, search_key: bytes) -> None:
        self._search_key = search_key
        self._name = lru_cache(MAX_REMEMBERED)(lambda text: name_index(search_key, text))
        self._address = lru_cache(MAX_REMEMBERED)(lambda text: address_index(search_key, text))

    def name(self, text: str) -> str:
        return self._name(text)

    def address(self, text: str) -> str:
        return self._address(text)

    def text(self, kind: str, text: str) -> str:
        return text_index(self._search_key, kind, text)
