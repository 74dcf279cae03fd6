import * as backend from "../backend/backend";
import type { DraftSuggestion } from "../backend/bindings/DraftSuggestion";
import type { ErrorReport } from "../backend/bindings/ErrorReport";
import type { RepoPage } from "../backend/bindings/RepoPage";
import type { VariantRow } from "../backend/bindings/VariantRow";
import type { Verdict } from "../backend/bindings/Verdict";
import { asReport } from "../failure";
import { REST_MS, Settling } from "../settling";

/** Tokens that a chat starts with, where nothing else says so. */
const FIRST_CONTEXT = 4096;

/** The repository in view, its quantisations, and what they cost at the chosen context. */
export class Repo {
  id = $state<string | null>(null);
  page = $state.raw<RepoPage | null>(null);
  failure = $state.raw<ErrorReport | null>(null);
  /** A small model that can draft for this one, once one is known. */
  draft = $state.raw<DraftSuggestion | null>(null);
  context = $state(FIRST_CONTEXT);
  /** Verdicts at the chosen context, by quantisation: they outrank the page's own. */
  private prices = $state.raw<Readonly<Record<string, Verdict>>>({});
  priceFailure = $state.raw<ErrorReport | null>(null);
  /** The repositories that led here, nearest last. */
  private trail: string[] = [];
  private readonly settling = new Settling();

  /** From the list, or from another repository's page. */
  async open(id: string): Promise<void> {
    if (this.id !== null && this.id !== id) this.trail.push(this.id);
    await this.show(id);
  }

  /** False when this leads back to the list. */
  back(): boolean {
    const before = this.trail.pop();
    if (before === undefined) {
      this.clear(null);
      return false;
    }
    void this.show(before);
    return true;
  }

  async reload(): Promise<void> {
    if (this.id !== null) await this.show(this.id);
  }

  /** Reads the page anew behind what is shown. */
  async refresh(): Promise<void> {
    const { id } = this;
    if (id === null) return;
    try {
      const page = await backend.openRepo(id);
      if (this.id === id && this.page) this.page = page;
    } catch {
      // What is shown was true a moment ago, and a download or a new page will say why it is not any more.
    }
  }

  /** Asks anew for every verdict: those of the page, and those that outrank them. */
  async reprice(): Promise<void> {
    await this.refresh();
    this.price(this.page?.variants.filter(({ name }) => name in this.prices) ?? [], 0);
  }

  verdictOf(variant: VariantRow): Verdict | null {
    return this.prices[variant.name] ?? variant.verdict;
  }

  /** Reprices everything at another context, once the slider rests. */
  at(context: number): void {
    this.context = context;
    this.price(this.page?.variants ?? [], REST_MS);
  }

  private async show(id: string): Promise<void> {
    this.clear(id);
    try {
      const page = await backend.openRepo(id);
      if (this.id !== id) return;
      this.page = page;
      this.context =
        page.variants.find((variant) => variant.verdict)?.verdict?.context ??
        Math.min(FIRST_CONTEXT, page.trainedContext ?? FIRST_CONTEXT);
      void this.findDraft(id);
      const unread = page.variants.filter((variant) => !variant.verdict && !variant.reason);
      if (unread.length > 0) this.price(unread, 0);
    } catch (reason) {
      if (this.id === id) this.failure = asReport(reason);
    }
  }

  private async findDraft(id: string): Promise<void> {
    try {
      const draft = await backend.suggestDraft(id);
      if (this.id === id) this.draft = draft;
    } catch {
      // It is an offer and no answer to anything asked: without it, nothing is missing.
    }
  }

  private clear(id: string | null): void {
    this.settling.drop();
    this.id = id;
    this.page = null;
    this.draft = null;
    this.failure = null;
    this.priceFailure = null;
    this.prices = {};
  }

  private price(variants: VariantRow[], rest: number): void {
    const { id, context } = this;
    if (id === null) return;
    this.settling.run(
      () =>
        Promise.allSettled(
          variants
            .filter((variant) => !variant.reason)
            .map(async ({ name }) => [name, await backend.priceVariant(id, name, context)] as const),
        ),
      (answers) => {
        const priced = answers.filter((answer) => answer.status === "fulfilled");
        const refused = answers.find((answer) => answer.status === "rejected");
        this.prices = { ...this.prices, ...Object.fromEntries(priced.map(({ value }) => value)) };
        this.priceFailure = refused ? asReport(refused.reason) : null;
      },
      () => {},
      rest,
    );
  }
}
