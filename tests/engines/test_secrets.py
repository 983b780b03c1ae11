"""Keys and tokens reach neither run file nor page, however an engine is given or repeats them."""

import pytest

from bench_pipeline.engines.llama_cpp.log_reading import scrub
from bench_pipeline.engines.secrets import (
    arguments_without_secrets,
    variables_without_secrets,
)

KEY = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7"


@pytest.mark.parametrize(
    ("line", "published"),
    [
        (f"--api-key {KEY} --port 1", "--api-key hidden --port 1"),
        (f"--hf-token={KEY}", "--hf-token=hidden"),
        (f"--api-key '{KEY} two words' -v", "--api-key hidden -v"),
        (f"argv: ['--api-key', '{KEY}', '-v']", "argv: ['--api-key', hidden, '-v']"),
        ("LLAMA_API_KEY=abc", "LLAMA_API_KEY=hidden"),
        (f"--admin-api-key {KEY}", "--admin-api-key hidden"),
        (f"docker run -e HF_TOKEN={KEY} image", "docker run -e HF_TOKEN=hidden image"),
        (f"HUGGING_FACE_HUB_TOKEN: '{KEY}'", "HUGGING_FACE_HUB_TOKEN: hidden"),
        (f"{{'api_key': ['{KEY}'], 'x': 1}}", "{'api_key': [hidden], 'x': 1}"),
        (f"< Authorization: Bearer {KEY}", "< Authorization: Bearer hidden"),
        (f"trying with hf_{KEY}", "trying with hidden"),
        (
            f"GET https://cdn.example/m.gguf?X-Amz-Signature={KEY}&part=2",
            "GET https://cdn.example/m.gguf?X-Amz-Signature=hidden&part=2",
        ),
        (
            "print_info: EOS token = 151645 '<|im_end|>'",
            "print_info: EOS token = 151645 '<|im_end|>'",
        ),
        ("BOS_TOKEN = 1, n_tokens: 512", "BOS_TOKEN = 1, n_tokens: 512"),
        (
            "hf_quantized_by_somebody_with_long_name.gguf",
            "hf_quantized_by_somebody_with_long_name.gguf",
        ),
        ("https://example.org/x?keys=1&page=2", "https://example.org/x?keys=1&page=2"),
    ],
)
def test_in_a_line_they_are_hidden_and_the_rest_stays(line, published):
    assert scrub(line) == published


def test_in_a_command_the_word_after_its_option_is_hidden():
    given = ["llama-server", "--api-key", "abc", f"--hf-token={KEY}", "-hft", "x", "--port", "1"]
    told = ["llama-server", "--api-key", "hidden", "--hf-token=hidden", "-hft", "hidden"]
    assert arguments_without_secrets(given) == [*told, "--port", "1"]


def test_of_variables_those_that_are_named_so_are_hidden():
    given = {"HF_TOKEN": "abc", "OPENAI_API_KEY": "abc", "TOKENIZERS_PARALLELISM": "1", "A": "b"}
    told = {"HF_TOKEN": "hidden", "OPENAI_API_KEY": "hidden"}
    assert variables_without_secrets(given) == {**given, **told}
