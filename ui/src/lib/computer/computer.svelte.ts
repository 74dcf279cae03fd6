import * as backend from "../backend/backend";
import type { ErrorReport } from "../backend/bindings/ErrorReport";
import type { ThisComputer } from "../backend/bindings/ThisComputer";
import { asReport } from "../failure";

/** What this computer is, as the backend found and measured it. */
export class Computer {
  found = $state.raw<ThisComputer | null>(null);
  failure = $state.raw<ErrorReport | null>(null);
  private asked = $state(false);

  get measuring(): boolean {
    return this.asked || (this.found?.measuring ?? false);
  }

  /** Looks again: what is free changes by the minute. */
  look(): Promise<void> {
    return this.attempt(backend.thisComputer);
  }

  async measure(): Promise<void> {
    if (this.measuring) return;
    this.asked = true;
    await this.attempt(backend.measureComputer);
    this.asked = false;
  }

  take(computer: ThisComputer): void {
    this.found = computer;
  }

  private async attempt(command: () => Promise<ThisComputer>): Promise<void> {
    this.failure = null;
    try {
      this.found = await command();
    } catch (reason) {
      this.failure = asReport(reason);
    }
  }
}
