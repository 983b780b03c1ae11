"""What each mode asks of the server, and the proof that the server did it.

baseline         the engine as it comes
reasoning-off    a model that reasons answers at once (`--reasoning off`)
draft-<model>    that model of the catalogue proposes tokens, the measured one checks them
                 (speculative decoding)

A mode without effect must not be measured under its name: a server that cannot draft goes on
without a word to its clients, and a template may open its hidden part all the same. So each is
proven twice: by the server's log once it has started, by the tokens once a cell is measured.
"""

from collections.abc import Sequence

from pydantic import TypeAdapter, ValidationError

from bench_pipeline.engines.llama_cpp.placement import Placement, read_placement
from bench_pipeline.errors import EngineError, RecordError
from bench_pipeline.models.catalogue import known_model
from bench_pipeline.paths import Project
from bench_pipeline.records.campaign import Mode, Part
from bench_pipeline.records.cell import Cell, Failure, Request
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.workload import Trace

_DRAFT = "draft-"
_MODE: TypeAdapter[Mode] = TypeAdapter(Mode)
_TAIL_LINES = 15


def known_mode(text: str) -> Mode:
    """`text` if it is a mode. RecordError with the choices if it is none."""
    try:
        return _MODE.validate_python(text)
    except ValidationError:
        raise RecordError(
            f"no mode `{text}`",
            mend="choose from: baseline, reasoning-off, draft-<model of content/models>",
        ) from None


def mode_for(parts: Sequence[Part], model: ModelFile) -> Mode:
    """Where nobody names one: what only reads or plays a script is no place for hidden thoughts."""
    return "reasoning-off" if model.reasons and "usual" not in parts else "baseline"


def draft_slug(mode: Mode) -> str | None:
    """The catalogue's name of the model that drafts, if one does."""
    return mode.removeprefix(_DRAFT) if mode.startswith(_DRAFT) else None


def draft_model(mode: Mode, project: Project) -> ModelFile | None:
    """The catalogue's entry of the model that drafts, if one does. ModelError if it has none."""
    slug = draft_slug(mode)
    return known_model(project, slug) if slug else None


def server_arguments(mode: Mode) -> list[str]:
    """Beyond the model files, which have parameters of their own at `LlamaServer`."""
    return ["--reasoning", "off"] if mode == "reasoning-off" else []


def check_wanted(mode: Mode, model: ModelFile, draft: ModelFile | None) -> None:
    """Before anything is started. EngineError (`refused`) if the mode cannot have an effect.

    ValueError if `draft` is not the model that `mode` names.
    """
    if (draft.slug if draft else None) != draft_slug(mode):
        raise ValueError(f"mode {mode} with {draft.slug if draft else 'no draft model'}")
    if mode == "reasoning-off" and not model.reasons:
        raise EngineError(
            f"{model.slug} does not reason, so there is nothing to switch off",
            mend=f"measure `baseline`; or, if it does, write `reasons: true` in"
            f" content/models/{model.slug}.yaml",
            where="mode reasoning-off",
            kind="refused",
        )


def check_started(mode: Mode, log_lines: Sequence[str]) -> None:
    """Once the server answers. EngineError (`refused`) if its log does not prove the mode."""
    placement = read_placement(log_lines)
    if problem := _not_in_mode(mode, placement):
        raise EngineError(
            problem[0],
            mend=problem[1],
            where=f"mode {mode}",
            kind="refused",
            log_tail=tuple(placement.proof[-_TAIL_LINES:]),
        )


def _not_in_mode(mode: Mode, placement: Placement) -> tuple[str, str] | None:
    """Problem and mend."""
    if mode == "reasoning-off" and placement.thinks is not False:
        said = "still opens hidden reasoning" if placement.thinks else "is not told in its log"
        return (
            f"the server was started with `--reasoning off`, but its chat template {said}",
            "choose another build or, by the rig file's `args`, another `--chat-template-file`",
        )
    if draft_slug(mode) is None and placement.drafts:
        return (
            "the server drafts, which this mode does not",
            "remove `--spec-type` and `--model-draft` from the rig file's `args`",
        )
    if draft_slug(mode) is None or placement.drafts:
        return None
    if refusals := [line for line in placement.proof if "not compatible" in line]:
        reason = refusals[0].split(": ")[-1]  # its component comes before it
        return (
            f"the server goes on without drafting: {reason}; the model's vocabulary is"
            f" {_vocabulary(placement)}, the draft model's {_vocabulary(placement.draft)}",
            "choose a draft model of the same family, with the very same vocabulary",
        )
    return (
        "the server's log does not say that it drafts",
        "choose another build; a model with recurrent layers cannot be drafted for",
    )


def _vocabulary(placement: Placement | None) -> str:
    if placement is None or placement.vocab_tokens is None:
        return "not known"
    return f"{placement.vocab_type or 'of unknown type'} with {placement.vocab_tokens:,} tokens"


def check_cell(mode: Mode, cell: Cell) -> Cell:
    """`cell`, failed if its requests contradict the mode; one that failed before stays as it is."""
    if cell.failure is not None or (failure := failure_of(mode, cell.requests)) is None:
        return cell
    return cell.model_copy(update={"status": "failed", "stop_reason": "failed", "failure": failure})


def check_trace(mode: Mode, trace: Trace) -> Trace:
    """As `check_cell`, of a conversation."""
    if trace.failure is not None or (failure := failure_of(mode, trace.requests)) is None:
        return trace
    failed = {"status": "failed", "stop_reason": "failed", "failure": failure}
    return trace.model_copy(update=failed)


def failure_of(mode: Mode, requests: Sequence[Request]) -> Failure | None:
    """What the tokens of `requests` have against their having been made in `mode`."""
    output = sum(request.output_tokens for request in requests)
    if mode == "reasoning-off":
        if hidden := sum(request.reasoning_tokens for request in requests):
            return Failure(
                kind="contaminated",
                message=f"reasoning was off, yet {hidden:,} of {output:,} output tokens were hidden"
                " reasoning",
            )
    elif draft_slug(mode) and not sum(request.draft_tokens or 0 for request in requests):
        return Failure(
            kind="refused",
            message=f"the draft model proposed 0 tokens for {output:,} output tokens of"
            f" {len(requests):,} requests, so this is no speculative decoding",
        )
    return None
