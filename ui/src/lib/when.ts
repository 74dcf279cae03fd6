// Dates as a person says them. Calendar days, not spans of 24 hours.
const DAY_MS = 86_400_000;

// Made once: making one costs more than ten thousand uses.
const MONTH = new Intl.DateTimeFormat(undefined, { month: "long", year: "numeric" });

const midnight = (time: number) => new Date(time).setHours(0, 0, 0, 0);

/** How many midnights lie between `time` and `now`. Rounded, because a day may have 23 or 25 hours. */
export const daysAgo = (time: number, now: number) => Math.round((midnight(now) - midnight(time)) / DAY_MS);

const day = (time: number) =>
  new Date(time).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });

/** A day as it ends a sentence: "today", "yesterday" or "on 19 Nov 2026". */
export function dayOf(time: number, now = Date.now()): string {
  const days = daysAgo(time, now);
  return days <= 0 ? "today" : days === 1 ? "yesterday" : `on ${day(time)}`;
}

/** When something on the Hub last changed; `null` where that cannot be read. */
export function changed(time: string | null, now: number): string | null {
  const at = time === null ? NaN : Date.parse(time);
  if (Number.isNaN(at)) return null;
  const days = daysAgo(at, now);
  if (days < 7) return "changed this week";
  if (days < 14) return "changed last week";
  if (days < 60) return `changed ${Math.round(days / 7)} weeks ago`;
  if (days < 730) return `changed ${Math.round(days / 30.4)} months ago`;
  return `changed ${Math.round(days / 365)} years ago`;
}

export function lastUsed(time: number | null, now: number): string {
  if (time === null) return "Not used yet";
  const days = daysAgo(time, now);
  if (days <= 0) return "Used today";
  if (days === 1) return "Used yesterday";
  if (days < 7) return `Used ${days} days ago`;
  return `Used on ${day(time)}`;
}

/** The heading that a chat stands under in the sidebar. */
export function period(time: number, now: number): string {
  const days = daysAgo(time, now);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days <= 7) return "Previous 7 days";
  return MONTH.format(time);
}
