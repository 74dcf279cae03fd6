import * as backend from "../backend/backend";
import { report } from "../report";

/** Whom the Hub knows this person as. The token itself never comes back from the backend. */
export class Account {
  /** `null` without a token; `undefined` until the backend has said. */
  name = $state.raw<string | null | undefined>(undefined);
  /** The dialog for the token is open. */
  asking = $state(false);
  private then: (() => void) | null = null;

  async refresh(): Promise<void> {
    try {
      this.name = await backend.hubAccount();
    } catch (reason) {
      report(reason);
    }
  }

  /** Opens the dialog; `then` runs once a token has been taken. */
  ask(then: (() => void) | null = null): void {
    this.then = then;
    this.asking = true;
  }

  dismiss(): void {
    this.asking = false;
    this.then = null;
  }

  /** Rejects when the Hub does not know the token. */
  async take(token: string): Promise<string> {
    const name = await backend.setHubToken(token);
    this.name = name;
    const { then } = this;
    this.dismiss();
    then?.();
    return name;
  }

  async forget(): Promise<void> {
    await backend.clearHubToken();
    this.name = null;
  }
}
