"""The command line: what each command does, says, and ends with."""

import os
import re
import socket
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import click
import pytest
from click.testing import CliRunner, Result

from ledger import cli, db, policy, rules
from ledger.commands import setup
from ledger.commands.terminal import Terminal
from ledger.db import Database
from ledger.economy import DAY_US
from ledger.kinds import LINES
from ledger.settings import Settings

ROOT = Path(__file__).parent.parent
NOW_US = 1_795_448_000_000_000  # 2026-11-23, in the afternoon
OK, WRONG, USAGE = 0, 1, 2
HEAD = "id\trole\towner\tnetworks\tscopes\tstate\tlast used\tnote"


@dataclass
class Shell:
    """A folder, a clock that stands until it is moved, and the command line run there in this process."""

    folder: Path
    environment: dict[str, str]
    now_us: int = NOW_US

    def __call__(self, *words: str, code: int = OK) -> Result:
        """Run a command; it has to end with that code, and not by a crash."""
        result = CliRunner().invoke(cli.main, words, obj=Terminal(lambda: self.now_us), env=self.environment)
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A command line in an empty folder, with no settings from anywhere."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("TRUST_LEDGER_")]:
        monkeypatch.delenv(name)
    return Shell(tmp_path, {})


@pytest.fixture(params=["sqlite", "postgresql"])
def set_up(shell: Shell, request: pytest.FixtureRequest) -> Shell:
    """The same after `init`, on each engine."""
    if request.param == "postgresql":
        shell.environment["TRUST_LEDGER_DATABASE_URL"] = request.getfixturevalue("empty_postgresql_url")
    shell("init")
    return shell


def commands(group: click.Group = cli.main, *above: str) -> Iterator[tuple[str, ...]]:
    """Every command there is, as the words one types."""
    for name, command in group.commands.items():
        yield (*above, name)
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)


# Help, errors, exit codes


def test_the_commands_are_those_promised() -> None:
    """Nobody looks for a command in vain."""
    promised = [
        "init",
        "migrate",
        "serve",
        "jobs",
        "settle",
        "import",
        "verify",
        "keys",
        "attest",
        "link",
        "export-creator",
        "erase",
        "export",
        "restore",
        "policy",
        "demo",
    ]

    assert {words[0] for words in commands()} == set(promised)
    assert {words for words in commands() if words[0] in ("keys", "policy") and len(words) > 1} == {
        ("keys", "create"),
        ("keys", "list"),
        ("keys", "rotate"),
        ("keys", "revoke"),
        ("policy", "show"),
        ("policy", "list"),
        ("policy", "check"),
        ("policy", "announce"),
        ("policy", "simulate"),
    }


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_help_shows_an_example_and_the_exit_codes(shell: Shell, words: tuple[str, ...]) -> None:
    """Every command's help has an example of it on one line and says what its exit codes mean."""
    told = shell(*words, "--help").stdout

    assert re.search(rf"^  Example:  trust-ledger {' '.join(words)}.*\n\Z", told, re.MULTILINE)
    assert re.search(r"Exit codes: 0 .*1 .*2\s", told, re.DOTALL)


@pytest.mark.parametrize("words", [(), *commands()], ids=" ".join)
def test_the_documented_help_is_the_real_one(shell: Shell, words: tuple[str, ...]) -> None:
    """What docs/operating.md shows of a command is what the command says."""
    told = f"### {' '.join(('trust-ledger', *words))}\n\n```text\n{shell(*words, '-h').stdout.rstrip()}\n```"
    told = told.replace("Usage: main", "Usage: trust-ledger")

    assert told in (ROOT / "docs" / "operating.md").read_text()


def test_every_setting_is_documented() -> None:
    """Each environment name stands in the table of settings with what it is for."""
    page = (ROOT / "docs" / "operating.md").read_text()
    missing = [
        name
        for name, field in Settings.model_fields.items()
        if not re.search(
            rf"^\| `TRUST_LEDGER_{name.upper()}` \| .+ \| {re.escape(str(field.description))} \|$", page, re.MULTILINE
        )
    ]

    assert missing == []


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_examples_can_be_typed(shell: Shell, words: tuple[str, ...]) -> None:
    """Every example is understood as it stands."""
    for name in ("acts.csv", "books.jsonl", "mine.toml", "accounts.txt"):
        (shell.folder / name).touch()
    command, rest = resolved(words)
    example = re.split(r"[(|>&]", (command.epilog or "").partition("trust-ledger ")[2])[0]
    command, rest = resolved(tuple(example.split()))

    assert example.split()[: len(words)] == list(words)
    with command.make_context(command.name, rest) as context:
        assert context.params.keys() >= {each.name for each in command.params} - {"help"}


def resolved(words: tuple[str, ...]) -> tuple[click.Command, list[str]]:
    """The command that words lead to, and the words left for it."""
    command, rest = cast("click.Command", cli.main), list(words)
    while isinstance(command, click.Group) and rest:
        _, found, rest = command.resolve_command(click.Context(command), rest)
        command = cast("click.Command", found)
    return command, rest


@pytest.mark.parametrize(
    "words",
    [
        ["settle"],
        ["verify"],
        ["keys", "list"],
        ["keys", "create", "--role", "operator", "--owner", "ops"],
        ["policy", "show"],
        ["jobs"],
        ["serve"],
    ],
    ids=" ".join,
)
def test_what_is_missing_is_named_with_its_remedy(shell: Shell, words: list[str]) -> None:
    """Before init, a command says in one line what is missing and how to get it."""
    told = shell(*words, code=WRONG)

    assert told.stdout == ""
    assert re.fullmatch(r"Error: .*run trust-ledger init.*\n", told.stderr)
    assert not (shell.folder / "var").exists()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["settel"], "settel"),
        (["settle", "--through", "yesterday"], "'yesterday' is not a date"),
        (["settle", "--through", "2026-11-24"], "2026-11-24 has not begun"),
        (["import", "nowhere.csv", "--format", "ratings"], "nowhere.csv"),
        (["import", "."], "--format|directory"),
        (["import", os.devnull, "--format", "ratings", "--network", "Bad Net"], "'Bad Net' is not the slug"),
        (["keys", "create", "--role", "king", "--owner", "x"], "king"),
        (["keys", "create", "--role", "partner", "--owner", "x"], "--network"),
        (["keys", "create", "--role", "brand", "--owner", "x", "--network", "tv"], "--network"),
        (["keys", "create", "--role", "creator", "--owner", "x", "--network", "tv"], "--network"),
        (["serve", "--bind", "here"], "'here' is not HOST:PORT"),
        (["serve", "--bind", "127.0.0.1:99999"], "99999"),
        (["policy", "check"], "FILE"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_exit_code_two(shell: Shell, words: list[str], named: str) -> None:
    """What was typed wrong is named, and nothing is done."""
    assert re.search(named, shell(*words, code=USAGE).stderr)


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"TRUST_LEDGER_PEPER": "x"}, "TRUST_LEDGER_PEPER"),
        ({"TRUST_LEDGER_POOL_SIZE": "many"}, "pool_size"),
        ({"TRUST_LEDGER_CONFIG": "/nowhere/there.toml", "TRUST_LEDGER_PEPPER": "x"}, "/nowhere"),
        ({"TRUST_LEDGER_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, "the database answered: .*refused"),
        (
            {"TRUST_LEDGER_DATABASE_URL": "foo"},
            "^Error: setting database_url: 'foo' is neither sqlite:///FILE nor postgresql://…\n$",
        ),
        ({"TRUST_LEDGER_MIGRATION_URL": "mysql://me:hushhush@x/y"}, "migration_url: what is set is neither"),
        ({"TRUST_LEDGER_DATABASE_URL": "postgresql://x:port/y"}, "database_url: its host, port"),
        ({"TRUST_LEDGER_DATABASE_URL": "sqlite:///:memory:"}, "database_url: sqlite:/// must name a plain file"),
        ({"TRUST_LEDGER_DATABASE_URL": "sqlite:///file:x?uri=true"}, "database_url: sqlite:/// must name a plain file"),
        ({"TRUST_LEDGER_CORS_ORIGINS": '["https://a.example/"]'}, "cors_origins: 'https://a.example/' is no origin"),
    ],
    ids=[
        "misspelt",
        "not a number",
        "a file that is not there",
        "a server that is away",
        "no database",
        "another engine",
        "a port that is none",
        "memory",
        "a URI",
        "an origin with a path",
    ],
)
def test_a_wrong_setting_is_named(shell: Shell, setting: Mapping[str, str], named: str) -> None:
    """A setting that is unknown, unreadable or leads nowhere ends in one line that names it."""
    shell.environment.update(setting)
    told = shell("keys", "list", code=WRONG).stderr

    assert re.search(named, told)
    assert told.count("\n") == 1


def test_a_port_in_use_is_named(set_up: Shell) -> None:
    """Where somebody listens already, serve and demo say so and start nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        for words in (["serve", "--bind", f"127.0.0.1:{port}"], ["demo", "--port", str(port)]):
            told = set_up(*words, code=WRONG).stderr
            assert f"127.0.0.1:{port} is in use" in told
            assert f"try {'make run PORT=' if words[0] == 'demo' else '--bind 127.0.0.1:'}8080" in told


def test_nothing_of_a_password_is_shown(shell: Shell) -> None:
    """A database's password is in no message."""
    shell.environment["TRUST_LEDGER_DATABASE_URL"] = "postgresql://nobody:hushhush@127.0.0.1:1/x"

    assert "hushhush" not in shell("init", code=WRONG).output
    assert "hushhush" not in shell("settle", code=WRONG).output


# init, migrate


def test_init_makes_secrets_that_only_their_owner_reads(set_up: Shell) -> None:
    """The secrets lie in a file of their own, mode 600, in no other."""
    file = set_up.folder / "var" / "trust-ledger.toml"

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(re.findall(r'^(?:pepper|signing_key) = "[\w-]{43}"$', file.read_text(), re.MULTILINE)) == 2
    assert {path.name for path in file.parent.iterdir()} <= {file.name, "trust-ledger.db"}


def test_the_books_are_private(shell: Shell) -> None:
    """Names and texts lie in the database's file: nobody else may read it, nor what SQLite puts beside it."""
    shell("init")
    beside = sorted(shell.folder.glob("var/*.db*"))
    assert beside
    assert {stat.S_IMODE(path.stat().st_mode) for path in beside} == {0o600}


def test_init_again_changes_nothing(set_up: Shell) -> None:
    """A second init, on a later day, keeps the secrets, the keys and the policy."""
    file = set_up.folder / "var" / "trust-ledger.toml"
    before = file.read_text(), set_up("policy", "show").stdout
    set_up.now_us += 3 * DAY_US
    set_up("init")
    set_up("migrate")

    assert (file.read_text(), set_up("policy", "show").stdout) == before


def test_init_takes_the_secrets_of_whoever_was_faster(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another init makes the file while this one is about to: both end well, with the same secrets."""
    file, made = shell.folder / "var" / "trust-ledger.toml", setup.secrets_text
    faster = made()

    def late() -> str:
        setup.write_private(file, faster)
        return made()

    monkeypatch.setattr(setup, "secrets_text", late)
    shell("init")

    assert file.read_text() == faster
    assert {path.name for path in file.parent.iterdir()} <= {file.name, "trust-ledger.db"}


def test_init_takes_secrets_from_the_environment(shell: Shell) -> None:
    """Where the environment holds the secrets, none are written."""
    shell.environment |= {"TRUST_LEDGER_PEPPER": "p" * 43, "TRUST_LEDGER_SIGNING_KEY": "s" * 43}
    shell("init")

    assert [path.name for path in (shell.folder / "var").iterdir()] == ["trust-ledger.db"]


def test_init_writes_the_file_that_is_named(shell: Shell) -> None:
    """TRUST_LEDGER_CONFIG says where the secrets go."""
    shell.environment["TRUST_LEDGER_CONFIG"] = "etc/ledger.toml"
    shell("init")
    shell("keys", "list")

    assert (shell.folder / "etc" / "ledger.toml").exists()


# keys


def test_a_key_works_until_it_is_revoked(set_up: Shell) -> None:
    """The secret stands alone on stdout, its holder is listed, and after revoke it opens nothing."""
    made = set_up("keys", "create", "--role", "partner", "--owner", "acme", "--network", "video", "--note", "first")
    listed = set_up("keys", "list").stdout
    head, _, listed = listed.partition("\n")
    key_id = listed.partition("\t")[0]

    assert head == HEAD
    assert re.fullmatch(r"tl_[\w-]{43}\n", made.stdout)
    assert key_id in made.stderr
    assert re.fullmatch(rf"{key_id}\tpartner\tacme\tvideo\tbalances:read,policy:read\tlive\t-\tfirst\n", listed)
    assert made.stdout.strip() not in listed
    set_up("keys", "revoke", key_id)
    assert "\trevoked 2026-11-23T" in set_up("keys", "list").stdout
    assert key_id in set_up("keys", "revoke", key_id, code=WRONG).stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--role", "partner", "--owner", "Acme Inc.", "--network", "tv"], "lower case letters, digits, - and _"),
        (["--role", "creator", "--owner", "nobody"], "no creator has the id, the handle or the account 'nobody'"),
        (["--role", "creator", "--owner", "tv:nobody"], "the account 'tv:nobody'"),
        (["--role", "creator", "--owner", "01936f2e-5b1c-7c3a-9f00-2b6f3c1d9e01"], "no creator has the id"),
        (["--role", "brand", "--owner", "nike", "--scope", "operate"], "brand's key may hold"),
    ],
    ids=["no slug", "no handle", "no account", "no id", "too much"],
)
def test_a_key_nobody_may_hold_is_refused(set_up: Shell, words: list[str], why: str) -> None:
    """A key that makes no sense is refused in a sentence, and not made."""
    assert why in set_up("keys", "create", *words, code=WRONG).stderr
    assert set_up("keys", "list").stdout == f"{HEAD}\n"


def test_a_key_does_what_was_named(set_up: Shell) -> None:
    """Scopes are given by name, all of a role's at once, and the two that are given by name alone beside them."""
    acme = ["keys", "create", "--role", "partner", "--owner", "acme", "--network", "tv"]
    for words in ([], ["--scope", "events:write"], ["--all-scopes"], ["--all-scopes", "--scope", "events:backfill"]):
        set_up(*acme, *words)
    held = [set(line.split("\t")[4].split(",")) for line in set_up("keys", "list").stdout.splitlines()[1:]]

    assert held[:2] == [{"balances:read", "policy:read"}, {"events:write"}]
    assert {"events:write", "balances:read", "webhooks:write"} < held[2]
    assert held[3] - held[2] == {"events:backfill"}
    assert "operate" not in held[3]


def test_a_key_is_replaced_from_the_shell(set_up: Shell) -> None:
    """The new secret stands alone on stdout; the old key is listed with when it ends, and is replaced once."""
    set_up("keys", "create", "--role", "brand", "--owner", "nike")
    key_id = set_up("keys", "list").stdout.splitlines()[1].partition("\t")[0]
    made = set_up("keys", "rotate", key_id, "--overlap-hours", "1")
    listed = set_up("keys", "list").stdout

    assert re.fullmatch(r"tl_[\w-]{43}\n", made.stdout)
    assert re.search(rf"{key_id}\tbrand\tnike\t\t[a-z:,]+\tlive until 2026-11-23T[\d:]+Z\t-\t\n", listed)
    assert made.stdout.strip() not in listed
    assert "was replaced or revoked before" in set_up("keys", "rotate", key_id, code=WRONG).stderr
    assert "no such key" in set_up("keys", "rotate", "nothing", code=WRONG).stderr


def test_a_creators_key_is_made_under_any_name_of_theirs(shell: Shell) -> None:
    """Handle, account and UUID lead to the same creator."""
    shell("demo", "--no-serve")
    for name in ("mara-bakes", "video:mara-bakes"):
        shell("keys", "create", "--role", "creator", "--owner", name)
    owners = [line.split("\t")[2] for line in shell("keys", "list").stdout.splitlines() if "\tcreator\t" in line]
    shell("keys", "create", "--role", "creator", "--owner", owners[0])

    assert owners == [owners[0]] * 2
    assert shell("keys", "list").stdout.count(owners[0]) == 3


# policy


def test_a_policy_shown_can_be_checked(set_up: Shell) -> None:
    """The policy in force is shown with every parameter, and as a file that passes the check."""
    file = set_up.folder / "mine.toml"
    file.write_text(set_up("policy", "show", "--as-toml").stdout)
    version = policy.builtin().version

    assert version in set_up("policy", "check", str(file)).stdout
    shown = set_up("policy", "show", version).stdout
    assert shown.startswith(f"founding {version}, in force from 2026-11-23\n")
    assert re.search(r"^decay\.fresh_half_life +90 days +Measured", shown, re.MULTILINE)
    assert "no policy f00" in set_up("policy", "show", "f00", code=WRONG).stderr


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (('value = "90"', 'value = "1"'), "decay.fresh_half_life is 1, outside"),
        (("[pitch]", "[throw]"), "pitch.base is missing"),
        (("name =", "name !"), "not valid TOML"),
        (('source = "Our choice: ', 'source = "", was = "'), "needs exactly value, unit and source"),
    ],
    ids=["out of bounds", "missing", "no TOML", "no source"],
)
def test_a_policy_that_cannot_be_used_is_told_apart(shell: Shell, change: tuple[str, str], why: str) -> None:
    """Whatever is wrong with a policy file is said with the file's name, and the exit code is 1."""
    file = shell.folder / "mine.toml"
    file.write_text(policy.builtin().text.replace(*change))
    told = shell("policy", "check", str(file), code=WRONG).stderr

    assert "mine.toml: " in told
    assert why in told


@pytest.mark.parametrize("words", [["serve"], ["jobs"], ["import", "ratings.csv", "--format", "ratings"]], ids=" ".join)
def test_a_policy_older_than_a_kind_is_refused_at_the_start(set_up: Shell, words: list[str]) -> None:
    """Where the policy in force lacks a parameter, nothing starts, and the parameter is named."""
    (set_up.folder / "ratings.csv").touch()
    with_old_policy(set_up)

    assert "cannot price everything: evasion.share is missing: further loss" in set_up(*words, code=WRONG).stderr


def with_old_policy(shell: Shell) -> None:
    """Put a policy in force from today that was written before there were evasions."""
    text = re.sub(r"\[evasion\]\n.*\n", "", policy.builtin().text)
    old = policy.parse(text)
    row = (old.version, old.name, shell.now_us // DAY_US, shell.now_us, text)
    database = Database(shell.environment.get("TRUST_LEDGER_DATABASE_URL", "sqlite:///var/trust-ledger.db"))
    database.write(lambda session: db.insert(session, rules.POLICY, [row]))
    database.dispose()


# attest


def test_accounts_are_attested_from_a_file(set_up: Shell) -> None:
    """An account a line, blank lines passed over; attested once, withdrawn as well, and counted."""
    (set_up.folder / "accounts.txt").write_text("fan-1\n\nfan-2 \nfan-1\n")
    words = ("attest", "accounts.txt", "--network", "video")

    assert "2 of 3 accounts changed; 2 of video are attested now" in set_up(*words).stderr
    assert "0 of 3 accounts changed; 2 of video are attested now" in set_up(*words).stderr
    assert "2 of 3 accounts changed; 0 of video are attested now" in set_up(*words, "--withdraw").stderr
    assert "nowhere.txt" in set_up("attest", "nowhere.txt", "--network", "video", code=USAGE).stderr


def test_lines_that_hold_no_account_are_named(set_up: Shell) -> None:
    """What is not UTF-8, too long or holds control characters is named by line, and then nobody is attested."""
    raw = b"fan-1\nfan\xff-2\n\n" + b"x" * 201 + b"\nfan\x07-3\n" + "fän-4\n".encode()
    (set_up.folder / "accounts.txt").write_bytes(raw)
    told = set_up("attest", "accounts.txt", "--network", "video", code=WRONG).stderr
    assert "accounts.txt: line 2 not UTF-8 at byte 3" in told
    assert re.findall(r"line (\d+) ", told) == ["2", "4", "5"]
    assert "3 of 5 lines hold no account's id: nothing was done" in told

    (set_up.folder / "accounts.txt").write_bytes(b"\xef\xbb\xbffan-1\r\n" + b"x" * 200)
    told = set_up("attest", "accounts.txt", "--network", "video").stderr
    assert "2 of 2 accounts changed; 2 of video are attested now" in told


# link


def test_a_link_names_the_page_and_carries_a_token(set_up: Shell) -> None:
    """The link of a creator stands alone on stdout; a handle nobody has is named, with exit code 1."""
    set_up("demo", "--no-serve")
    told = set_up("link", "mara-bakes").stdout

    assert re.fullmatch(r"http://127\.0\.0\.1:8000/c/mara-bakes\?t=[\w.-]+\n", told)
    assert "no creator has the handle 'nobody'" in set_up("link", "nobody", code=WRONG).stderr


def test_a_policy_file_is_told_all_that_is_wrong_at_once(shell: Shell) -> None:
    """What can't be read, is missing, is unknown or out of bounds: a line each, in one go."""
    file = shell.folder / "mine.toml"
    text = policy.builtin().text.replace('name = "founding"', "").replace("\nbase = {", "\nbass = {")
    text = text.replace('fresh_half_life = { value = "90"', 'fresh_half_life = { value = "much"')
    text = text.replace('bedrock_half_life = { value = "730"', 'bedrock_half_life = { value = "1"')
    file.write_text(text)
    told = shell("policy", "check", str(file), code=WRONG).stderr

    expected = (
        "a policy needs a name",
        "decay.fresh_half_life is not a number",
        "decay.bedrock_half_life is 1, outside",
        "pitch.base is missing",
        "pitch.bass is not a parameter of any kind",
    )
    assert [line for line in expected if f"{file}: {line}" not in told] == []
    assert told.count("\n") == len(expected)


# demo, settle, verify, import


def test_the_demo_plants_a_story_that_verifies(set_up: Shell) -> None:
    """The planted year passes verify, has nearly every kind of line, and a second start keeps it as it is."""
    set_up("demo", "--no-serve")
    sound = set_up("verify").stdout
    key = set_up.folder / "var" / "demo-key"
    secret = key.read_text()
    set_up.now_us += DAY_US
    again = set_up("demo", "--no-serve")

    assert re.match(r"sound: 11 books, \d{4} entries, \d{4} events", sound)
    assert "planted" not in again.output
    assert key.read_text() == secret
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert set_up("verify").stdout == sound
    untold = {"dismissal", "erasure", "policy_marker", "release", "reversal"}
    assert {kind for (kind,) in rows(set_up, "SELECT DISTINCT kind FROM entry")} == {*LINES, "settlement"} - untold


def test_the_demo_makes_a_new_key_where_the_books_know_none(shell: Shell) -> None:
    """A key file left over from a database that is gone is replaced."""
    shell("demo", "--no-serve")
    old = (shell.folder / "var" / "demo-key").read_text()
    (shell.folder / "var" / "trust-ledger.db").unlink()
    shell("demo", "--no-serve")

    assert (shell.folder / "var" / "demo-key").read_text() != old


def test_settle_posts_once_what_is_due(set_up: Shell) -> None:
    """Days later settle posts each live book once, a second time nothing, and verify agrees."""
    set_up("demo", "--no-serve")
    set_up.now_us += 3 * DAY_US
    first = set_up("settle", "--through", "2026-11-25", "--chunk", "2").stderr
    second = set_up("settle", "--through", "2026-11-25").stderr
    today = set_up("settle").stderr

    assert "settled 8 books through 2026-11-25" in first
    assert "settled 0 books through 2026-11-25" in second
    assert "settled 8 books through 2026-11-26" in today
    set_up("verify")


def test_verify_names_what_is_wrong(shell: Shell) -> None:
    """A balance that somebody changed is named by book and entry, and the exit code is 1."""
    shell("demo", "--no-serve")
    with closing(sqlite3.connect(shell.folder / "var" / "trust-ledger.db")) as connection, connection:
        connection.execute("UPDATE book SET fresh = fresh + 1 WHERE meter = 'network:video' AND drains > 900000000")
    told = shell("verify", code=WRONG)

    assert re.match(r"Error: book [0-9a-f-]{36} network:video, entry \d+: ", told.stderr)
    assert told.stdout == ""


def test_import_names_bad_lines_and_posts_nothing_twice(set_up: Shell) -> None:
    """Good lines are posted, bad ones named with exit code 1; the same file again posts nothing."""
    file = set_up.folder / "ratings.csv"
    file.write_text("a,b,5,1300000000\na,c,ten,1300000001\nc,b,-2,1300000002\n")
    first = set_up("import", str(file), "--format", "ratings", code=WRONG)
    again = set_up("import", str(file), "--format", "ratings", code=WRONG)

    assert "3 lines: 2 posted, 0 posted before, 0 skipped, 0 refused, 1 bad" in first.stdout
    assert f"{file}:2: " in first.stderr
    assert "3 lines: 0 posted, 0 posted before, 2 skipped, 0 refused, 1 bad" in again.stdout
    assert "2 lines were done by an earlier run" in again.stderr
    set_up("verify")


def test_a_good_import_ends_well(set_up: Shell) -> None:
    """With nothing to complain of, import is silent on stderr and its exit code is 0."""
    file = set_up.folder / "ratings.csv"
    file.write_text("a,b,5,1300000000\n")

    assert set_up("import", str(file), "--format", "ratings").stderr == ""


def rows(shell: Shell, sql: str) -> list[Any]:
    """What a statement reads in the shell's database."""
    url = shell.environment.get("TRUST_LEDGER_DATABASE_URL", f"sqlite:///{shell.folder}/var/trust-ledger.db")
    database = Database(url)
    try:
        with database.engine.connect() as connection:
            return list(connection.exec_driver_sql(sql))
    finally:
        database.dispose()
