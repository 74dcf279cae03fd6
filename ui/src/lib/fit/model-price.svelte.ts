import * as backend from "../backend/backend";
import type { LibraryEntry } from "../backend/bindings/LibraryEntry";
import type { Verdict } from "../backend/bindings/Verdict";
import { report } from "../report";
import { Settling } from "../settling";

/** The verdict on a model of the library, at a context that the person moves. */
export class ModelPrice {
  private chosen = $state<number | null>(null);
  private priced = $state.raw<{ verdict: Verdict; quantisation: string | null } | null>(null);
  private readonly settling = new Settling();

  constructor(private readonly entry: () => LibraryEntry) {}

  get context(): number {
    return this.chosen ?? this.entry().verdict?.context ?? 0;
  }

  get verdict(): Verdict | null {
    const { quantisation, verdict } = this.entry();
    return this.priced?.quantisation === quantisation ? this.priced.verdict : verdict;
  }

  at(context: number): void {
    this.chosen = context;
    const { model, quantisation } = this.entry();
    this.settling.run(
      () => backend.priceModel(model.id, context),
      (verdict) => (this.priced = { verdict, quantisation }),
      report,
    );
  }
}
