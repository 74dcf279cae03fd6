// Writes tokens.json: what llama.cpp makes of one text with each name for cutting it, and with SentencePiece's rules.
//
// The vocabulary is made from the text itself, without cutting it, so that merges reach across every place where some rule cuts:
// a rule that cuts elsewhere gives other tokens. Run with node in tests/peer, after `npm ci` there:
//   node ../families/tokens.mjs > ../families/tokens.json
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const peer = createRequire(join(process.cwd(), "package.json"));
const { getLlama } = await import(pathToFileURL(peer.resolve("node-llama-cpp")));

const NAMES = [
  "gpt-2", "phi-2", "olmo", "starcoder", "refact", "smollm", "command-r", "llama-bpe", "smaug-bpe", "dbrx", "qwen2",
  "deepseek-r1-qwen", "stablelm2", "gpt-4o", "tekken", "deepseek-v3", "deepseek-llm", "glm4", "chatglm-bpe", "qwen35",
];
const TEXT = `In 1815, 2024 and 12345678: it's what we'll see; THEY'LL don't. camelCase HTTPServer fooBar_baz x=y+1;
\tif (a[0] != b) { return "ok"; }  // done...

  two  spaces   and\r\nlines\n\n\nEnd!!! (so?) ¿Qué? Ça va, naïve café. Größe, Übermaß; été. Ελληνικά και Привет, мир! Ещё 100%.
日本語のテキスト、そして中文文本。한국어 문장입니다. العربية هنا ١٢٣٤. हिन्दी में लिखा है। ไทยก็มี 🦊🔥 👩‍🚀 ½ × √2 ≈ 1.414 — “quoted” …
<|im_start|>user
<think>hmm</think> 1,000,000.00 USD/EUR http://example.org/a?b=c#d @me #tag ~/x \\n it’s WE’RE I'M 'sup`;
// Letters with their marks apart, which llama.cpp keeps together for these names and its expressions for others do not know.
const MARKS = " e\u0301te\u0301 re\u0301e\u0301die\u0301";
const MARKED = ["qwen2", "qwen35"];

/** GPT-2's letters for bytes: those that print stand for themselves. */
const letters = (() => {
  const plain = [];
  for (let byte = 33; byte < 256; byte++) if (byte < 127 || (byte > 160 && byte !== 173)) plain.push(byte);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(plain.includes(byte) ? byte : next++));
})();

/** Joins all neighbours that there are, the most frequent first, and then each of those with what follows it. */
function joins(symbols) {
  const count = (pairs) => {
    const seen = new Map();
    for (const pair of pairs) seen.set(pair, (seen.get(pair) ?? 0) + 1);
    return [...seen].sort((one, other) => other[1] - one[1]).map(([pair]) => pair);
  };
  const twos = symbols.slice(1).map((symbol, at) => `${symbols[at]} ${symbol}`);
  const threes = symbols.slice(2).map((symbol, at) => `${symbols[at]}${symbols[at + 1]} ${symbol}`);
  return [...count(twos), ...count(threes)];
}

const NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER_DEFINED = 4, BYTE = 6;

function bytePairs() {
  const merges = joins([...Buffer.from(TEXT + MARKS)].map((byte) => letters[byte]));
  const pieces = [...letters, ...merges.map((merge) => merge.replace(" ", ""))];
  const tokens = [...new Set(pieces), "<|end|>", "<|im_start|>", "<think>", "</think>"];
  const kinds = tokens.map(() => NORMAL);
  kinds.splice(-4, 4, CONTROL, CONTROL, USER_DEFINED, USER_DEFINED);
  return { tokens, kinds, merges };
}

function sentencePiece() {
  const spaced = TEXT.replaceAll(" ", "▁");
  // What is in no vocabulary is written as bytes.
  const known = [...spaced].filter((letter) => !"🦊ไทยก็มี½√".includes(letter) && letter !== "\n" && letter !== "\r");
  const merges = joins(known).map((merge) => merge.replace(" ", ""));
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const first = ["<unk>", "<s>", "</s>", ...bytes, "<|im_start|>", "<think>", "</think>"];
  const pieces = [...new Set([...merges, ...known])];
  const kinds = [UNKNOWN, CONTROL, CONTROL, ...bytes.map(() => BYTE), CONTROL, USER_DEFINED, USER_DEFINED];
  return {
    tokens: [...first, ...pieces],
    kinds: [...kinds, ...pieces.map(() => NORMAL)],
    scores: [...first.map(() => 0), ...pieces.map((_, at) => -at)],
  };
}

/** A GGUF file of metadata alone: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
function gguf(metadata) {
  const parts = [];
  const u32 = (value) => { const bytes = Buffer.alloc(4); bytes.writeUInt32LE(value); parts.push(bytes); };
  const u64 = (value) => { const bytes = Buffer.alloc(8); bytes.writeBigUInt64LE(BigInt(value)); parts.push(bytes); };
  const text = (value) => { const bytes = Buffer.from(value); u64(bytes.length); parts.push(bytes); };
  const f32 = (value) => { const bytes = Buffer.alloc(4); bytes.writeFloatLE(value); parts.push(bytes); };
  const write = { u32: [4, u32], i32: [5, u32], f32: [6, f32], bool: [7, (value) => parts.push(Buffer.from([value ? 1 : 0]))], text: [8, text] };
  parts.push(Buffer.from("GGUF"));
  u32(3);
  u64(0);
  u64(metadata.length);
  for (const [key, kind, value] of metadata) {
    text(key);
    const [number, put] = write[kind];
    u32(Array.isArray(value) ? 9 : number);
    if (Array.isArray(value)) {
      u32(number);
      u64(value.length);
      value.forEach(put);
    } else put(value);
  }
  return Buffer.concat(parts);
}

const llama = await getLlama({ gpu: false, build: "never", skipDownload: true });
const folder = mkdtempSync(join(tmpdir(), "tokens-"));

async function idsOf(name, metadata, text = TEXT) {
  const numbers = { block_count: 1, embedding_length: 64, context_length: 512, feed_forward_length: 64, "attention.head_count": 1, "rope.dimension_count": 64 };
  const path = join(folder, `${name}.gguf`);
  writeFileSync(path, gguf([
    ["general.architecture", "text", "llama"],
    ...Object.entries(numbers).map(([key, value]) => [`llama.${key}`, "u32", value]),
    ["llama.attention.layer_norm_rms_epsilon", "f32", 1e-5],
    ["tokenizer.ggml.add_bos_token", "bool", false],
    ...metadata,
  ]));
  const model = await llama.loadModel({ modelPath: path, vocabOnly: true });
  const ids = [...model.tokenize(text, true)];
  await model.dispose();
  return ids;
}

const pairs = bytePairs();
const cut = (name, text) => idsOf(name, [
  ["tokenizer.ggml.model", "text", "gpt2"],
  ["tokenizer.ggml.pre", "text", name],
  ["tokenizer.ggml.tokens", "text", pairs.tokens],
  ["tokenizer.ggml.token_type", "i32", pairs.kinds],
  ["tokenizer.ggml.merges", "text", pairs.merges],
  ["tokenizer.ggml.eos_token_id", "u32", pairs.tokens.indexOf("<|end|>")],
], text);
const ids = {}, marked = {};
for (const name of NAMES) ids[name] = await cut(name, TEXT);
for (const name of MARKED) marked[name] = await cut(name, MARKS);
const pieces = sentencePiece();
const joined = (begins) => idsOf("llama", [
  ["tokenizer.ggml.model", "text", "llama"],
  ["tokenizer.ggml.tokens", "text", pieces.tokens],
  ["tokenizer.ggml.token_type", "i32", pieces.kinds],
  ["tokenizer.ggml.scores", "f32", pieces.scores],
  ["tokenizer.ggml.eos_token_id", "u32", 2],
  ["tokenizer.ggml.add_space_prefix", "bool", begins],
]);
const spm = await joined(true);
// As Gemma's.
const bare = await joined(false);
rmSync(folder, { recursive: true });
console.log(JSON.stringify({ text: TEXT, bytePairs: { ...pairs, ids, marks: MARKS, marked }, sentencePiece: { ...pieces, ids: spm, bare } }));
process.exit(0);
