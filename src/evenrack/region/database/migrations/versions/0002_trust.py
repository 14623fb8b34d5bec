"""Trust: authorities, certificates, enrolment secrets, tokens and the audit log."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """
    CREATE TABLE authority (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        state text NOT NULL
            CONSTRAINT authority_state CHECK (state IN ('next', 'active', 'retiring')),
        certificate text NOT NULL,
        sealed_key bytea NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX authority_one_signs ON authority (state) WHERE state = 'active'",
    "COMMENT ON TABLE authority IS "
    "'Who is trusted to sign certificates; the active one signs. Keys are sealed.'",
    """
    CREATE TABLE certificate (
        serial text PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        rack_id text,
        region text,
        authority_id integer NOT NULL,
        not_after timestamptz NOT NULL,
        revoked_at timestamptz,
        CONSTRAINT certificate_of_one CHECK ((rack_id IS NULL) <> (region IS NULL))
    )
    """,
    "CREATE INDEX certificate_of_rack ON certificate (rack_id)",
    "CREATE INDEX certificate_revoked ON certificate (not_after) WHERE revoked_at IS NOT NULL",
    "COMMENT ON TABLE certificate IS "
    "'Every certificate that was issued; a revoked one is refused at the handshake.'",
    """
    CREATE TABLE enrolment (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        who text NOT NULL,
        name text NOT NULL CONSTRAINT enrolment_name_key UNIQUE,
        lookup text NOT NULL CONSTRAINT enrolment_lookup_key UNIQUE,
        sealed_secret bytea NOT NULL,
        rack_id text,
        uses_left integer NOT NULL CONSTRAINT enrolment_uses CHECK (uses_left >= 0),
        expires_at timestamptz NOT NULL,
        revoked_at timestamptz
    )
    """,
    "COMMENT ON TABLE enrolment IS "
    "'Secrets by which new racks join, each limited in time and count. Sealed.'",
    """
    CREATE TABLE token (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        who text NOT NULL,
        name text NOT NULL CONSTRAINT token_name_key UNIQUE,
        role text NOT NULL
            CONSTRAINT token_role CHECK (role IN ('viewer', 'operator', 'admin')),
        hash bytea NOT NULL CONSTRAINT token_hash_key UNIQUE,
        expires_at timestamptz NOT NULL,
        revoked_at timestamptz
    )
    """,
    "COMMENT ON TABLE token IS 'Who may ask over HTTP, and how much; only hashes are kept.'",
    """
    CREATE TABLE audit (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now(),
        who text NOT NULL,
        role text NOT NULL,
        source text NOT NULL,
        deed text NOT NULL,
        status integer NOT NULL,
        data jsonb NOT NULL
    )
    """,
    "COMMENT ON TABLE audit IS 'Every change that was asked for: by whom, from where, what of it.'",
    "ALTER TABLE rack ADD COLUMN trusts text NOT NULL DEFAULT ''",
    "ALTER TABLE process ADD COLUMN trusts text NOT NULL DEFAULT ''",
    "ALTER TABLE cluster DROP COLUMN secret_fingerprint, DROP COLUMN secret_host",
    "COMMENT ON TABLE cluster IS "
    "'One row: which programs may use this database, and where its key was made.'",
    "UPDATE cluster SET schema_min = 2, schema_max = 2",
)


def upgrade() -> None:
    """Make the tables; programs of schema 1 know no certificates and are refused from now on."""
    for statement in STATEMENTS:
        op.execute(statement)
