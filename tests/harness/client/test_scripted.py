"""What a conversation's turns send."""

from bench_pipeline.harness.client.scripted import messages, script_sha256
from bench_pipeline.records.workload import Conversation
from tests.records.test_conversation import SCRIPT, read


def test_each_turn_sends_the_one_before_and_what_is_new():
    script = read(SCRIPT)
    first, second = messages(script, 0, "12345678"), messages(script, 1, "12345678")
    assert second[: len(first)] == first
    assert [message["role"] for message in second] == ["system", "user", "assistant", "user"]
    assert second[2]["content"].startswith("I look.\n{")
    assert '"name": "look"' in second[2]["content"]
    assert second[3]["content"] == "Result of look:\nNothing."


def test_the_nonce_leads_so_that_nothing_of_another_conversation_is_shared():
    one, other = (messages(read(SCRIPT), 0, nonce)[0]["content"] for nonce in ("11", "22"))
    assert (one[:3], other[:3]) == ("11\n", "22\n")
    assert one[2:] == other[2:]
    assert '{"name": "look", "description": "Looks at it."' in one


def test_another_text_or_another_length_is_another_script():
    script = read(SCRIPT)
    again = Conversation.model_validate(script.model_dump() | {"title": "B", "explanation": "C"})
    assert script_sha256(again) == script_sha256(script)
    longer = SCRIPT.replace(
        "results: [Nothing.]\n    output_tokens: 8", "results: [Nothing.]\n    output_tokens: 9"
    )
    for changed in (longer, SCRIPT.replace("Nothing.", "Something.")):
        assert script_sha256(read(changed)) != script_sha256(script)
