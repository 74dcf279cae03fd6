"""Writes what the reference implementation (transformers, on the CPU, in float32) says with a tiny model of each family.

    python3 golden.py [FAMILY…]      # all of families.py when none is named

needs torch, transformers, safetensors, tokenizers and numpy, and no network. It writes NAME.json for each family and the
tokenizer that all of them share. A family's JSON holds

    config    the config.json of a repository of this family, sizes shrunk
    seed      mixed into every tensor's numbers
    values    [suffix, centre, spread] rules, the first that fits a tensor's name counts
    tensors   [name, shape], as a published safetensors file has them, in bfloat16; or [name, shape, "u8"], in bytes
    prompt, greedy, logits    token ids, the reference's greedy continuation, and its logits after the prompt
    more      further prompts, each with its own greedy and logits

Weights are not stored, because anybody can compute them: element i (row-major, from 0) of the tensor NAME is

    centre + spread * u        in float64, then rounded to float32, then to bfloat16, each to nearest even;
                               or, for "u8", rounded down to a byte
    u    = (z >> 40) / 2^23 - 1
    z    = splitmix64's output for the state  s + (i + 1) * GAMMA  (mod 2^64)
    s    = FNV-1a 64 of NAME's bytes  xor  seed * GAMMA (mod 2^64)

where centre and spread come from the family's "values", or, when none of its suffixes ends NAME, from these:

    one dimension, "norm" in NAME and NAME ends in "weight"     1, 0.25
    one dimension otherwise (biases)                            0, 0.25
    more dimensions                                             0, sqrt(3 / last dimension)

A matrix so drawn keeps the size of what it multiplies, so a deep model's logits stay near one, as a trained model's do.

The seed is one with which every greedy step is decided by at least GAP and takes no special token, and with which
at least half of the tokens differ: an implementation that rounds otherwise than the reference must still choose the same
tokens, one that stops at an end of text must not stop, and one that is wrong must not be right by saying one thing.
"""

import json
import math
import sys
import tempfile
from itertools import count
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file

import vocabulary
from families import FAMILIES

HERE = Path(__file__).parent
GAMMA = 0x9E3779B97F4A7C15
WORD = 2**64 - 1
GAP = 0.04


def fnv1a(name):
    hash = 0xCBF29CE484222325
    for byte in name.encode():
        hash = (hash ^ byte) * 0x100000001B3 & WORD
    return hash


def splitmix(state, count):
    with np.errstate(over="ignore"):
        z = np.uint64(state) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(GAMMA)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def centre_and_spread(name, shape, rules):
    for suffix, centre, spread in rules:
        if name.endswith(suffix):
            return centre, spread
    if len(shape) > 1:
        return 0.0, math.sqrt(3 / shape[-1])
    return (1.0, 0.25) if "norm" in name and name.endswith("weight") else (0.0, 0.25)


def weights(rules, seed, name, shape, kind="bf16"):
    centre, spread = centre_and_spread(name, shape, rules)
    z = splitmix(fnv1a(name) ^ (seed * GAMMA & WORD), math.prod(shape))
    u = (z >> np.uint64(40)).astype(np.float64) / 2**23 - 1
    values = centre + spread * u
    if kind == "u8":
        return torch.from_numpy(np.floor(values).astype(np.uint8)).reshape(shape)
    return torch.from_numpy(values.astype(np.float32)).to(torch.bfloat16).reshape(shape)


def architecture(config):
    return getattr(transformers, config["architectures"][0])


def write_config(folder, config):
    (folder / "config.json").write_text(json.dumps(config))


def published_tensors(family):
    """The names and shapes of the published files, which transformers writes as it reads them, but for a few."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_config(folder, family.config)
        kind = architecture(family.config)
        model = kind(kind.config_class.from_pretrained(folder))
        model.save_pretrained(folder, save_original_format=not family.fused)
        with safe_open(folder / "model.safetensors", "pt") as file:
            tensors = [[name, file.get_slice(name).get_shape()] for name in file.keys()]
        return sorted(family.published(tensors), key=lambda tensor: by_number(tensor[0]))


def by_number(name):
    return [part.zfill(4) for part in name.split(".")]


def load(family, tensors, seed):
    """The model as a user would load it: from a folder with config.json and a safetensors file."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_config(folder, family.config)
        save_file({tensor[0]: weights(family.values, seed, *tensor) for tensor in tensors}, folder / "model.safetensors")
        model, told = architecture(family.config).from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
        )
    for problem, names in told.items():
        assert not names, f"{problem}: {names}"
    return model.eval()


def prompt(length):
    """Ids of single bytes whose text has no merges, so that the text of a prompt stands for exactly these ids."""
    ids = [(k**3 + 3 * k**2 + 5 * k + 11) % 94 for k in range(length)]
    assert vocabulary.TOKENIZER.encode(vocabulary.TOKENIZER.decode(ids)).ids == ids
    return ids


def logits_after(model, ids):
    """Without a cache, so that the reference is what the model means and not what a cache makes of it."""
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]


def answer(model, length, steps):
    """What the model says after the prompt, or None where that is no good as a test."""
    ids = prompt(length)
    logits = first = logits_after(model, ids)
    greedy = []
    while True:
        (best, second), (token, _) = (part.tolist() for part in logits.topk(2))
        if best - second < GAP or token >= vocabulary.FIRST_SPECIAL:
            return None
        greedy.append(token)
        if len(greedy) == steps:
            break
        logits = logits_after(model, ids + greedy)
    if 2 * len(set(greedy)) < steps:
        return None
    return {"prompt": ids, "greedy": greedy, "logits": [float(f"{x:.5g}") for x in first.tolist()]}


def answers(model, runs):
    """The answers to all runs, or None as soon as one has none: no use to compute the others."""
    found = []
    for length, steps in runs:
        found.append(answer(model, length, steps))
        if not found[-1]:
            return None
    return found


def golden(family, first_seed):
    tensors = published_tensors(family)
    for seed in count(first_seed):
        found = answers(load(family, tensors, seed), family.runs)
        if found:
            head = {"config": family.config, "seed": seed, "values": family.values, "tensors": tensors}
            return head | found[0] | {"more": found[1:]}


def to_text(golden):
    """JSON with a line for each field, tensor and prompt, so that a change can be read in a diff."""
    def item(key, value):
        if key not in ("tensors", "more") or not value:
            return json.dumps(value, separators=(",", ":"))
        return "[\n" + ",\n".join(json.dumps(part, separators=(",", ":")) for part in value) + "\n]"

    return "{\n" + ",\n".join(f"{json.dumps(key)}: {item(key, value)}" for key, value in golden.items()) + "\n}\n"


def known_seed(file):
    """The seed found last time, which is right unless the family was changed since."""
    return json.loads(file.read_text())["seed"] if file.exists() else 0


def main(names):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    vocabulary.write(HERE)
    for name in names or FAMILIES:
        file = HERE / f"{name}.json"
        found = golden(FAMILIES[name], known_seed(file))
        file.write_text(to_text(found))
        print(f"{name}: seed {found['seed']}, {len(found['tensors'])} tensors, {file.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
