"""The tables, their version, and the refusal of files this program cannot read.

Two shapes. What is many and asked for in bulk (profiles, events, members of groups) has tables of its own. All other
resources are rows of `record`: a type, an id, and a JSON body; `link` ties them to each other.

Events are the big table. Rows are found by row number; the public id is computed from it (see `ids`), so that an insert
touches the table and its five indices and nothing else. Instants are whole seconds since 1970; in columns that end in
`_us` they are microseconds. References are declared and not enforced: nothing but this package writes here.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache

APPLICATION_ID = 0x4B4C5645  # "KLVE"


class StateError(RuntimeError):
    """The state file cannot be used."""


_FIRST = (
    "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE profile (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      email TEXT COLLATE NOCASE,
      phone_number TEXT,
      external_id TEXT,
      anonymous_id TEXT,
      kx TEXT,
      created INTEGER NOT NULL,
      updated INTEGER NOT NULL,
      last_event INTEGER,
      details TEXT NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX profile_email ON profile (email) WHERE email IS NOT NULL",
    "CREATE UNIQUE INDEX profile_phone_number ON profile (phone_number) WHERE phone_number IS NOT NULL",
    "CREATE UNIQUE INDEX profile_external_id ON profile (external_id) WHERE external_id IS NOT NULL",
    "CREATE INDEX profile_anonymous_id ON profile (anonymous_id) WHERE anonymous_id IS NOT NULL",
    "CREATE INDEX profile_kx ON profile (kx) WHERE kx IS NOT NULL",
    "CREATE INDEX profile_created ON profile (created, id)",
    "CREATE INDEX profile_updated ON profile (updated, id)",
    "CREATE INDEX profile_email_order ON profile (coalesce(email, ''), id)",
    """
    CREATE TABLE integration (
      service TEXT PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      key TEXT NOT NULL,
      name TEXT NOT NULL,
      category TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE metric (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      name TEXT NOT NULL,
      service TEXT NOT NULL REFERENCES integration (service),
      created INTEGER NOT NULL,
      updated INTEGER NOT NULL,
      has_value INTEGER NOT NULL DEFAULT 0,
      UNIQUE (name, service)
    )
    """,
    # `value` has no type, so that 3 stays an integer and 3.0 a float.
    """
    CREATE TABLE event (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      profile INTEGER NOT NULL REFERENCES profile (seq),
      metric INTEGER NOT NULL REFERENCES metric (seq),
      time INTEGER NOT NULL,
      unique_id TEXT NOT NULL,
      value,
      currency TEXT,
      properties TEXT NOT NULL,
      UNIQUE (profile, metric, unique_id)
    )
    """,
    "CREATE INDEX event_profile_metric_time ON event (profile, metric, time)",
    "CREATE INDEX event_profile_time ON event (profile, time)",
    "CREATE INDEX event_metric_time ON event (metric, time)",
    "CREATE INDEX event_time ON event (time)",
)
_SECOND = (
    # The events of a profile, and all events, are found metric by metric. Indices that spare that cost each event more
    # than they spare a page: what is stored by time touches many places of an index, and all of them are written.
    "DROP INDEX event_profile_time",
    "DROP INDEX event_time",
    # Any resource that is not many: lists, segments, tags, templates, campaigns, flows, catalogues, coupons, jobs ...
    """
    CREATE TABLE record (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      type TEXT NOT NULL,
      id TEXT NOT NULL,
      created_us INTEGER NOT NULL,
      updated_us INTEGER NOT NULL,
      body TEXT NOT NULL,
      UNIQUE (type, id)
    )
    """,
    "CREATE INDEX record_created ON record (type, created_us, id)",
    "CREATE INDEX record_updated ON record (type, updated_us, id)",
    "CREATE INDEX record_name ON record (type, json_extract(body, '$.name'), id)",
    # A relationship: `relation` is its name on the owner, `target` the id at its other end.
    """
    CREATE TABLE link (
      type TEXT NOT NULL,
      owner TEXT NOT NULL,
      relation TEXT NOT NULL,
      target TEXT NOT NULL,
      created_us INTEGER NOT NULL,
      PRIMARY KEY (type, owner, relation, target)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX link_target ON link (type, relation, target, owner)",
    # Who is in a list or a segment; the ids of both are drawn from one pot.
    """
    CREATE TABLE member (
      group_id TEXT NOT NULL,
      profile INTEGER NOT NULL REFERENCES profile (seq),
      joined INTEGER NOT NULL,
      PRIMARY KEY (group_id, profile)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX member_joined ON member (group_id, joined, profile)",
    "CREATE INDEX member_profile ON member (profile, group_id)",
    # One row for each channel a profile was ever asked about: `email.marketing`, `email.open_tracking`,
    # `email.click_tracking`, `sms.marketing`, `sms.transactional`, `mobile_push.marketing`, `whatsapp.marketing`,
    # `whatsapp.transactional`. A status is SUBSCRIBED or UNSUBSCRIBED; who has no row was never subscribed.
    """
    CREATE TABLE consent (
      profile INTEGER NOT NULL REFERENCES profile (seq),
      channel TEXT NOT NULL,
      status TEXT NOT NULL,
      consented INTEGER NOT NULL,
      updated INTEGER NOT NULL,
      method TEXT,
      method_detail TEXT,
      custom_method_detail TEXT,
      double_optin INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (profile, channel)
    ) WITHOUT ROWID
    """,
    # A confirmation that is waited for: whoever is asked to opt in twice is nobody's subscriber until then.
    """
    CREATE TABLE pending_consent (
      profile INTEGER NOT NULL REFERENCES profile (seq),
      list_id TEXT NOT NULL,
      channel TEXT NOT NULL,
      asked INTEGER NOT NULL,
      custom_method_detail TEXT,
      PRIMARY KEY (profile, list_id, channel)
    ) WITHOUT ROWID
    """,
    # Why a profile gets no e-mail: of the account (`list_id` empty) or of one list. Reasons as in the API:
    # HARD_BOUNCE, INVALID_EMAIL, SPAM_COMPLAINT, UNSUBSCRIBE, USER_SUPPRESSED.
    """
    CREATE TABLE suppression (
      profile INTEGER NOT NULL REFERENCES profile (seq),
      list_id TEXT NOT NULL DEFAULT '',
      reason TEXT NOT NULL,
      at INTEGER NOT NULL,
      PRIMARY KEY (profile, list_id, reason)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX suppression_list ON suppression (list_id, reason, at)",
    # What Klaviyo would predict: an object with members of `predictive_analytics`, set by whoever runs the emulator.
    "CREATE TABLE prediction (profile INTEGER PRIMARY KEY REFERENCES profile (seq), body TEXT NOT NULL)",
    # Further names of a profile: `email` and `phone_number` beside the first, `id` of a profile merged into it,
    # `anonymous_id` and `_kx` that it was seen with before the last.
    """
    CREATE TABLE alias (
      kind TEXT NOT NULL,
      value TEXT NOT NULL COLLATE NOCASE,
      profile INTEGER NOT NULL REFERENCES profile (seq),
      PRIMARY KEY (kind, value)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX alias_profile ON alias (profile)",
    # What is to happen without a request, in order of time.
    """
    CREATE TABLE task (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      due_us INTEGER NOT NULL,
      kind TEXT NOT NULL,
      payload TEXT NOT NULL
    )
    """,
    "CREATE INDEX task_due ON task (due_us, seq)",
    # E-mail that was sent to nobody, to be read. `origin` tells why it was sent: campaign or flow, message, variation.
    """
    CREATE TABLE mail (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      sent INTEGER NOT NULL,
      profile INTEGER REFERENCES profile (seq),
      address TEXT NOT NULL,
      subject TEXT NOT NULL,
      sender TEXT NOT NULL,
      html TEXT NOT NULL,
      text TEXT NOT NULL,
      origin TEXT NOT NULL
    )
    """,
    "CREATE INDEX mail_profile ON mail (profile, seq)",
    # HTTP requests of the emulator's own: webhooks (signed, batched) and the webhook actions of flows.
    """
    CREATE TABLE post (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      webhook TEXT NOT NULL DEFAULT '',
      url TEXT NOT NULL,
      headers TEXT NOT NULL,
      body BLOB NOT NULL,
      created_us INTEGER NOT NULL,
      due_us INTEGER,
      attempts INTEGER NOT NULL DEFAULT 0,
      outcome TEXT NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX post_due ON post (due_us) WHERE due_us IS NOT NULL",
    # What was answered with success and changed something, one row for each request, in order of commit.
    """
    CREATE TABLE acceptance (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      at_us INTEGER NOT NULL,
      operation TEXT NOT NULL,
      summary TEXT NOT NULL
    )
    """,
)
_THIRD = (
    # One profile's way through a flow: since when, because of which event, how far, and what happened at each action
    # (`log`: arrays of action id, instant in microseconds, and words). `status` is `running`, `finished` or `left`.
    """
    CREATE TABLE flow_run (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      flow TEXT NOT NULL,
      profile INTEGER NOT NULL REFERENCES profile (seq),
      entered_us INTEGER NOT NULL,
      event INTEGER,
      status TEXT NOT NULL DEFAULT 'running',
      log TEXT NOT NULL DEFAULT '[]'
    )
    """,
    "CREATE INDEX flow_run_entry ON flow_run (flow, profile, entered_us)",
    "CREATE INDEX flow_run_profile ON flow_run (profile)",
    # Who entered (`joined` is 1) and left (0) a segment, and when.
    """
    CREATE TABLE member_history (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      group_id TEXT NOT NULL,
      profile INTEGER NOT NULL REFERENCES profile (seq),
      at INTEGER NOT NULL,
      joined INTEGER NOT NULL
    )
    """,
    """
    INSERT INTO member_history (group_id, profile, at, joined) SELECT group_id, profile, joined, 1 FROM member
    WHERE group_id IN (SELECT id FROM record WHERE type = 'segment') ORDER BY joined, profile
    """,
    "CREATE INDEX member_history_time ON member_history (group_id, at)",
    "CREATE INDEX member_history_profile ON member_history (profile)",
)
_MIGRATIONS = (_FIRST, _SECOND, _THIRD)
VERSION = len(_MIGRATIONS)


def prepare(connection: sqlite3.Connection) -> None:
    """Create the tables in an empty file and bring an older one up to date.

    Raises StateError for a newer file and for one that is not ours.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if application == APPLICATION_ID:
        if version > VERSION:
            raise StateError(f"the state has version {version}, and this emulator knows versions up to {VERSION} only")
        if version == VERSION:
            return
    elif connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StateError("the file is a database of another program")
    connection.execute("BEGIN IMMEDIATE")
    for statements in _MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def prepare_in_memory(connection: sqlite3.Connection) -> None:
    """Create the tables in an empty state in memory; copied, which takes a fiftieth of the time: tests open many."""
    with closing(sqlite3.connect(":memory:")) as prepared:
        prepared.deserialize(_prepared())
        prepared.backup(connection)


@cache
def _prepared() -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        prepare(connection)
        return connection.serialize()
