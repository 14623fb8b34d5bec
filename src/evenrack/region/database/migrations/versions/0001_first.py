"""The first schema: regions, racks, their links, who manages whom, events and problems."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE cluster (
        id integer PRIMARY KEY CONSTRAINT cluster_is_one CHECK (id = 1),
        schema_min integer NOT NULL,
        schema_max integer NOT NULL,
        secret_fingerprint text,
        secret_host text,
        key_fingerprint text,
        key_host text
    )
    """,
    "COMMENT ON TABLE cluster IS "
    "'One row: which programs may use this database, and where secret and key were made.'",
    "INSERT INTO cluster (id, schema_min, schema_max) VALUES (1, 1, 1)",
    """
    CREATE TABLE leadership (
        id integer PRIMARY KEY CONSTRAINT leadership_is_one CHECK (id = 1),
        epoch bigint NOT NULL,
        era bigint NOT NULL,
        generation bigint NOT NULL,
        database_identity text NOT NULL,
        holder_id text,
        holder_incarnation bigint NOT NULL,
        lock_backend integer NOT NULL
    )
    """,
    "COMMENT ON TABLE leadership IS "
    "'One row: the fence of the leader and the number of the fleet.'",
    "INSERT INTO leadership VALUES (1, 0, 0, 0, '', NULL, 0, 0)",
    "CREATE TABLE region (id text PRIMARY KEY, hostname text NOT NULL)",
    """
    CREATE TABLE process (
        id text PRIMARY KEY,
        region_id text NOT NULL REFERENCES region (id),
        incarnation bigint NOT NULL,
        beat bigint NOT NULL,
        pid integer NOT NULL,
        addresses jsonb NOT NULL,
        state text NOT NULL CONSTRAINT process_state_known
            CHECK (state in ('running', 'dead', 'off'))
    )
    """,
    """
    CREATE TABLE rack (
        id text PRIMARY KEY,
        hostname text NOT NULL,
        run text NOT NULL,
        address text NOT NULL,
        stopped boolean NOT NULL,
        holds_era bigint NOT NULL,
        holds_generation bigint NOT NULL,
        holds_fingerprint text NOT NULL,
        clone_address text,
        clone_at timestamptz
    )
    """,
    """
    CREATE TABLE connection (
        link text PRIMARY KEY,
        process_id text NOT NULL REFERENCES process (id),
        incarnation bigint NOT NULL,
        rack_id text NOT NULL REFERENCES rack (id),
        run text NOT NULL,
        address text NOT NULL,
        rack_holds boolean NOT NULL DEFAULT true
    )
    """,
    "CREATE INDEX connection_of_process ON connection (process_id)",
    "CREATE INDEX connection_of_rack ON connection (rack_id)",
    "COMMENT ON TABLE connection IS "
    "'One row for each live socket between a rack and a region process.'",
    """
    CREATE TABLE managing (
        rack_id text PRIMARY KEY REFERENCES rack (id),
        process_id text NOT NULL REFERENCES process (id),
        era bigint NOT NULL,
        generation bigint NOT NULL
    )
    """,
    "CREATE INDEX managing_of_process ON managing (process_id)",
    """
    CREATE TABLE rack_interface (
        rack_id text REFERENCES rack (id) ON DELETE CASCADE,
        address text,
        name text NOT NULL,
        PRIMARY KEY (rack_id, address)
    )
    """,
    "COMMENT ON TABLE rack_interface IS "
    "'The addresses (with prefix length) that each rack says it has, and on which interface.'",
    """
    CREATE TABLE vlan (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL CONSTRAINT vlan_name_once UNIQUE,
        fabric text NOT NULL,
        vid integer,
        dhcp_on boolean NOT NULL,
        lease_seconds integer NOT NULL,
        max_response_delay integer NOT NULL,
        mclt integer NOT NULL,
        split integer NOT NULL,
        era bigint NOT NULL,
        generation bigint NOT NULL,
        CONSTRAINT vlan_vid_once UNIQUE (fabric, vid)
    )
    """,
    """
    CREATE TABLE subnet (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        vlan_id integer NOT NULL REFERENCES vlan (id) ON DELETE CASCADE,
        cidr text NOT NULL CONSTRAINT subnet_cidr_once UNIQUE,
        gateway text,
        dns_servers text[] NOT NULL,
        ntp_servers text[] NOT NULL,
        domain text NOT NULL,
        era bigint NOT NULL,
        generation bigint NOT NULL
    )
    """,
    "CREATE INDEX subnet_of_vlan ON subnet (vlan_id)",
    """
    CREATE TABLE ip_range (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        subnet_id integer NOT NULL REFERENCES subnet (id) ON DELETE CASCADE,
        first text NOT NULL,
        last text NOT NULL,
        era bigint NOT NULL,
        generation bigint NOT NULL
    )
    """,
    "CREATE INDEX ip_range_of_subnet ON ip_range (subnet_id)",
    """
    CREATE TABLE reservation (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        subnet_id integer NOT NULL REFERENCES subnet (id) ON DELETE CASCADE,
        mac text NOT NULL,
        address text NOT NULL,
        hostname text NOT NULL,
        era bigint NOT NULL,
        generation bigint NOT NULL
    )
    """,
    "CREATE INDEX reservation_of_subnet ON reservation (subnet_id)",
    """
    CREATE TABLE dhcp_pair (
        vlan_id integer PRIMARY KEY REFERENCES vlan (id) ON DELETE CASCADE,
        primary_rack text NOT NULL REFERENCES rack (id),
        secondary_rack text REFERENCES rack (id),
        era bigint NOT NULL,
        generation bigint NOT NULL
    )
    """,
    "COMMENT ON TABLE dhcp_pair IS "
    "'Designations: which two racks are to serve a VLAN. The files follow, see dhcp_service.'",
    """
    CREATE TABLE dhcp_service (
        vlan_id integer PRIMARY KEY REFERENCES vlan (id) ON DELETE CASCADE,
        primary_rack text NOT NULL REFERENCES rack (id),
        primary_address text NOT NULL,
        secondary_rack text REFERENCES rack (id),
        secondary_address text,
        era bigint NOT NULL,
        generation bigint NOT NULL
    )
    """,
    "COMMENT ON TABLE dhcp_service IS "
    "'Who has a VLAN in the configuration file, with the number of its last change.'",
    """
    CREATE TABLE rack_dhcp (
        rack_id text PRIMARY KEY REFERENCES rack (id) ON DELETE CASCADE,
        report jsonb NOT NULL,
        turn text NOT NULL
    )
    """,
    "COMMENT ON TABLE rack_dhcp IS "
    "'What each rack says of its DHCP server, and the plan for which it has the turn to restart.'",
    """
    CREATE TABLE bmc (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL CONSTRAINT bmc_name_once UNIQUE,
        driver text NOT NULL,
        address text NOT NULL,
        port integer NOT NULL,
        "user" text NOT NULL,
        password bytea NOT NULL,
        cipher_suite integer,
        era bigint NOT NULL,
        generation bigint NOT NULL,
        CONSTRAINT bmc_address_once UNIQUE (address, port)
    )
    """,
    "COMMENT ON TABLE bmc IS "
    "'What switches machines; passwords are sealed with a key of the key file.'",
    """
    CREATE TABLE machine (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL CONSTRAINT machine_name_once UNIQUE,
        bmc_id integer NOT NULL CONSTRAINT machine_bmc_once UNIQUE REFERENCES bmc (id),
        era bigint NOT NULL,
        generation bigint NOT NULL
    )
    """,
    """
    CREATE TABLE bmc_reach (
        bmc_id integer REFERENCES bmc (id) ON DELETE CASCADE,
        rack_id text REFERENCES rack (id) ON DELETE CASCADE,
        PRIMARY KEY (bmc_id, rack_id)
    )
    """,
    "COMMENT ON TABLE bmc_reach IS 'Which racks say that a BMC answers them.'",
    """
    CREATE TABLE bmc_owner (
        bmc_id integer PRIMARY KEY REFERENCES bmc (id) ON DELETE CASCADE,
        rack_id text NOT NULL REFERENCES rack (id),
        era bigint NOT NULL,
        generation bigint NOT NULL
    )
    """,
    """
    CREATE TABLE power_order (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        bmc_id integer NOT NULL REFERENCES bmc (id) ON DELETE CASCADE,
        machine text NOT NULL,
        action text NOT NULL,
        attempt integer NOT NULL,
        rack_id text REFERENCES rack (id),
        tried text[] NOT NULL,
        phase text NOT NULL,
        who text NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        ended_at timestamptz,
        result text,
        state text NOT NULL,
        error text NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX power_order_one_for_each_bmc ON power_order (bmc_id) WHERE result IS NULL",
    "COMMENT ON TABLE power_order IS "
    "'What operators ordered of machines, how far it got, and how it ended.'",
    """
    CREATE TABLE event (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        kind text NOT NULL,
        object text NOT NULL,
        text text NOT NULL,
        data jsonb NOT NULL,
        era bigint NOT NULL,
        generation bigint NOT NULL
    )
    """,
    "CREATE INDEX event_of_kind ON event (kind, id)",
    """
    CREATE TABLE problem (
        code text NOT NULL,
        object text NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        affects text NOT NULL,
        PRIMARY KEY (code, object)
    )
    """,
    "COMMENT ON TABLE problem IS "
    "'Open problems with when they began; the leader opens and closes them.'",
)


def upgrade() -> None:
    """Make every table and its single rows."""
    for statement in STATEMENTS:
        op.execute(statement)
