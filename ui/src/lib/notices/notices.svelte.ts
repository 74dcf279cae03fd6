import { asReport } from "../failure";

export type Notice = {
  id: number;
  kind: "info" | "error";
  text: string;
  action: { label: string; run: () => void; testId?: string } | null;
};

/** How long a notice stays, in milliseconds. */
export const NOTICE_MS = 8000;

/** The short messages at the foot of the window. Time stands still while one is pointed at or focused. */
export class Notices {
  list = $state.raw<Notice[]>([]);
  private held = false;
  private next = 1;
  private timers = new Map<
    number,
    { handle: ReturnType<typeof setTimeout> | null; left: number; since: number }
  >();

  show(text: string, options: { kind?: Notice["kind"]; action?: Notice["action"] } = {}): number {
    const notice: Notice = {
      id: this.next++,
      kind: options.kind ?? "info",
      text,
      action: options.action ?? null,
    };
    this.list = [...this.list, notice];
    this.timers.set(notice.id, { handle: null, left: NOTICE_MS, since: 0 });
    if (!this.held) this.run(notice.id);
    return notice.id;
  }

  /** Shows why a command failed. */
  fail(reason: unknown): void {
    this.show(asReport(reason).message, { kind: "error" });
  }

  dismiss(id: number): void {
    const timer = this.timers.get(id);
    if (timer?.handle) clearTimeout(timer.handle);
    this.timers.delete(id);
    this.list = this.list.filter((notice) => notice.id !== id);
    // The pointer was over what has just gone, so nothing will tell that it left.
    if (this.list.length === 0) this.held = false;
  }

  hold(): void {
    this.held = true;
    for (const timer of this.timers.values()) {
      if (!timer.handle) continue;
      clearTimeout(timer.handle);
      timer.handle = null;
      timer.left = Math.max(0, timer.left - (Date.now() - timer.since));
    }
  }

  release(): void {
    this.held = false;
    for (const id of this.timers.keys()) this.run(id);
  }

  private run(id: number): void {
    const timer = this.timers.get(id);
    if (!timer || timer.handle) return;
    timer.since = Date.now();
    timer.handle = setTimeout(() => this.dismiss(id), timer.left);
  }
}
