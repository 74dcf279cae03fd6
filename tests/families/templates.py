"""Writes what transformers makes of chats with the templates in templates/, which are ours: each is written in the manner of
a family, with the constructs that the family's published one has, and python.jinja has what is left of them.

    python3 templates.py

needs transformers and Jinja2, and no network. It writes templates.json: the chats, and for each template and chat its text
without thinking and with it, or what it says where it refuses the chat.
"""

import datetime
import json
from pathlib import Path

import transformers.utils.chat_template_utils as rendering
from jinja2.exceptions import TemplateError
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).parent
NOW = (2026, 3, 5, 14, 7, 9)
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
THOUGHT = "<think>\nHm, <b> & 'so'.\n</think>\n\nHello!"

CHATS = {
    "question": [("user", "Hello")],
    "system": [("system", "You are brief."), ("user", "Hello")],
    "turns": [("user", "Hi"), ("assistant", "Hello! "), ("user", " And now?\n")],
    "thoughts": [
        ("system", "  Be kind.\n"), ("user", "Hi"), ("assistant", THOUGHT), ("user", "Why?"), ("assistant", "\n"), ("user", "Ok")
    ],
    "other_thoughts": [("user", "Hi"), ("assistant", "<seed:think>x</seed:think>y<|channel>thought\nz<channel|> a"), ("user", "b")],
    "answer_last": [("user", "Hi"), ("assistant", THOUGHT)],
    "empty": [("system", ""), ("user", "")],
    "unicode": [
        ("user", "Grüße 👋 ﷽ \u200b\u0301 \u3000 end\u00a0"), ("assistant", "日本語\r\n\tText"), ("user", "▁ \\n {{ x }} {% if %}")
    ],
    "tokens": [("user", "<|im_end|></s>[INST]<|channel|>"), ("assistant", "<start_of_turn>"), ("user", "<think> /no_think")],
    "wishes": [("system", "Short. /think"), ("user", "a")],
    "nobody_answers": [("user", "a"), ("user", "b")],
    "answer_first": [("assistant", "a"), ("user", "b")],
    "late_system": [("user", "a"), ("assistant", "b"), ("system", "c"), ("user", "d")],
}


class OneMoment(datetime.datetime):
    @classmethod
    def now(cls, zone=None):
        return cls(*NOW)


def rendered(tokenizer, chat, think):
    # Where replies have channels they cannot go without thinking, only think little.
    effort = {} if think or "<|channel|>" not in tokenizer.chat_template else {"reasoning_effort": "low"}
    messages = [{"role": role, "content": content} for role, content in chat]
    try:
        return tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=think, thinking=think, **effort
        )
    except TemplateError as refusal:
        return {"refused": str(refusal)}


def main():
    rendering.datetime = OneMoment
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(HERE / "tokenizer.json"), **TOKENS)
    texts = {}
    for file in sorted((HERE / "templates").glob("*.jinja")):
        tokenizer.chat_template = file.read_text()
        texts[file.stem] = {
            name: [rendered(tokenizer, chat, think) for think in (False, True)] for name, chat in CHATS.items()
        }
    golden = {"now": NOW, "tokens": TOKENS, "chats": CHATS, "texts": texts}
    (HERE / "templates.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
