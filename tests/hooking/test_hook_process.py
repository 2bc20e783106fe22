"""The process in which order hooks run: what a hook does there harms nobody else."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import make_order, make_settings
from order_hook_kit import HEAD, Install

from veracore_sync import child_process
from veracore_sync.config.order_hooks import identity
from veracore_sync.domain.errors import ConfigError
from veracore_sync.domain.orders import Customer, Order
from veracore_sync.domain.warehouse import WarehouseOrder
from veracore_sync.hooking import process
from veracore_sync.hooking.process import HookProcess
from veracore_sync.jobs.doctor.order_hooks import order_hooks
from veracore_sync.jobs.orders.render import Renderer
from veracore_sync.ports.order_hooks import NO_HOOKS, HookFailed, HookRefused, HookSilent

SETTINGS = make_settings()
ORDER = make_order("A", customer=Customer("Zora", "Secret", "zora@example.com", "", ("Wholesale",)))
RENDERED = Renderer(SETTINGS.orders, SETTINGS.skus).render(ORDER, "A").order
SOON = 0.3
"""For a hook that gives no answer."""
PATIENT = 60.0

BEHAVIOURS = f"""
{HEAD}
def comment(order, rendered):
    return replace(rendered, comment=f"for {{order.customer.groups[0]}}")

def shout(order, rendered):
    return replace(rendered, comment=rendered.comment.upper())

def refuse(order, rendered):
    raise RefuseOrder("no PO boxes")

def raises(order, rendered):
    name = order.customer.last_name
    raise ValueError(name)

def deep(order, rendered):
    import json
    return json.loads(order.customer.last_name)

def recursive(order, rendered):
    return recursive(order, rendered)

def imports(order, rendered):
    __import__(order.customer.last_name)

def leaves(order, rendered):
    sys.exit(order.customer.last_name)

def nothing(order, rendered):
    pass

def number(order, rendered):
    return replace(rendered, comment=7)

def infinite(order, rendered):
    line = replace(rendered.lines[0], unit_price=type(rendered.lines[0].unit_price)("NaN"))
    return replace(rendered, lines=(line,))

def prints(order, rendered):
    print('{{"made": null}}')
    os.write(1, b"noise\\n")
    os.write(2, b"noise\\n")
    return replace(rendered, comment=sys.stdin.read() + "printed")

def environment(order, rendered):
    return replace(rendered, comment=" ".join(sorted(os.environ)))

def loops(order, rendered):
    while True:
        pass

def sleeps(order, rendered):
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)

def dies(order, rendered):
    os._exit(0)

def starts(order, rendered):
    import subprocess
    folder = os.path.dirname(__file__)
    child = subprocess.Popen(["sleep", "61"])
    open(os.path.join(folder, "child"), "w").write(str(child.pid))
    time.sleep(60)

def forks(order, rendered):
    os.fork()
    return rendered

def huge(order, rendered):
    return replace(rendered, comment="x" * 5_000_000)

def greedy(order, rendered):
    return replace(rendered, comment=str(len(bytearray(2_000_000_000))))

def sets(order, rendered):
    return replace(rendered, comment="".join({{"a", "b", "c", "d", "e", "f", "g"}}))
"""
ALL = [line[4:].partition("(")[0] for line in BEHAVIOURS.splitlines() if line.startswith("def ")]


@pytest.fixture
def hooks(install_hooks: Install) -> Iterator[HookProcess]:
    install_hooks(BEHAVIOURS, *ALL)
    with closing(HookProcess(ALL, PATIENT)) as made:
        made.start()
        yield made


def apply(hooks: HookProcess, name: str, order: Order = ORDER) -> WarehouseOrder:
    return hooks.apply(name, order, RENDERED)


def test_a_hook_gets_the_order_and_what_is_sent_and_its_answer_comes_back_whole(
    hooks: HookProcess,
) -> None:
    made = apply(hooks, "comment")
    assert made.comment == "for Wholesale"
    assert hooks.apply("shout", ORDER, made).comment == "FOR WHOLESALE"
    assert made.lines == RENDERED.lines
    assert made.placed_at == RENDERED.placed_at


def test_a_refusal_has_the_hooks_own_words(hooks: HookProcess) -> None:
    with pytest.raises(HookRefused, match="no PO boxes"):
        apply(hooks, "refuse")


FAILURES = {
    "raises": r"ValueError at acme_hooks.py:\d+$",
    "deep": r"JSONDecodeError at acme_hooks.py:\d+$",
    "recursive": r"RecursionError at acme_hooks.py:\d+$",
    "imports": r"^ModuleNotFoundError at acme_hooks.py:\d+$",
    "leaves": r"SystemExit at acme_hooks.py:\d+$",
    "nothing": "^its order is not of the type WarehouseOrder$",
    "number": r"^its order\.comment is not of the type str$",
    "infinite": r"^its order\.lines\[0\]\.unit_price is no number$",
    "huge": "too large",
    "dies": "ended its process",
    "greedy": r"MemoryError at acme_hooks.py:\d+$",
}


def test_a_failure_says_what_and_where_and_nothing_of_the_order(hooks: HookProcess) -> None:
    for name, told in FAILURES.items():
        with pytest.raises(HookFailed, match=told) as failure:
            apply(hooks, name)
        assert "Secret" not in failure.value.what
        assert failure.value.__cause__ is None
        # The next order gets its answer, from a new process if need be.
        assert apply(hooks, "comment").comment == "for Wholesale"


def test_a_run_that_is_stopped_meanwhile_leaves_no_answer_for_the_next_order(
    hooks: HookProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(child_process.os, "read", stop)
        apply(hooks, "comment")
    assert apply(hooks, "shout").comment == ""


def test_a_record_that_cannot_be_told_to_a_hook_fails_alone(hooks: HookProcess) -> None:
    with pytest.raises(HookFailed, match=r"^order\.note is not of the type str$"):
        apply(hooks, "comment", make_order("A", note=7))


def test_what_a_hook_prints_reaches_nobody(
    hooks: HookProcess, capfd: pytest.CaptureFixture[str]
) -> None:
    assert apply(hooks, "prints").comment == "printed"
    assert capfd.readouterr() == ("", "")


def test_a_hook_sees_no_secret(
    install_hooks: Install,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install_hooks(BEHAVIOURS, *ALL)
    monkeypatch.setenv("VERACORE_CLIENT_SECRET", "hunter2")
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    with closing(HookProcess(["environment"], PATIENT)) as hooks:
        seen = apply(hooks, "environment").comment.split()
    assert "PATH" in seen
    assert not {"VERACORE_CLIENT_SECRET", "PGPASSWORD"} & set(seen)


def test_two_processes_give_the_same(install_hooks: Install) -> None:
    install_hooks(BEHAVIOURS, *ALL)
    made = set()
    for _ in range(2):
        with closing(HookProcess(["sets"], PATIENT)) as hooks:
            made.add(apply(hooks, "sets").comment)
    assert len(made) == 1


@pytest.mark.parametrize("name", ["loops", "sleeps"])
def test_a_hook_that_hangs_is_ended_and_the_next_order_gets_a_new_process(
    install_hooks: Install,
    name: str,
) -> None:
    install_hooks(BEHAVIOURS, *ALL)
    with closing(HookProcess(["comment", name], SOON)) as hooks:
        hooks.start()
        for _ in range(2):
            with pytest.raises(HookSilent, match=r"gave no answer in 0\.3 s"):
                apply(hooks, name)
        hooks._seconds = PATIENT
        assert apply(hooks, "comment").comment


def test_a_hook_that_returns_in_two_processes_answers_once(hooks: HookProcess) -> None:
    """Else the second answer would be taken for the next order's."""
    for n in range(20):
        wanted = replace(RENDERED, comment=str(n))
        assert hooks.apply("forks", ORDER, wanted) == wanted


def test_what_a_hook_has_started_ends_with_it(
    install_hooks: Install,
    tmp_path: Path,
) -> None:
    install_hooks(BEHAVIOURS, *ALL)
    with closing(HookProcess(["starts"], 10.0)) as hooks, pytest.raises(HookFailed):
        apply(hooks, "starts")
    started = int((tmp_path / "site-packages" / "child").read_text())
    until = time.monotonic() + 600
    while _is_running(started) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _is_running(started)


def _is_running(process: int) -> bool:
    try:
        return b" Z " not in Path(f"/proc/{process}/stat").read_bytes()
    except FileNotFoundError:
        return False


# ---- what is installed ---------------------------------------------------------------------------

BROKEN = {
    "a module that is missing": (
        "import nowhere_at_all\n",
        "ModuleNotFoundError of nowhere_at_all",
    ),
    "a name that is missing": ("", "AttributeError"),
    "no callable": ("gift_note = 7\n", "TypeError"),
    "a syntax error": ("def gift_note(:\n", "SyntaxError"),
    "an error": ("raise SystemExit('secret')\n", "SystemExit at acme_hooks.py:1"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_hook_that_cannot_be_imported_is_named(
    install_hooks: Install,
    name: str,
) -> None:
    source, told = BROKEN[name]
    install_hooks(source, "gift-note")
    hooks = HookProcess(["gift-note"], SOON)
    with closing(hooks), pytest.raises(ConfigError) as refusal:
        hooks.start()
    assert refusal.value.exit_code == 78
    named = "the order hook gift-note (acme-hooks 1.2) cannot be imported: "
    assert refusal.value.message.startswith(f"{named}{told}")
    assert "secret" not in refusal.value.message
    assert '-c "import acme_hooks"`' in refusal.value.hint


def test_the_hint_shows_the_whole_error(install_hooks: Install, tmp_path: Path) -> None:
    install_hooks("import nowhere\n", "gift-note")
    with closing(HookProcess(["gift-note"], SOON)) as hooks, pytest.raises(ConfigError) as refusal:
        hooks.start()
    command = refusal.value.hint.split("`")[1]
    # As an installed package is found without it.
    environment = {"PYTHONPATH": str(tmp_path / "site-packages")}
    done = subprocess.run(
        shlex.split(command), env=environment, capture_output=True, text=True, check=False
    )
    assert "No module named 'nowhere'" in done.stderr


def test_doctor_tells_of_hooks_and_of_fields_that_nobody_gets(install_hooks: Install) -> None:
    install_hooks(BEHAVIOURS, "comment")
    settings = make_settings(orders={"hook_fields": ["customer.groups"]}).orders
    assert list(order_hooks(make_settings().orders, NO_HOOKS)) == []
    (warned,) = order_hooks(settings, NO_HOOKS)
    assert (warned.level, warned.name) == ("warn", "order hooks")
    assert "orders.hooks names no hook" in warned.message
    with closing(HookProcess(["comment"], SOON)) as hooks:
        (told,) = order_hooks(settings, hooks)
        assert (told.level, told.message) == ("ok", "comment (acme-hooks 1.2)")
    with closing(HookProcess(["nobodys"], SOON)) as hooks:
        (failed,) = order_hooks(settings, hooks)
        assert (failed.level, failed.exit_code) == ("fail", 78)


def test_a_hook_that_never_ends_its_import(
    install_hooks: Install,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "_START_SECONDS", 1.0)
    install_hooks("import time; time.sleep(60)\n", "gift-note")
    hooks = HookProcess(["gift-note"], SOON)
    with closing(hooks), pytest.raises(ConfigError, match=r"gift-note.* gave no answer in 1 s"):
        hooks.start()


def test_an_import_ends_itself_where_nobody_is_left_to_end_it(
    install_hooks: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after SIGKILL, or a second Ctrl-C: whoever began it cannot end it any more."""
    monkeypatch.setattr(process, "_START_SECONDS", 1.0)
    end = process.ChildProcess.end
    left: list[process.ChildProcess] = []

    def leave(child: process.ChildProcess) -> None:
        left.append(child)

    monkeypatch.setattr(process.ChildProcess, "end", leave)
    install_hooks("import time; time.sleep(60)\n", "slow")
    with pytest.raises(ConfigError):
        HookProcess(["slow"], SOON).start()
    child = left[0]
    try:
        assert child._process.wait(600) != 0
    finally:
        end(child)


def test_what_is_not_installed_is_told_with_what_is(install_hooks: Install) -> None:
    install_hooks(BEHAVIOURS, "gift-note", "comment")
    for wrong, named in (
        ("gift-not", 'no order hook "gift-not" is installed here; did you mean "gift-note"?'),
        ("other", 'no order hook "other" is installed here'),
    ):
        with pytest.raises(ConfigError, match=r"^orders\.hooks: ") as refusal:
            HookProcess([wrong], SOON).start()
        assert named in refusal.value.message
        assert refusal.value.hint.endswith("name one of comment, gift-note")
        assert "not usable" in identity([wrong])[0]


def test_a_name_that_two_packages_offer(install_hooks: Install) -> None:
    install_hooks(BEHAVIOURS, "comment")
    install_hooks(BEHAVIOURS, "comment", module="other_hooks", version="3")
    with pytest.raises(ConfigError, match=r"several packages .* acme-hooks 1\.2, other-hooks 3"):
        HookProcess(["comment"], SOON).start()


def test_an_identity_has_name_package_and_version(install_hooks: Install) -> None:
    install_hooks(BEHAVIOURS, "comment", "shout")
    hooks = HookProcess(["shout", "comment"], SOON)
    assert hooks.identity == ("shout (acme-hooks 1.2)", "comment (acme-hooks 1.2)")
    install_hooks(BEHAVIOURS, "comment", "shout", version="1.3")
    assert HookProcess(["shout"], SOON).identity == ("shout (acme-hooks 1.3)",)


def test_nothing_runs_until_it_is_asked(install_hooks: Install) -> None:
    install_hooks("open('/dev/null'); raise ValueError\n", "comment")
    with closing(HookProcess(["comment"], SOON)) as hooks:
        assert hooks.names == ("comment",)
