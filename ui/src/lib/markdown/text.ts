/** Turns `&amp;` and its like into characters. Marked leaves them, because it expects to write HTML. */
export function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:#\d{1,7}|#x[\da-f]{1,6}|[a-z][a-z\d]{1,31});/gi, (entity) => {
    const box = document.createElement("textarea");
    // Nothing but one entity can match above, and a textarea holds text only.
    box.innerHTML = entity;
    return box.value;
  });
}

/** The address, if it is one that may leave the window: `https:` or `mailto:`. */
export function safeAddress(href: string): string | null {
  try {
    const url = new URL(href);
    return url.protocol === "https:" || url.protocol === "mailto:" ? url.href : null;
  } catch {
    return null;
  }
}
