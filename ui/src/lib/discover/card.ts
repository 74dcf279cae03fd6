// Model cards are Markdown with much HTML in it: centred logos, badges, tables of links. The window renders none, and
// tags shown as text would bury the words.

/** Code, which is kept as it stands; or else a comment, or a tag. */
const CODE_OR_MARKUP =
  /(^(?:```|~~~)[\s\S]*?(?:^(?:```|~~~)|(?![\s\S]))|`[^`\n]+`)|<!--[\s\S]*?(?:-->|(?![\s\S]))|<\/?[a-z][\w-]*(?:\s[^<>]*)?\/?>/gim;

/** Images, which are not loaded, and links around nothing but an image. */
const IMAGE = /\[\s*!\[[^\]]*\]\([^)]*\)\s*\]\([^)]*\)|!\[[^\]]*\]\([^)]*\)/g;

/** The card's words, without markup that would not be rendered. */
export function cardText(card: string): string {
  return card
    .replace(CODE_OR_MARKUP, (_, code: string | undefined) => code ?? "")
    .replace(IMAGE, "")
    .replace(/^[ \t]+$/gm, "")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}
