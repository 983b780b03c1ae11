"""Under which name an imported model stands: its own, and never at another's cost."""

import pytest

from bench_pipeline.errors import ModelError, RecordError
from bench_pipeline.importers.file_names import named
from bench_pipeline.importers.model_names import Described
from tests.importers.results import decode, lines, row

HASH = "0f" * 32


@pytest.mark.parametrize(
    ("path", "family", "variant", "quant", "creator"),
    [
        ("acme_Fable-7B-chat-GGUF_Fable-7B-chat-Q5_K_M.gguf", "Fable", "7B-chat", "Q5_K_M", "acme"),
        ("my.org_Fable-7B-gguf_fable-7b.Q4_0.gguf", "fable", "7b", "Q4_0", "my.org"),
        (
            "/c/hub/models--acme--Fable-7B-GGUF/snapshots/ab12/Fable-7B-Q8_0.gguf",
            *("Fable", "7B", "Q8_0", "acme"),
        ),
        ("Qwen_Qwen3-8B-Q4_K_M.gguf", "Qwen3", "8B", "Q4_K_M", ""),
        ("gemma-3n-E2B-it-Q4_K_M.gguf", "gemma-3n", "E2B-it", "Q4_K_M", ""),
        ("Phi-4-mini-instruct-Q4_K_M.gguf", "Phi-4", "mini-instruct", "Q4_K_M", ""),
        ("GLM-4.5-Air-UD-Q2_K_XL-00001-of-00002.gguf", "GLM-4.5", "Air", "UD-Q2_K_XL", ""),
        ("Fable-30B-A3B-IQ4_XS.gguf", "Fable", "30B-A3B", "IQ4_XS", ""),
        (
            "acme_Fable-30B-A3B-GGUF_UD-Q4_K_XL_Fable-30B-A3B-UD-Q4_K_XL-00001-of-00002.gguf",
            *("Fable", "30B-A3B", "UD-Q4_K_XL", "acme"),
        ),
        (
            "acme_Fable-30B-GGUF_Fable-30B-UD-IQ1_S_Fable-30B-UD-IQ1_S-00001-of-00003.gguf",
            *("Fable", "30B", "UD-IQ1_S", "acme"),
        ),
        ("Fable-7B-chat-Q4_K_M-imat.gguf", "Fable", "7B-chat", "Q4_K_M", ""),
        ("Fable-7B-chat-Q4_K_S-3.89bpw.gguf", "Fable", "7B-chat", "Q4_K_S", ""),
        ("Fable 7B Q4_K_M.gguf", "Fable", "7B", "Q4_K_M", ""),
        ("Fable-7B-PTQ1_0.gguf", "Fable", "7B", "PTQ1_0", ""),
        ("acme/Fable-7B-FP8", "Fable", "7B", "FP8", ""),
        ("acme/Fable-7B-chat-GPTQ-Int4", "Fable", "7B-chat", "GPTQ-INT4", ""),
        ("acme/Fable-7B-4bit", "Fable", "7B", "4BIT", ""),
    ],
)
def test_a_file_s_name_tells_family_variant_quant_and_maker(path, family, variant, quant, creator):
    found = named(path, "")
    assert (found.family, found.variant, found.quant, found.creator) == (
        *(family, variant, quant, creator),
    )
    assert not found.by_the_engine


@pytest.mark.parametrize(
    ("words", "family", "variant", "quant"),
    [
        ("llama4 17Bx16E (Scout) Q4_K - Medium", "llama4", "17Bx16E-Scout", "Q4_K_M"),
        ("llama 7B Q4_0 (guessed)", "llama", "7B", "Q4_0"),
        ("llama 7B Q4_K - Medium (guessed)", "llama", "7B", "Q4_K_M"),
        ("llama 8B IQ3_S mix - 3.66 bpw", "llama", "8B", "IQ3_S"),
        ("llama 13B all F32 (guessed)", "llama", "13B", "F32"),
        ("bitnet 2B TQ1_0 - 1.69 bpw ternary", "bitnet", "2B", "TQ1_0"),
        ("gptoss 20B unknown, may not work", "gptoss", "20B", ""),
        ("llama ?B Q8_0", "llama", "", "Q8_0"),
    ],
)
def test_the_engine_s_words_tell_family_size_and_quant(words, family, variant, quant):
    found = named("", words)
    assert (found.family, found.variant, found.quant) == (family, variant, quant)


@pytest.mark.parametrize("path", [f"sha256-{HASH}", f"/root/.ollama/blobs/sha256:{HASH}", HASH])
def test_a_blob_has_the_engine_s_words_and_a_page_of_its_own(bring, path):
    (run,) = bring(lines(row(model_filename=path)))
    assert (run.model.family, run.model.variant, run.model.quant) == ("llama", "7B", "Q5_K_M")
    assert run.model.slug.endswith("-0f0f0f0f0f0f")
    assert any("Which model it is" in sentence for sentence in run.unknown)


def test_a_blob_without_the_engine_s_words_is_asked_for(bring):
    nameless = row(model_filename=f"sha256-{HASH}", model_type="")
    with pytest.raises(ModelError, match="does not name its model") as caught:
        bring(lines(nameless))
    assert "--family" in caught.value.mend and "--variant" in caught.value.mend
    said = Described(None, "2026-02", "Fable", "7B-chat", "Q5_K_M", "acme")
    (run,) = bring(lines(nameless), model=said)
    assert (run.model.slug, run.model.creator) == ("fable-7b-chat-q5_k_m", "acme")


def test_two_sizes_under_one_file_name_are_two_models(bring):
    small = row(model_filename="ggml-model-q4_0.gguf", model_type="llama 7B Q4_0")
    large = small | {"model_type": "llama 13B Q4_0", "model_n_params": 13_000_000_000}
    (one,) = bring(lines(small))
    (other,) = bring(lines(large))
    assert (one.model.slug, other.model.slug) == ("ggml-model-7b-q4_0", "ggml-model-13b-q4_0")


def test_a_name_that_another_size_has_already_gets_its_own_page(bring):
    (one,) = bring(lines(row(model_filename="Mine-Q4_0.gguf", model_type="llama 7B Q4_0")))
    large = row(
        model_filename="Mine-Q4_0.gguf", model_type="llama 13B Q4_0", model_n_params=13_000_000_000
    )
    (other,) = bring(lines(large))
    assert one.model.slug == "mine-q4_0" and other.model.slug == "mine-q4_0-13b"


def test_files_of_two_makers_are_two_models(bring):
    def made_by(maker: str, **values: object) -> dict:
        return row(model_filename=f"{maker}_Fable-7B-chat-GGUF_Fable-7B-chat-Q5_K_M.gguf", **values)

    (one,) = bring(lines(made_by("acme")))
    (other,) = bring(lines(made_by("emca", samples_ns=[1_000_000])))
    assert (one.model.creator, other.model.creator) == ("acme", "emca")
    assert one.model.slug != other.model.slug


def test_several_models_of_one_release_come_in_one_file(bring):
    runs = bring(
        lines(row(), row(model_filename="Fable-7B-chat-Q8_0.gguf", model_size=7_000_000_000))
    )
    assert sorted(run.model.quant for run in runs) == ["Q5_K_M", "Q8_0"]
    assert {run.model.released for run in runs} == {"2026-02"}


@pytest.mark.parametrize(
    ("other", "said", "problem"),
    [
        ("Saga-3B-Q8_0.gguf", Described(released="2026-02"), "2 families"),
        ("Fable-7B-chat-Q8_0.gguf", Described(released="2026-02", variant="7B"), "2 models"),
        ("Fable-7B-chat-Q8_0.gguf", Described(released="2026-02", quant="Q8_0"), "2 models"),
    ],
)
def test_what_is_true_of_one_model_is_said_of_one(bring, other, said, problem):
    with pytest.raises(RecordError, match=problem):
        bring(lines(row(), row(model_filename=other)), model=said)


def test_a_model_that_stands_here_keeps_its_name_and_its_month(bring, with_runs):
    """Of the published runs of another rig: Gemma-3 4b-it, released in March 2025."""
    found = row(model_filename="GEMMA-3-4B-IT-q4_k_m.gguf", model_type="gemma3 4B Q4_K - Medium")
    with pytest.raises(ModelError, match="released in 2025-03") as caught:
        bring(lines(found), model=Described(released="2025-01"))
    assert "leave `--released` out" in caught.value.mend
    (run,) = bring(lines(found), model=Described(family="Mine"))
    model = run.model
    assert (model.slug, model.family, model.variant) == ("gemma-3-4b-it-q4_k_m", "Gemma-3", "4b-it")
    assert model.released == "2025-03"


def test_a_family_that_stands_here_is_spelled_as_it_stands(bring):
    found = row(model_filename="gemma-3-12b-it-q8_0.gguf", model_type="gemma3 12B Q8_0")
    (run,) = bring(lines(found), model=Described())
    assert (run.model.family, run.model.variant) == ("Gemma-3", "12b-it")
    assert run.model.released == "2025-03", "of its family's"


def test_a_model_of_the_run_files_can_be_named_by_its_slug(bring, with_runs):
    (run,) = bring(lines(decode(model_filename="x.gguf")), model=Described("gemma-3-4b-it-q4_k_m"))
    assert (run.model.slug, run.model.family) == ("gemma-3-4b-it-q4_k_m", "Gemma-3")
