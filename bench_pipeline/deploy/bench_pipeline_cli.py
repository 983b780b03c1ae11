"""Gives every `dagster` and `dg` command of a checkout its instance, with no variable typed.

Installed beside the package as `bench_pipeline_cli`, which a .pth file of the environment imports
as each Python process starts: so it imports next to nothing (the package itself least of all, of
which a copy in the current directory may be meant), and does nothing unless the program is
Dagster's and the current directory lies in a checkout.
"""

import contextlib
import gc
import os
import sys
import warnings
from collections.abc import MutableMapping, Sequence

MODULE = "bench_pipeline.definitions"
NEED_A_MODULE = (
    ("asset", "materialize"),
    ("asset", "list"),
    ("job", "execute"),
    ("job", "scaffold_config"),
)
"""Sub-commands of `dagster` that read neither pyproject.toml nor workspace.yaml. All others do, and
refuse a module that is named beside it."""
POINTERS = (
    *("-f", "-m", "-d", "-a", "--python-file", "--module-name", "--package-name"),
    *("--working-directory", "--attribute", "--autoload-defs-module-name"),
)
"""Options that say where definitions are: who gives one has chosen."""

OBJECTS_BETWEEN_COLLECTIONS = 50_000


def set_up() -> None:
    """For this process and what it starts. What the environment names already stays."""
    # OSError: no such directory any more, a checkout of somebody else's; Dagster says it better.
    with contextlib.suppress(OSError):
        if prepare(sys.orig_argv, os.getcwd(), os.environ):
            no_word_of_supersession()
            few_collections()


def few_collections() -> None:
    """What Dagster imports stays: to look for garbage in it as often as Python does of its own
    makes a command start later."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)


def no_word_of_supersession() -> None:
    """`dagster dev` and `asset materialize` work as ever; the docs show `dg` beside them."""
    warnings.filterwarnings("ignore", "Function `.*` is superseded")


def prepare(argv: Sequence[str], directory: str, environment: MutableMapping[str, str]) -> bool:
    """Whether there was something to set. `argv`: of the interpreter, as `sys.orig_argv`. OSError
    if the instance's folder cannot be made."""
    command = dagster_command(argv)
    if command is None or (checkout := checkout_above(directory)) is None:
        return False
    if "DAGSTER_HOME" not in environment:
        home = os.path.join(checkout, ".dagster_home")
        make_home(home, os.path.join(checkout, "bench_pipeline", "deploy", "dagster.single.yaml"))
        environment["DAGSTER_HOME"] = home
    words = tuple(word.replace("-", "_") for word in command[:2])
    if words in NEED_A_MODULE and not names_definitions(command):
        environment.setdefault(f"DAGSTER_CLI_{'_'.join(words).upper()}_MODULE_NAME", MODULE)
    return True


def dagster_command(argv: Sequence[str]) -> Sequence[str] | None:
    """The words after `dagster`, `dagster-daemon`, `dg`, ...; None if another program runs."""
    for number, word in enumerate(argv[1:4], start=1):
        if word == "-c":
            return None
        name, before = os.path.basename(word).removesuffix(".exe"), argv[number - 1]
        if name == "dg" or name.split("-")[0] == "dagster":
            is_program = os.path.sep in word or before == "-m"
            return argv[number + 1 :] if is_program else None
        if before != "-m" and not word.startswith("-") and before not in ("-X", "-W"):
            return None  # the script's name: no more options of the interpreter
    return None


def names_definitions(command: Sequence[str]) -> bool:
    return any(word.split("=")[0] in POINTERS or word[:2] in POINTERS for word in command)


def checkout_above(directory: str) -> str | None:
    """The nearest folder upwards, `directory` included, that is a checkout of this project."""
    while True:
        if os.path.isfile(os.path.join(directory, *MODULE.split(".")) + ".py"):
            return directory
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def make_home(home: str, settings: str) -> None:
    """The folder of an instance with these settings; settings that are there stay."""
    target = os.path.join(home, "dagster.yaml")
    if os.path.exists(target):
        return
    os.makedirs(home, exist_ok=True)
    with open(settings, encoding="utf-8") as file:
        text = file.read()
    partial = f"{target}.{os.getpid()}"
    with open(partial, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(partial, target)
