// The sidebar's list as rows of known height, so that ten thousand chats cost as much as the thirty in sight.
import type { Chat } from "../backend/bindings/Chat";
import { period } from "../when";

export const HEADING_PX = 32;
export const CHAT_PX = 36;
/** Rows kept ready above and below what is in sight. */
const OVERSCAN_PX = 400;

export type Row = { top: number; height: number } & (
  { kind: "heading"; key: string; label: string } | { kind: "chat"; key: string; chat: Chat; index: number }
);

export type Rows = { rows: Row[]; height: number };

/** Chats newest first, each under the heading of its time. */
export function layOut(chats: readonly Chat[], now: number): Rows {
  const rows: Row[] = [];
  let top = 0;
  let label = "";
  chats.forEach((chat, index) => {
    const current = period(chat.updatedAt, now);
    if (current !== label) {
      label = current;
      rows.push({ kind: "heading", key: `# ${label}`, label, top, height: HEADING_PX });
      top += HEADING_PX;
    }
    rows.push({ kind: "chat", key: chat.id, chat, index, top, height: CHAT_PX });
    top += CHAT_PX;
  });
  return { rows, height: top };
}

/** The rows to draw for a viewport, found by bisection. */
export function inSight({ rows }: Rows, scrollTop: number, viewport: number): Row[] {
  const from = firstEndingAfter(rows, scrollTop - OVERSCAN_PX);
  const until = firstEndingAfter(rows, scrollTop + viewport + OVERSCAN_PX);
  return rows.slice(from, until + 1);
}

function firstEndingAfter(rows: readonly Row[], y: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const row = rows[middle];
    if (row && row.top + row.height <= y) low = middle + 1;
    else high = middle;
  }
  return low;
}
