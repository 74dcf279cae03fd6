// Markdown that arrives in pieces. What can no longer change is read once; only the tail is read again.
import { Lexer, type Token } from "marked";
import remend from "remend";

/** `live` while text that is still to come may change the block. */
export type Block = { token: Token; live: boolean };

// Single line breaks are kept: models write verse and addresses, and mean the breaks.
const OPTIONS = { gfm: true, breaks: true };

// Formulas are shown as they stand, so an open `$$` needs no closing.
const MENDING = { katex: false, linkMode: "text-only" } as const;

/** Two blocks stay open: "1. a", a blank line and "2" are a list and a paragraph until ". b" makes them one list. */
const OPEN_BLOCKS = 2;

const isDrawn = (token: Token) => token.type !== "space" && token.type !== "def";

export class Blocks {
  private text = "";
  private settled: Block[] = [];
  private settledLength = 0;
  private last: Block[] = [];

  /**
   * The blocks of `source`. Those that have not changed since the last call are the same objects, so that
   * whoever draws them can tell.
   */
  read(source: string, streaming: boolean): Block[] {
    const text = source.replaceAll("\r\n", "\n");
    if (!text.startsWith(this.text)) this.forget();
    this.text = text;
    this.last = streaming ? this.readTail() : this.readWhole();
    return this.last;
  }

  private forget(): void {
    this.settled = [];
    this.settledLength = 0;
    this.last = [];
  }

  private readWhole(): Block[] {
    const tokens = new Lexer(OPTIONS).lex(this.text);
    // A definition at the end gives links to blocks far above it: those read alike and mean something else.
    const reusable = Object.keys(tokens.links).length === 0;
    return tokens.filter(isDrawn).map((token, index) => {
      const before = this.last[index];
      const same = reusable && before && !before.live && before.token.raw === token.raw;
      return same ? before : { token, live: false };
    });
  }

  private readTail(): Block[] {
    const rest = this.text.slice(this.settledLength);
    const tokens: Token[] = new Lexer(OPTIONS).lex(rest);
    const drawn = tokens.filter(isDrawn);

    const firstOpen = drawn[Math.max(0, drawn.length - OPEN_BLOCKS)];
    for (const token of firstOpen ? tokens.slice(0, tokens.indexOf(firstOpen)) : []) {
      this.settledLength += token.raw.length;
      if (isDrawn(token)) this.settled.push({ token, live: false });
    }
    const open = drawn.slice(-OPEN_BLOCKS);
    return [...this.settled, ...mend(open).map((token) => ({ token, live: true }))];
  }
}

/** Closes what the last block has opened and not yet closed, so that "**bo" is bold from its first letter. */
function mend(open: Token[]): Token[] {
  const last = open.at(-1);
  if (!last || last.type === "code") return open;
  const mended = remend(last.raw, MENDING);
  if (mended === last.raw) return open;
  return [...open.slice(0, -1), ...new Lexer(OPTIONS).lex(mended).filter(isDrawn)];
}
