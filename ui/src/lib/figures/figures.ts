// Numbers as a person reads them. Words, not symbols, wherever a sentence is made of them.

/** English words for one token, on average. */
const WORDS_PER_TOKEN = 0.75;
/** Words on a page of a book. */
const WORDS_PER_PAGE = 250;

const GROUPED = new Intl.NumberFormat("en");

function decimals(value: number, most: number): string {
  return value.toFixed(value < 10 ? most : value < 100 ? Math.min(1, most) : 0);
}

/** What lies on a disk or comes through a wire, in decimal units, as disks and the Hub count. */
export function fileSize(bytes: number): string {
  if (bytes < 1e6) return `${Math.max(0, Math.round(bytes / 1e3))} kB`;
  // What would round to 1,000 MB is a gigabyte.
  if (bytes < 999.5e6)
    return `${bytes < 10e6 ? (bytes / 1e6).toFixed(1).replace(/\.0$/, "") : Math.round(bytes / 1e6)} MB`;
  if (bytes < 999.5e9) return `${decimals(bytes / 1e9, 2)} GB`;
  return `${decimals(bytes / 1e12, 2)} TB`;
}

/** What lies in memory: there a gigabyte has always been 2^30 bytes, and a computer "with 16 GB" has 16 of those. */
export function memorySize(bytes: number): string {
  const gb = bytes / 2 ** 30;
  if (gb >= 99.5) return `${Math.round(gb)} GB`;
  if (gb >= 0.95) return `${gb.toFixed(1).replace(/\.0$/, "")} GB`;
  return `${Math.round(bytes / 2 ** 20)} MB`;
}

export const bytesPerSecond = (bytes: number) => `${fileSize(bytes)} a second`;

export const wordsPerSecond = (tokensPerSecond: number) => tokensPerSecond * WORDS_PER_TOKEN;

/** "about 12 words a second". */
export function pace(tokensPerSecond: number): string {
  const words = wordsPerSecond(tokensPerSecond);
  if (words < 0.75) return "less than one word a second";
  const said = words < 3 ? Math.round(words * 2) / 2 : words < 100 ? Math.round(words) : tens(words);
  return `about ${said} ${said === 1 ? "word" : "words"} a second`;
}

const tens = (value: number) => Math.round(value / 10) * 10;

export const tokens = (count: number) => `${GROUPED.format(count)} tokens`;

/** How much text a context holds: "about 24 pages". */
export function pages(count: number): string {
  const exact = (count * WORDS_PER_TOKEN) / WORDS_PER_PAGE;
  const said = exact < 100 ? Math.max(1, Math.round(exact)) : tens(exact);
  return `about ${GROUPED.format(said)} ${said === 1 ? "page" : "pages"}`;
}

/** "8 billion", of parameters. */
export function billions(parameters: number): string {
  if (parameters < 0.95e6) return `${Math.round(parameters / 1e3)} thousand`;
  if (parameters < 0.95e9) return `${Math.round(parameters / 1e6)} million`;
  const value = parameters / 1e9;
  return `${value < 10 ? value.toFixed(1).replace(/\.0$/, "") : Math.round(value)} billion`;
}

/** "1.2 million"; exact below ten thousand. */
export function count(value: number): string {
  if (value < 10_000) return GROUPED.format(value);
  if (value < 999_500) return `${Math.round(value / 1000)} thousand`;
  return `${(value / 1e6).toFixed(value < 10e6 ? 1 : 0).replace(/\.0$/, "")} million`;
}

export const percent = (fraction: number) => `${Math.floor(Math.min(1, Math.max(0, fraction)) * 100)} %`;

export function timeLeft(seconds: number): string {
  if (seconds < 50) return "less than a minute left";
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${minutes === 1 ? "a minute" : `${minutes} minutes`} left`;
  const hours = Math.round(minutes / 60);
  if (hours < 48) return `about ${hours === 1 ? "an hour" : `${hours} hours`} left`;
  return `about ${Math.round(hours / 24)} days left`;
}
