import { Lexer } from "marked";
import { describe, expect, test, vi } from "vitest";
import { Blocks } from "../src/lib/markdown/blocks";

const SOURCE = [
  "# Heat",
  "",
  "A paragraph with **bold** and `code`.",
  "",
  "1. one",
  "",
  "2. two",
  "   - nested",
  "",
  "   more of two",
  "",
  "```rust",
  "fn main() {}",
  "",
  "// still code",
  "```",
  "",
  "| a | b |",
  "| - | - |",
  "| 1 | 2 |",
  "",
  "Setext",
  "===",
  "",
  "- [x] done",
  "",
  "> quote",
  "",
  "---",
  "",
  "The end.",
].join("\n");

const raws = (blocks: { token: { raw: string } }[]) => blocks.map(({ token }) => token.raw.trim());

test("a text that arrives one character at a time ends as the same text read at once", () => {
  const grown = new Blocks();
  for (let end = 1; end <= SOURCE.length; end += 1) grown.read(SOURCE.slice(0, end), true);
  const streamed = raws(grown.read(SOURCE, true));
  expect(streamed).toEqual(raws(new Blocks().read(SOURCE, false)));
  expect(raws(grown.read(SOURCE, false))).toEqual(streamed);
});

test("finished blocks stay the same objects while the text grows, and after it is done", () => {
  const blocks = new Blocks();
  const early = blocks.read(SOURCE.slice(0, 120), true)[0];
  expect(early?.live).toBe(false);
  expect(blocks.read(SOURCE, true)[0]).toBe(early);
  expect(blocks.read(SOURCE, false)[0]).toBe(early);
});

test("what is finished is not read again: the work for a new piece does not grow with the reply", () => {
  const lex = vi.spyOn(Lexer.prototype, "lex");
  const blocks = new Blocks();
  const paragraph = "A paragraph of some length that says nothing new.\n\n";
  const longestRead = (text: string) => {
    lex.mockClear();
    blocks.read(text, true);
    return Math.max(...lex.mock.calls.map(([source]) => source.length));
  };
  let text = "";
  for (let count = 0; count < 200; count += 1) {
    text += paragraph;
    expect(longestRead(text)).toBeLessThanOrEqual(paragraph.length * 3);
  }
});

test("a list that a blank line interrupts stays one list", () => {
  const blocks = new Blocks();
  for (const text of ["1. a\n", "1. a\n\n", "1. a\n\n2", "1. a\n\n2. b"]) blocks.read(text, true);
  expect(blocks.read("1. a\n\n2. b", true)).toHaveLength(1);
});

describe("what is not closed yet", () => {
  const last = (text: string) => new Blocks().read(text, true).at(-1)?.token;

  test("bold is bold from its first letter", () => {
    expect(last("so **warm")).toMatchObject({ tokens: [{ type: "text" }, { type: "strong", text: "warm" }] });
  });

  test("an open fence is code", () => {
    expect(last("```py\nprint(1)")).toMatchObject({ type: "code", lang: "py", text: "print(1)" });
  });

  test("half a link is its label", () => {
    expect(JSON.stringify(last("see [the page](https://exam"))).not.toContain('https://exam"');
  });

  test("a finished reply is taken as it stands", () => {
    expect(new Blocks().read("so **warm", false)[0]?.token).toMatchObject({
      tokens: [{ type: "text", text: "so **warm" }],
    });
  });
});

test("a definition at the end reaches links above it once the reply is done", () => {
  const text = "See [it][x].\n\nMore.\n\nAnd more.\n\n[x]: https://example.org";
  const blocks = new Blocks();
  blocks.read(text, true);
  expect(JSON.stringify(blocks.read(text, false)[0])).toContain("https://example.org");
});

test("a text that is not a continuation is read anew", () => {
  const blocks = new Blocks();
  blocks.read("one\n\ntwo\n\nthree\n\nfour", true);
  expect(raws(blocks.read("five", true))).toEqual(["five"]);
});
