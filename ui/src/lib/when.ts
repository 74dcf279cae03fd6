// Dates as a person says them. Calendar days, not spans of 24 hours.
const DAY_MS = 86_400_000;

// Made once: making one costs more than ten thousand uses.
const MONTH = new Intl.DateTimeFormat(undefined, { month: "long", year: "numeric" });

const midnight = (time: number) => new Date(time).setHours(0, 0, 0, 0);

/** How many midnights lie between `time` and `now`. Rounded, because a day may have 23 or 25 hours. */
export const daysAgo = (time: number, now: number) => Math.round((midnight(now) - midnight(time)) / DAY_MS);

export function lastUsed(time: number | null, now: number): string {
  if (time === null) return "Not used yet";
  const days = daysAgo(time, now);
  if (days <= 0) return "Used today";
  if (days === 1) return "Used yesterday";
  if (days < 7) return `Used ${days} days ago`;
  return `Used on ${new Date(time).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" })}`;
}

/** The heading that a chat stands under in the sidebar. */
export function period(time: number, now: number): string {
  const days = daysAgo(time, now);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days <= 7) return "Previous 7 days";
  return MONTH.format(time);
}
