import * as backend from "../backend/backend";
import type { ErrorReport } from "../backend/bindings/ErrorReport";
import type { HubPage } from "../backend/bindings/HubPage";
import type { HubRow } from "../backend/bindings/HubRow";
import type { Suggestion } from "../backend/bindings/Suggestion";
import { asReport } from "../failure";
import { REST_MS, Settling } from "../settling";
import { narrows, NO_FILTERS, type Filters } from "./filters";
import { Repo } from "./repo.svelte";

/** Pages in a row that may bring nothing before the person is asked whether to look further. */
const PATIENCE = 4;

/** What is looked for on the Hub, and what was found. */
export class Discover {
  text = $state("");
  filters = $state.raw<Filters>(NO_FILTERS);

  rows = $state.raw<HubRow[]>([]);
  next = $state<string | null>(null);
  /** When the rows were fetched, where the Hub is out of reach. */
  cachedAt = $state<number | null>(null);
  /** The first page is on its way: the rows are those of the search before. */
  searching = $state(false);
  /** A further page is on its way. */
  continuing = $state(false);
  failure = $state.raw<ErrorReport | null>(null);
  /** Something was found, or not, at least once. */
  searched = $state(false);

  suggestions = $state.raw<Suggestion[] | null>(null);
  suggestionsFailure = $state.raw<ErrorReport | null>(null);

  /** Pages in a row that brought nothing. */
  private barren = $state(0);

  /** How far the list was scrolled when a repository was opened, in pixels. */
  scrollTop = 0;
  readonly repo = new Repo();

  readonly narrowed = $derived(narrows(this.filters));
  /** Nothing is asked for: the suggestions are shown. */
  readonly idle = $derived(this.text.trim() === "" && !this.narrowed);
  /** Further pages are fetched without asking. */
  readonly goesOn = $derived(this.next !== null && !this.failure && this.barren < PATIENCE);

  private readonly settling = new Settling();

  type(text: string): void {
    this.text = text;
    this.search(REST_MS);
  }

  narrow(change: Partial<Filters>): void {
    this.filters = { ...this.filters, ...change };
    this.search(0);
  }

  /** Looks everywhere again, in the same order and for the same words. */
  widen(): void {
    this.narrow({ ...NO_FILTERS, sort: this.filters.sort });
  }

  /** Once, when the page is first seen. */
  begin(): void {
    if (!this.searched && !this.searching) this.search(0);
    if (this.suggestions === null) void this.suggest();
  }

  /** Asks for every verdict that is shown anew: the computer's speeds have become known, or have changed. */
  reprice(): void {
    if (this.suggestions !== null) void this.suggest();
    if (this.searched) this.search(0);
    void this.repo.reprice();
  }

  async suggest(): Promise<void> {
    this.suggestionsFailure = null;
    try {
      this.suggestions = await backend.suggestions();
    } catch (reason) {
      this.suggestionsFailure = asReport(reason);
    }
  }

  search(rest = 0): void {
    this.searching = true;
    this.continuing = false;
    this.settling.run(
      () => this.ask(null),
      (page) => {
        this.rows = page.models;
        this.barren = page.models.length === 0 ? 1 : 0;
        this.adopt(page);
      },
      (reason) => this.refuse(reason),
      rest,
    );
  }

  /** Fetches the next page, if there is one. */
  more(): void {
    const cursor = this.next;
    if (cursor === null || this.searching || this.continuing) return;
    this.continuing = true;
    this.settling.run(
      () => this.ask(cursor),
      (page) => {
        const known = new Set(this.rows.map((row) => row.id));
        // The Hub's order moves while it is read: a row may come twice.
        const fresh = page.models.filter((row) => !known.has(row.id));
        this.barren = fresh.length === 0 ? this.barren + 1 : 0;
        this.rows = [...this.rows, ...fresh];
        this.adopt(page);
      },
      (reason) => this.refuse(reason),
      0,
    );
  }

  /** As `more`, at the person's wish. */
  lookFurther(): void {
    this.barren = 0;
    this.failure = null;
    this.more();
  }

  private ask(cursor: string | null): Promise<HubPage> {
    const { fitsOnly, context, ...others } = this.filters;
    return backend.searchHub({
      ...others,
      text: this.text.trim(),
      fitsOnly,
      context: fitsOnly ? context : null,
      cursor,
    });
  }

  private adopt(page: HubPage): void {
    this.next = page.next;
    this.cachedAt = page.cachedAt;
    this.failure = null;
    this.settle();
  }

  private refuse(reason: unknown): void {
    this.failure = asReport(reason);
    // What was found for other words would stand below the error of these.
    if (this.searching) {
      this.rows = [];
      this.next = null;
      this.cachedAt = null;
    }
    this.settle();
  }

  private settle(): void {
    this.searched = true;
    this.searching = false;
    this.continuing = false;
  }
}
