"""Networks, their subnets, the endpoints of containers, and the addresses that these hold."""

from __future__ import annotations

STATEMENTS = (
    # driver: 'bridge', 'host' or 'null'; builtin: made here, not removable;
    # bridge: name of the link, empty where there is none; config: a JSON document, see rocker.network.store.
    """CREATE TABLE networks (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        driver TEXT NOT NULL,
        builtin INTEGER NOT NULL,
        bridge TEXT NOT NULL,
        created_ns INTEGER NOT NULL,
        config TEXT NOT NULL
    ) WITHOUT ROWID""",
    # Addresses are big-endian blobs of 4 or 16 bytes: they compare as addresses do.
    # low, high: the first and the last that are given out; hint: none below it is free;
    # chosen: whether the user named the subnet; config: JSON with range and auxiliary addresses as they were named.
    """CREATE TABLE subnets (
        network_id TEXT NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        base BLOB NOT NULL,
        prefix INTEGER NOT NULL,
        gateway BLOB NOT NULL,
        low BLOB NOT NULL,
        high BLOB NOT NULL,
        hint BLOB NOT NULL,
        chosen INTEGER NOT NULL,
        config TEXT NOT NULL,
        PRIMARY KEY (network_id, position)
    ) WITHOUT ROWID""",
    # network_id is no foreign key: a network may go while a stopped container still belongs to it by name.
    """CREATE TABLE endpoints (
        container_id TEXT NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
        network_id TEXT NOT NULL,
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        position INTEGER NOT NULL,
        config TEXT NOT NULL,
        PRIMARY KEY (container_id, network_id)
    ) WITHOUT ROWID""",
    "CREATE INDEX endpoints_by_network ON endpoints (network_id)",
    # A lease goes with its endpoint, and so with its container's row, whoever dies when.
    # container_id is empty for gateways and auxiliary addresses.
    """CREATE TABLE leases (
        network_id TEXT NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
        address BLOB NOT NULL,
        container_id TEXT,
        PRIMARY KEY (network_id, address),
        FOREIGN KEY (container_id, network_id) REFERENCES endpoints (container_id, network_id) ON DELETE CASCADE
    ) WITHOUT ROWID""",
    "CREATE INDEX leases_by_endpoint ON leases (container_id, network_id)",
    # The lowest free address is given, as Docker does, without a walk over all that are taken.
    """CREATE TRIGGER lease_given_back AFTER DELETE ON leases BEGIN
        UPDATE subnets SET hint = OLD.address
            WHERE network_id = OLD.network_id AND length(base) = length(OLD.address)
            AND OLD.address >= low AND OLD.address < hint;
    END""",
    # Its subnet and the name of its bridge are chosen when it is first used, of what the host leaves free.
    """INSERT INTO networks (id, name, driver, builtin, bridge, created_ns, config)
        SELECT lower(hex(randomblob(32))), name, driver, 1, '',
            CAST(strftime('%s', 'now') AS INTEGER) * 1000000000, '{}'
        FROM (SELECT 'bridge' AS name, 'bridge' AS driver UNION SELECT 'host', 'host' UNION SELECT 'none', 'null')""",
)
