"""Networks as the Docker Engine API (1.41 to 1.50) describes them. Imported by type checkers only."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class IPAMConfig(TypedDict):
    """One subnet; texts as `10.0.0.0/24` and `10.0.0.1`."""

    Subnet: str
    Gateway: NotRequired[str]
    IPRange: NotRequired[str]
    AuxiliaryAddresses: NotRequired[dict[str, str]]


class IPAM(TypedDict):
    """`IPAM` of `inspect`."""

    Driver: str
    Options: dict[str, str] | None
    Config: list[IPAMConfig]


class NetworkEndpoint(TypedDict):
    """One entry of `Containers` of `inspect`, by the container's id; addresses with their prefix length."""

    Name: str
    EndpointID: str
    MacAddress: str
    IPv4Address: str
    IPv6Address: str


class NetworkInspect(TypedDict):
    """`GET /networks/{id}`, and one row of `GET /networks`; `Containers` are the running ones."""

    Name: str
    Id: str
    Created: str
    Scope: str
    Driver: str
    EnableIPv4: bool
    EnableIPv6: bool
    IPAM: IPAM
    Internal: bool
    Attachable: bool
    Ingress: bool
    ConfigFrom: dict[str, str]
    ConfigOnly: bool
    Containers: dict[str, NetworkEndpoint]
    Options: dict[str, str]
    Labels: dict[str, str]
