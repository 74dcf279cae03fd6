// What the search can be narrowed by.
import type { HubSort } from "../backend/bindings/HubSort";
import { pages, tokens } from "../figures/figures";

export const SORTS: [HubSort, string][] = [
  ["trending", "Popular now"],
  ["downloads", "Most downloaded"],
  ["likes", "Most liked"],
  ["newest", "Newest"],
];

/** The Hub's tasks that a model which writes text can do. */
export const TASKS: [string, string][] = [
  ["text-generation", "Chat and writing"],
  ["image-text-to-text", "Talking about pictures"],
  ["translation", "Translation"],
  ["summarization", "Summaries"],
  ["feature-extraction", "Search and comparison"],
];

export const SIZES = [1e9, 2e9, 5e9, 10e9, 20e9, 50e9];

export const CONTEXTS: [number, string][] = [4096, 8192, 16_384, 32_768, 131_072].map((context) => [
  context,
  `${tokens(context)}, ${pages(context)}`,
]);

const TASK_NAMES = new Map(TASKS);

export const taskName = (task: string | null) => (task && TASK_NAMES.get(task)) ?? null;

export type Filters = {
  sort: HubSort;
  task: string | null;
  licence: string | null;
  fitsOnly: boolean;
  /** In tokens. */
  context: number | null;
  maxBytes: number | null;
};

export const NO_FILTERS: Filters = {
  sort: "trending",
  task: null,
  licence: null,
  fitsOnly: false,
  context: null,
  maxBytes: null,
};

/** Whether anything is left out; the order leaves nothing out. */
export const narrows = ({ task, licence, fitsOnly, maxBytes }: Filters) =>
  fitsOnly || task !== null || licence !== null || maxBytes !== null;
