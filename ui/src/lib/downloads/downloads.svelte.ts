import * as backend from "../backend/backend";
import type { Download } from "../backend/bindings/Download";
import type { ErrorReport } from "../backend/bindings/ErrorReport";
import { asReport } from "../failure";
import { report } from "../report";

/** The queue of downloads, as the backend last told it. */
export class Downloads {
  list = $state.raw<Download[]>([]);
  /** Why a command about one failed, by its id. */
  failures = $state.raw<Readonly<Record<string, ErrorReport>>>({});

  /** What has not arrived yet, in the order of the queue. */
  readonly pending = $derived(this.list.filter((download) => download.state !== "done"));
  readonly finished = $derived(this.list.filter((download) => download.state === "done"));
  /** How much of everything pending has arrived; `null` where nothing is. */
  readonly fraction = $derived.by(() => {
    const total = this.pending.reduce((sum, download) => sum + download.totalBytes, 0);
    const done = this.pending.reduce((sum, download) => sum + download.doneBytes, 0);
    return total > 0 ? done / total : null;
  });

  async refresh(): Promise<void> {
    try {
      this.replace(await backend.listDownloads());
    } catch (reason) {
      report(reason);
    }
  }

  /** True when something has arrived since the last time, however quickly. */
  replace(downloads: Download[]): boolean {
    const before = new Set(this.finished.map((download) => download.id));
    this.list = downloads;
    return this.finished.some((download) => !before.has(download.id));
  }

  /** The download of a quantisation, unless it has arrived. */
  of(repo: string, variant: string): Download | undefined {
    return this.pending.find((download) => download.repo === repo && download.variant === variant);
  }

  /** False when nothing needs to be fetched; rejects when it could not be queued. */
  async start(repo: string, variant: string): Promise<boolean> {
    const download = await backend.downloadVariant(repo, variant);
    if (download.state === "done") return false;
    // An event may have told of it already, and of more.
    if (!this.list.some((known) => known.id === download.id)) this.list = [...this.list, download];
    return true;
  }

  pause = (id: string) => this.attempt(id, () => backend.pauseDownload(id), "paused");
  resume = (id: string) => this.attempt(id, () => backend.resumeDownload(id), "queued");

  async cancel(id: string): Promise<void> {
    if (await this.attempt(id, () => backend.cancelDownload(id))) {
      this.list = this.list.filter((download) => download.id !== id);
    }
  }

  /** Takes what has arrived off the list; the models stay. */
  async clearFinished(): Promise<void> {
    for (const download of this.finished) await this.cancel(download.id);
  }

  /** Moves it one place up (-1) or down (1) among the pending; false at the end of the list. */
  async move(id: string, by: -1 | 1): Promise<boolean> {
    const { pending } = this;
    const from = pending.findIndex((download) => download.id === id);
    const moved = pending[from];
    if (!moved || !pending[from + by]) return false;
    const others = pending.filter((download) => download !== moved);
    const before = others[from + by]?.id ?? null;
    this.list = [...others.slice(0, from + by), moved, ...others.slice(from + by), ...this.finished];
    const done = await this.attempt(id, () => backend.moveDownload(id, before));
    if (!done) await this.refresh();
    return done;
  }

  /** Shows the outcome at once where it is known; what the backend tells later stands. */
  private async attempt(
    id: string,
    command: () => Promise<void>,
    outcome?: Download["state"],
  ): Promise<boolean> {
    const { [id]: _, ...others } = this.failures;
    this.failures = others;
    try {
      await command();
    } catch (reason) {
      this.failures = { ...this.failures, [id]: asReport(reason) };
      return false;
    }
    if (outcome) {
      this.list = this.list.map((download) =>
        download.id === id && download.state !== "done"
          ? { ...download, state: outcome, bytesPerSecond: null, secondsLeft: null, error: null }
          : download,
      );
    }
    return true;
  }
}
