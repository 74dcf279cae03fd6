import * as backend from "../backend/backend";
import type { ErrorReport } from "../backend/bindings/ErrorReport";
import type { FoundModel } from "../backend/bindings/FoundModel";
import type { LibraryEntry } from "../backend/bindings/LibraryEntry";
import type { Model } from "../backend/bindings/Model";
import { asReport } from "../failure";
import { notices, report } from "../report";

/** The models on this computer: Hearth's own, and those that other apps hold. */
export class Library {
  /** `null` until the backend has answered. */
  entries = $state.raw<LibraryEntry[] | null>(null);
  /** In other apps, and not used by Hearth yet; `null` until it has been looked. */
  elsewhere = $state.raw<FoundModel[] | null>(null);
  failure = $state.raw<ErrorReport | null>(null);
  searchFailure = $state.raw<ErrorReport | null>(null);

  /** `changed` is told whenever other models are here than before, or otherwise shortened, by whichever way that was learnt. */
  constructor(private readonly changed: () => void) {}

  async refresh(): Promise<void> {
    try {
      this.replace(await backend.library());
      this.failure = null;
    } catch (reason) {
      this.failure = asReport(reason);
    }
  }

  replace(entries: LibraryEntry[]): void {
    for (const entry of entries) {
      const before = this.entries?.find((known) => known.model.id === entry.model.id);
      if (before && before.verifying !== null && entry.verifying === null && !entry.damaged) {
        notices.show(`${entry.model.name} is whole: every byte is as it was published.`);
      }
    }
    const versions = (all: LibraryEntry[]) => all.map(({ model, quantisation }) => [model.id, quantisation]);
    const before = JSON.stringify(versions(this.entries ?? []));
    this.entries = entries;
    if (JSON.stringify(versions(entries)) !== before) this.changed();
  }

  async look(): Promise<void> {
    try {
      this.elsewhere = await backend.findModels();
      this.searchFailure = null;
    } catch (reason) {
      this.searchFailure = asReport(reason);
    }
  }

  entry(modelId: string): LibraryEntry | undefined {
    return this.entries?.find((entry) => entry.model.id === modelId);
  }

  /** The model that a quantisation of a repository has become. */
  of(repo: string, variant: string): Model | undefined {
    return this.entries?.find(
      ({ model, ...entry }) => entry.repo === repo && entry.quantisation === variant && !model.missing,
    )?.model;
  }

  /** False when the person closed the file dialog. */
  async importFile(): Promise<boolean> {
    const model = await backend.pickModel();
    if (!model) return false;
    await this.refresh();
    notices.show(`${model.name} is in your library. Its file stays where it is.`);
    return true;
  }

  async useFound(found: FoundModel): Promise<void> {
    const model = await backend.useFoundModel(found.id);
    this.elsewhere = (this.elsewhere ?? []).filter((other) => other.id !== found.id);
    await this.refresh();
    notices.show(`${model.name} is in your library. Nothing was copied.`);
  }

  verify(id: string): void {
    backend.verifyModel(id).catch(report);
  }

  async remove(id: string): Promise<void> {
    await backend.deleteModel(id);
    if (this.entries) this.replace(this.entries.filter((entry) => entry.model.id !== id));
  }
}
