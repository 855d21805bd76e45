"""The `dreamflow` command. Each subcommand imports what it needs, so that `--help` is quick."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from dreamflow._version import __version__
from dreamflow.bench import BenchName
from dreamflow.entrypoints.failures import EXPECTED

if TYPE_CHECKING:
    from dreamflow.settings import Settings

app = typer.Typer(
    name="dreamflow",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Personalised bedtime stories, honest with parents.\n\nStart with [bold]dreamflow demo[/].",
)
config_app = typer.Typer(no_args_is_help=True, help="Look at the settings.")
app.add_typer(config_app, name="config")
packs_app = typer.Typer(no_args_is_help=True, help="Look at content packs.")
app.add_typer(packs_app, name="packs")
outbox_app = typer.Typer(
    no_args_is_help=True, help="Look at what waits or was sent to Klaviyo, and see to dead letters."
)
app.add_typer(outbox_app, name="outbox")
db_app = typer.Typer(no_args_is_help=True, help="Look after the database.")
app.add_typer(db_app, name="db")


class Switch(StrEnum):
    """On or off."""

    ON = "on"
    OFF = "off"


class State(StrEnum):
    """Of a delivery; see `dreamflow.outbox.DeliveryState`."""

    DEAD = "dead"
    PENDING = "pending"
    WITHHELD = "withheld"
    SUPERSEDED = "superseded"
    DELIVERED = "delivered"


class Behaviour(StrEnum):
    """Klaviyo's specification, or its live API."""

    SPEC = "spec"
    LIVE = "live"


class BulkDuplicates(StrEnum):
    """Repeated within the request, or also stored already."""

    REQUEST = "request"
    HISTORY = "history"


Email = Annotated[str, typer.Option(help="Whose: the parent's e-mail address.")]
At = Annotated[str | None, typer.Option(metavar="TIME", help="When tonight is: 19:10, or 2026-11-23T19:10.")]
Data = Annotated[Path | None, typer.Option(metavar="DIR", help="State folder of the demo; by default its own.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print what a program can read.")]


def _settings() -> "Settings":
    from dreamflow.settings import Settings

    return Settings.from_env()


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"dreamflow {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and stop.")
    ] = False,
) -> None:
    """Personalised bedtime stories, honest with parents, kept in step with Klaviyo."""


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Free ports, print tonight, and stop.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where the app listens on 127.0.0.1.")] = 8000,
    data: Data = None,
    at: At = None,
) -> None:
    """Look around: an emulated Klaviyo, the app and three made-up families, ready in seconds.

    Nothing is installed, nothing leaves this machine, and settings for a real Klaviyo account are ignored.
    """
    from dreamflow.entrypoints.demo import DemoOptions, run
    from dreamflow.kit.logging import configure

    configure(json=False, level="WARNING")
    run(_settings(), DemoOptions(once, port, data, at), Console())


@app.command()
def serve() -> None:
    """Serve families for real; who may sign in and which Klaviyo account is kept in step come from the settings.

    DREAMFLOW_IDENTITY__ISSUERS says who vouches for parents (a JSON list; needed), DREAMFLOW_KLAVIYO__API_KEY which
    account is kept in step, DREAMFLOW_STATE_DIR where the database is, DREAMFLOW_HTTP__HOST and __PORT where to
    listen. `dreamflow config check` prints all of them.
    """
    from dreamflow.entrypoints.http import run

    run(_configured(), Console(stderr=True))


@app.command()
def worker() -> None:
    """Deliver to Klaviyo in a process of its own, on the same database as `serve`; any number may run.

    They share the work out among themselves; what a dead one held goes to the others after
    DREAMFLOW_WORKER__LEASE_SECONDS. With DREAMFLOW_REDIS__URL they keep Klaviyo's limits together, which several need.
    DREAMFLOW_WORKER__PORT opens /livez, /readyz and /metrics.
    """
    from dreamflow.entrypoints.worker import run

    run(_configured(), Console(stderr=True))


@app.command()
def relay(
    again: Annotated[
        bool, typer.Option("--again", help="Begin with the oldest that waits: the topic has lost something.")
    ] = False,
) -> None:
    """Publish what waits for delivery to Kafka, for workers that share the work out through a consumer group.

    Needed where DREAMFLOW_KAFKA__BOOTSTRAP is set. Only one relay is active; others stand by and take over within
    DREAMFLOW_WORKER__LEASE_SECONDS. It makes the topic when it is missing. What is published are pointers: random ids.
    DREAMFLOW_WORKER__PORT opens /livez, /readyz and /metrics.
    """
    from dreamflow.entrypoints.relay import run

    run(_configured(), Console(stderr=True), again=again)


# The port is klaviyo_emulator.DEFAULT_PORT, which is not imported here: `--help` stays quick, and a test compares.
@app.command()
def emulator(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8765,
    host: Annotated[str, typer.Option(help="Loopback unless you say otherwise.")] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A further name it is reached by; repeatable.")
    ] = None,
    data: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the state here; else in memory.")] = None,
    latency_ms: Annotated[int, typer.Option(min=0, help="Added to every answer.")] = 0,
    limits: Annotated[Switch, typer.Option(help="Whether rate limits are kept.")] = Switch.ON,
    behaviour: Annotated[
        Behaviour, typer.Option(help="Whom to follow where specification and live API differ.")
    ] = Behaviour.SPEC,
    faults: Annotated[str, typer.Option(metavar="SPEC", help="What is to go wrong, or @FILE.")] = "",
    keys: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Accept only these keys and tokens, one on each line; scopes may follow."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed, the same ids and the same chance.")] = 0,
    visibility_ms: Annotated[int, typer.Option(min=0, help="Until an event can be read.")] = 0,
    job_ms: Annotated[int, typer.Option(min=0, help="How long an asynchronous job takes.")] = 400,
    bulk_duplicates: Annotated[
        BulkDuplicates, typer.Option(help="Which repeated unique_id fails a bulk request.")
    ] = BulkDuplicates.REQUEST,
    acceptance_log: Annotated[Switch, typer.Option(help="Note each request that changed something.")] = Switch.OFF,
    demo: Annotated[bool, typer.Option("--demo", help="Fill an empty state with 200 made-up families.")] = False,
    families: Annotated[
        int | None, typer.Option(metavar="N", help="The same with so many families, up to 100,000.")
    ] = None,
) -> None:
    """Run a stateful Klaviyo on localhost; the official SDK drives it unchanged.

    Open its address in a browser to look inside; /__emulator__ is its control API. Faults are written as
    OPERATION:KIND[,OPTION=VALUE][*TIMES][@PROBABILITY], such as "create_event:429,retry-after=2*3; get_*:reset@0.1".
    """
    from dreamflow.entrypoints.emulator import run

    run(
        host=host,
        names=allow_host or [],
        port=port,
        data=data,
        keys=keys,
        latency_ms=latency_ms,
        limits=limits is Switch.ON,
        behaviour=behaviour.value,
        faults=faults,
        seed=seed,
        visibility_ms=visibility_ms,
        job_ms=job_ms,
        bulk_duplicates=bulk_duplicates.value,
        acceptance_log=acceptance_log is Switch.ON,
        demo=demo,
        families=families,
    )


@app.command()
def token(
    email: Email,
    role: Annotated[str, typer.Option(help="parent or operator.")] = "parent",
    data: Data = None,
) -> None:
    """Print a token for the running demo. Only the demo believes it.

    Example: dreamflow token --email sarah@dreamflow.example, then send it as "Authorization: Bearer ..." to
    http://127.0.0.1:8000/api/v1/tonight.
    """
    from dreamflow.entrypoints.demo_state import demo_dir, issuer
    from dreamflow.identity import Role

    if role not in set(Role):
        raise typer.BadParameter("Give parent or operator.", param_hint="--role")
    typer.echo(issuer(demo_dir(_settings(), data)).mint(email=email, role=Role(role)))


@app.command()
def tonight(email: Email, at: At = None, data: Data = None, as_json: AsJson = False) -> None:
    """Print tonight's plan of one of the demo's families, with the reason for each choice."""
    from dreamflow.entrypoints.tonight import run

    run(_settings(), email=email, at=at, data=data, as_json=as_json)


@app.command()
def story(
    seed: Annotated[int, typer.Option(help="The same seed, the same words.")] = 1,
    minutes: Annotated[int, typer.Option(min=3, max=20, help="Of reading aloud.")] = 6,
    theme: Annotated[str | None, typer.Option(help="Id of a world; the first one without it.")] = None,
    child: Annotated[list[str] | None, typer.Option(metavar="NAME:AGE", help="Who listens; may be repeated.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write one story without a family, a database or Klaviyo; --json adds where each sentence came from."""
    from dreamflow.entrypoints.story import run

    run(seed=seed, minutes=minutes, theme=theme, children=child or ["Ada:5"], as_json=as_json)


@outbox_app.command()
def ls(
    state: Annotated[State, typer.Option(help="How they ended, or pending for what waits.")] = State.DEAD,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    dropped: Annotated[bool, typer.Option("--dropped", help="The dead letters that were dropped, and only those.")] = (
        False
    ),
    as_json: AsJson = False,
) -> None:
    """List deliveries, newest first: id, family, name, since when, and why. Never what they say.

    Without an option: the dead letters, which Klaviyo refused for a reason that will not change by itself. Mend the
    cause, then send them again with `dreamflow outbox requeue`, or give them up with `dreamflow outbox drop`.
    """
    if dropped and state is not State.DEAD:
        raise typer.BadParameter("Only dead letters are dropped.", param_hint="--dropped")
    from dreamflow.entrypoints.outbox import ls as run

    run(_settings(), state=state.value, limit=limit, dropped=dropped, as_json=as_json)


@outbox_app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Of a delivery, as `dreamflow outbox ls` prints it.")],
    as_json: AsJson = False,
) -> None:
    """Show all about one delivery: exactly what would be sent or was, its batch, failed tries, and the reason.

    It is a family's data; it is shown on the operator's own machine and goes nowhere else.
    """
    from dreamflow.entrypoints.outbox import show as run

    run(_settings(), id_, as_json=as_json)


@outbox_app.command()
def requeue(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Dead letters; all of them or none.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every dead letter that was not dropped.")] = False,
    reason_like: Annotated[
        str | None, typer.Option(metavar="TEXT", help="With --all: only those whose reason contains this.")
    ] = None,
    as_new: Annotated[
        bool, typer.Option("--as-new", help="Let Klaviyo's flows act on them; they may send mail.")
    ] = False,
) -> None:
    """Send dead letters again, after all that waits; a running worker takes them up by itself.

    Consent is asked again before they go. Events go as backfill: Klaviyo records them and no flow acts on what is
    long past, unless --as-new says so. Of an old profile update only that goes which no newer one has said.
    Example: dreamflow outbox requeue --all --reason-like invalid_phone
    """
    from dreamflow.entrypoints.outbox import requeue as run

    run(_settings(), ids or [], everything=everything, reason_like=reason_like, as_new=as_new)


@outbox_app.command()
def drop(
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Dead letters; all of them or none.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="For whoever asks later; no names. Needed.")],
) -> None:
    """Give dead letters up for good.

    They stay dead and counted, and what they said is deleted. `dreamflow outbox ls --dropped` lists them, until they
    are removed with all else that ended, after DREAMFLOW_OUTBOX__KEEP_DAYS.
    """
    from dreamflow.entrypoints.outbox import drop as run

    run(_settings(), ids, reason=reason)


@packs_app.command()
def lint(
    folder: Annotated[
        Path | None, typer.Argument(help="A pack's folder; without it, the packs that are shipped.")
    ] = None,
) -> None:
    """Say what an author should mend in a content pack: each finding with its file and line; exit status 1 if any."""
    from dreamflow.entrypoints.packs import lint as run

    run(folder)


@app.command()
def bench(
    name: Annotated[BenchName, typer.Argument(metavar="NAME", help=f"What to measure: {', '.join(BenchName)}.")],
    short: Annotated[bool, typer.Option("--short", help="Less of everything; ends within 150 seconds.")] = False,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Data sets to measure with; without it those rows are skipped.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="ROW", help="Measure this row; may be given more than once.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a page for people to keep.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure what the program promises on this machine; exit status 1 when a promise is not kept.

    Progress goes to the standard error. Nothing leaves this machine, and settings for a real Klaviyo account are
    ignored.
    """
    from dreamflow.entrypoints.bench import Form, run
    from dreamflow.kit.logging import configure

    # To the standard error, and hardly anything: what is measured here fails on purpose.
    configure(json=False, level="CRITICAL")
    settings = _settings()
    folder = settings.data_dir if data is None else data
    form = Form.JSON if as_json else Form.MARKDOWN if markdown else Form.TABLE
    run(name, short=short, only=frozenset(only or ()), form=form, data=folder, state_dir=settings.state_dir)


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Bring the database to this version's schema, and say from which to which.

    PostgreSQL is migrated by this command only: `serve` and `worker` refuse a schema that is older than they are. A
    file in the state folder is also migrated when the program starts.
    """
    from dreamflow.entrypoints.database import run

    run(_settings())


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Look whether everything is well: one line for each part, and what to do; exit status 1 when there is trouble.

    It looks at settings, keys, the database and its schema, the books, what waits and for how long, dead letters,
    workers, clocks, Klaviyo, Redis and Kafka. It changes nothing, and prints nothing of any family.
    """
    from dreamflow.entrypoints.doctor import run
    from dreamflow.kit.logging import configure

    configure(json=False, level="ERROR")
    run(as_json=as_json)


@config_app.command()
def check() -> None:
    """Print every setting as it is in force; secrets are shown as stars."""
    from dreamflow.settings import PREFIX

    _print_settings(_settings().model_dump(mode="json"), PREFIX)


def _print_settings(values: dict[str, Any], prefix: str) -> None:
    for name, value in values.items():
        if isinstance(value, dict):
            _print_settings(value, f"{prefix}{name.upper()}__")  # pyright: ignore[reportUnknownArgumentType] - JSON of our own
        else:
            typer.echo(f"{prefix}{name.upper()}={value}")


def _configured() -> "Settings":
    from dreamflow.kit.logging import configure

    settings = _settings()
    configure(json=settings.log.json_lines, level=settings.log.level)
    return settings


def main() -> None:
    """Run the command; an expected failure is one sentence and exit status 2, Ctrl-C is 130."""
    try:
        app()
    except EXPECTED as failure:
        typer.echo(f"dreamflow: {failure}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
