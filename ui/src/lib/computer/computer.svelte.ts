import * as backend from "../backend/backend";
import type { ErrorReport } from "../backend/bindings/ErrorReport";
import type { ThisComputer } from "../backend/bindings/ThisComputer";
import { asReport } from "../failure";

/** What this computer is, as the backend found and measured it. */
export class Computer {
  found = $state.raw<ThisComputer | null>(null);
  failure = $state.raw<ErrorReport | null>(null);
  private asked = $state(false);

  /** `onmeasured` is told when speeds are known that were not, or others. */
  constructor(private readonly onmeasured: () => void) {}

  get measuring(): boolean {
    return this.asked || (this.found?.measuring ?? false);
  }

  /** Looks again: what is free changes by the minute. */
  look(): Promise<void> {
    return this.attempt(backend.thisComputer);
  }

  /** Looks where nobody has looked yet. */
  lookOnce(): void {
    if (!this.found) void this.look();
  }

  async measure(): Promise<void> {
    if (this.measuring) return;
    this.asked = true;
    await this.attempt(backend.measureComputer);
    this.asked = false;
  }

  take(computer: ThisComputer): void {
    const before = this.found;
    this.found = computer;
    if (before && before.speeds?.measuredAt !== computer.speeds?.measuredAt) this.onmeasured();
  }

  private async attempt(command: () => Promise<ThisComputer>): Promise<void> {
    this.failure = null;
    try {
      this.take(await command());
    } catch (reason) {
      this.failure = asReport(reason);
    }
  }
}
