"""That what the words say can be done: each command is there, each link leads somewhere.

A command of ours is parsed by the very parser that would run it, and its names are looked up. What
other tests run for real (make bench, the exact dagster command, dg launch) is not run again
here. What cannot be run here stands in `ELSEWHERE`, with the reason.
"""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from dagster._cli import create_dagster_cli

from bench_pipeline.cli import commands
from bench_pipeline.definitions import defs
from bench_pipeline.harness import __main__ as harness
from bench_pipeline.harness.carried import command as bench_rig
from bench_pipeline.paths import checkout

ROOT = checkout().root
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
WORKFLOW = ROOT / "docs" / "publish-pages.yml"

ELSEWHERE = {
    "git": "another repository, or this one's history",
    "apt-get": "changes the system",
    **dict.fromkeys(("systemctl", "loginctl", "journalctl"), "needs systemd as init"),
    **dict.fromkeys(("ssh", "rsync", "npx"), "another machine"),
    "ssh-keygen": "tests/senders makes such keys",
    **dict.fromkeys(("cmake", "cp", "mkdir", "rm", "mv", "ln"), "its paths are looked up instead"),
    **dict.fromkeys(
        ("export", "cd", "cat", "diff", "playwright", "llama-bench", "llama-server"), "the reader's"
    ),
    "dasllama-server": "tests/engines/dialects starts it so",
    "transformers": "an engine of 1.2 GB",
    **dict.fromkeys((".", "sh", "pip", "python3"), "its files are looked up instead"),
}
INVENTED = {"big-model", "small-model", "draft-small-model", "a", "b"}
"""Names that stand for the reader's own."""


def lines_of(text: str) -> Iterator[str]:
    """Commands of the blocks that are for a shell, without comments and prompts."""
    for block in re.findall(r"^ *```sh\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        for line in re.sub(r"\\\n", " ", block).splitlines():
            bare = re.sub(r"(^|\s)#.*", "", line).strip()
            yield from (part.strip() for part in bare.split("&&") if part.strip())


def named_commands() -> list[tuple[str, str]]:
    return [(path.name, line) for path in TEXTS for line in lines_of(path.read_text())]


def names_in_dagster() -> set[str]:
    found = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    for each in (*(defs.jobs or ()), *(defs.sensors or ()), *(defs.schedules or ())):
        found.add(each.name)
    return found


def check(line: str) -> None:
    words = shlex.split(line)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]  # a variable for this one command
    program = words[0] if words[0] == "." else Path(words[0]).name
    if program == "make":
        check_make(words[1:])
    elif program == "python" and words[1] == "-m":
        check_module(words[2], words[3:])
    elif program == "python":
        assert (ROOT / words[1]).is_file(), f"no {words[1]}"
    elif program == "bench-rig":
        bench_rig.parser().parse_args(words[1:])
    elif program == "dagster":
        check_dagster(words[1:])
    elif program == "dg":
        assert words[1] in ("launch", "list", "check"), line
        assert {words[-1]} & (names_in_dagster() | {"defs"}), line
    else:
        assert program in ELSEWHERE, f"nobody knows `{program}`"
        for word in words[1:]:
            if re.match(r"(docs|scripts|requirements|bench_pipeline)/", word):
                assert list(ROOT.glob(word)), f"no {word}"


def check_make(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert targets
    for word in words:
        name, is_value, value = word.partition("=")
        if not is_value:
            assert word in targets[1].split(), f"make {word}"
            continue
        assert re.search(rf"^{name} =", makefile, re.MULTILINE), f"make has no {name}"
        if name == "MODEL":
            there = {path.stem for path in checkout().models.glob("*.yaml")} | INVENTED
            assert set(value.split()) <= there, value


def check_module(module: str, words: list[str]) -> None:
    words = [word for word in words if word not in (">", "2>")]
    if module == "bench_pipeline":
        commands.parser().parse_args(words)
    elif module == "bench_pipeline.harness":
        harness.parser().parse_args(words)
    else:
        path = ROOT / module.replace(".", "/")
        elsewhere = ("pip", "venv", "pytest", "vllm.entrypoints.openai.api_server")
        assert module in elsewhere or path.is_dir(), module


def check_dagster(words: list[str]) -> None:
    command, given = create_dagster_cli(), list(words)
    while hasattr(command, "commands"):
        command = command.commands[given.pop(0)]
    with command.make_context(command.name, given) as context:
        named = [v for k, v in context.params.items() if k in ("select", "job_name") and v]
        for name in ("sensor_name", "schedule_name"):
            if given_name := context.params.get(name):
                named += [given_name] if isinstance(given_name, str) else list(given_name)
    assert set(named) <= names_in_dagster(), named


@pytest.mark.parametrize(("file", "line"), named_commands())
def test_a_command_that_the_words_name_is_there(file: str, line: str) -> None:
    check(line)


def test_a_command_that_is_not_there_is_found() -> None:
    for line in (
        *("make benhc", "make bench MODLE=x", "make bench MODEL=gpt-9", "frobnicate"),
        *("python -m bench_pipeline bench --modell x", "python benchmarks/none.py"),
        *("dagster asset materialize --select site_page", "dg launch --assets nothing"),
        "cp docs/none.yml x",
    ):
        with pytest.raises((AssertionError, SystemExit)):
            check(line)


@pytest.mark.parametrize("text", TEXTS, ids=[path.name for path in TEXTS])
def test_a_link_leads_to_a_file_that_is_there(text: Path) -> None:
    prose = re.sub(r"`[^`\n]*`", "", text.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if not re.match(r"[a-z]+:", target) and not target.startswith("#"):
            assert (text.parent / target.partition("#")[0]).exists(), target


def test_the_readme_is_read_in_a_few_minutes() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_every_page_of_docs_is_named_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [t.name for t in TEXTS[2:] if f"(docs/{t.name})" not in readme] == []


def test_the_workflow_does_what_it_says() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    assert workflow[True]["push"]["branches"] == ["main"], "`on` is a boolean in YAML 1.1"
    assert set(workflow) == {"name", True, "permissions", "concurrency", "jobs"}
    assert workflow["permissions"] == {"contents": "read", "pages": "write", "id-token": "write"}
    (job,) = workflow["jobs"].values()
    assert re.fullmatch(r"ubuntu-\d\d\.04", job["runs-on"])
    for step in job["steps"]:
        assert {"uses", "run"} & set(step)
        if uses := step.get("uses"):
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", uses), "of GitHub's own, pinned"
        if run := step.get("run"):
            check(run)
    ids = {step["id"] for step in job["steps"] if "id" in step}
    assert re.search(r"steps\.(\w+)\.", job["environment"]["url"])[1] in ids  # type: ignore[index]


def test_the_check_of_strangers_runs_runs_none_of_their_code() -> None:
    workflow = yaml.safe_load((ROOT / "docs" / "check-runs.yml").read_text())
    assert workflow[True] == {"pull_request": {"paths": ["content/benchmarks/runs/**"]}}
    assert workflow["permissions"] == {"contents": "read"}
    (job,) = workflow["jobs"].values()
    checkout_step, fetched, checked = job["steps"]
    assert checkout_step["with"] == {
        "ref": "${{ github.event.pull_request.base.sha }}",
        "persist-credentials": False,
    }
    for step in (fetched, checked):
        assert "${{" not in step["run"], "what a stranger names never stands in a script"
    assert "secrets." not in str(workflow)
    allowed = re.search(r"grep -v '(.+)' files", fetched["run"])
    assert allowed
    runs = "content/benchmarks/runs"
    for path, taken in {
        f"{runs}/my-rig/cuda/20261122T170518Z-cfc4f4309622.yaml": True,
        f"{runs}/my-rig/cuda/../../../../scripts/environment.sh": False,
        "scripts/environment.sh": False,
        f"{runs}/my-rig/x.yaml": False,
    }.items():
        assert bool(re.search(allowed[1], path)) == taken, path


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_the_units_are_ones_that_systemd_takes() -> None:
    units = sorted((ROOT / "docs" / "systemd").iterdir())
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", *map(str, units)],
        capture_output=True,
        text=True,
        env={"XDG_RUNTIME_DIR": "/tmp", "HOME": "/tmp", "PATH": "/usr/bin:/bin"},
        timeout=60,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "bench-" in line]
    assert [line for line in ours if "not executable" not in line] == []
    for unit in units:
        for line in re.findall(r"^ExecStart=/usr/bin/(.*)$", unit.read_text(), re.MULTILINE):
            check(line)
