// What a model thought before it answered, as it stands in the text of a reply.
const OPENING = "<think>";
const CLOSING = "</think>";

export interface Told {
  /** `null` where it did not think. */
  thought: string | null;
  /** The thought has not ended yet. */
  thinking: boolean;
  answer: string;
}

/** Parts a reply, also while it is being written: the beginning of a tag is neither thought nor answer. */
export function told(text: string): Told {
  const start = text.trimStart();
  if (!start.startsWith(OPENING)) {
    const undecided = start !== "" && OPENING.startsWith(start);
    return { thought: null, thinking: false, answer: undecided ? "" : text };
  }
  const rest = start.slice(OPENING.length);
  const end = rest.indexOf(CLOSING);
  if (end < 0) return { thought: withoutTagAtEnd(rest).trim() || null, thinking: true, answer: "" };
  return {
    thought: rest.slice(0, end).trim() || null,
    thinking: false,
    answer: rest.slice(end + CLOSING.length).trimStart(),
  };
}

function withoutTagAtEnd(text: string): string {
  const at = text.lastIndexOf("<");
  return at >= 0 && CLOSING.startsWith(text.slice(at)) ? text.slice(0, at) : text;
}
