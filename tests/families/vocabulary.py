"""The tokenizer all families share: byte-level BPE with exactly 320 ids.

Every byte has an id, so any text can be encoded; a few merges make sure that a decoder has to join tokens; and the
special tokens are those that the families' configurations name.
"""

import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

MERGES = """
t h|h e|i n|e r|a n|r e|o n|e n|a t|e s|o r|t e|o f|e d|i s|i t|a l|a r|s t|t o|n t|n g|s e|h a|a s|o u|i o|l e|v e|c o
th e|in g|an d|er e|en t|io n|h er|at ion|Ġ t|Ġ a|Ġ s|Ġ w|Ġ the|Ġ of|Ġ and|Ġ to|Ġ in|Ġ co|Ġ he|Ġ is
""".strip().replace("\n", "|").split("|")

SPECIAL = """
<s> </s> <pad> <|system|> <|user|> <|assistant|> <|tool|>
<image> <image_start> <image_end> <video> <audio> <audio_start> <audio_end>
""".split()

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def build():
    merges = [tuple(merge.split()) for merge in MERGES]
    words = sorted(pre_tokenizers.ByteLevel.alphabet()) + ["".join(merge) for merge in merges]
    tokenizer = Tokenizer(models.BPE(vocab={word: id for id, word in enumerate(words)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in SPECIAL])
    return tokenizer


TOKENIZER = build()
SIZE = TOKENIZER.get_vocab_size()
FIRST_SPECIAL = TOKENIZER.token_to_id(SPECIAL[0])


def id_of(word):
    return TOKENIZER.token_to_id(word)


def write(folder: Path):
    TOKENIZER.save(str(folder / "tokenizer.json"))
    settings = {
        "add_bos_token": False,
        "add_eos_token": False,
        "added_tokens_decoder": {
            str(id_of(word)): {"content": word, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
            for word in SPECIAL
        },
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 2048,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n")
