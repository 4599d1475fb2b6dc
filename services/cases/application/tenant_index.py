"""The blind indexes of one tenant, by the functions that every service writes and looks up with."""

from infra.keys.blind_index import address_index, name_index, text_index


class TenantIndex:
    """Implements the domain's `Index` under the tenant's search key (32 bytes)."""

    def __init__(self, search_key: bytes) -> None:
        self._search_key = search_key

    def name(self, text: str) -> str:
        return name_index(self._search_key, text)

    def address(self, text: str) -> str:
        return address_index(self._search_key, text)

    def text(self, kind: str, text: str) -> str:
        return text_index(self._search_key, kind, text)
