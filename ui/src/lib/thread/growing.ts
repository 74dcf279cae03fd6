import type { Attachment } from "svelte/attachments";

/** Keeps a textarea as tall as its text, up to the style's max-height. Runs again whenever `text` changes. */
export function growing(text: () => string): Attachment<HTMLTextAreaElement> {
  return (box) => {
    text();
    box.style.height = "auto";
    // scrollHeight leaves the borders out.
    const borders = box.offsetHeight - box.clientHeight;
    box.style.height = `${box.scrollHeight + borders}px`;
  };
}
