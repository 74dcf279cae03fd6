// Colours for code. A language is fetched from the app's own files the first time it is met.
import DOMPurify from "dompurify";
import hljs from "highlight.js/lib/core";
import type { LanguageFn } from "highlight.js";

/** Longer code is shown without colours: colouring it would hold up the window. In UTF-16 units. */
export const MAX_HIGHLIGHTED = 50_000;

type Loader = () => Promise<{ default: LanguageFn }>;

const LANGUAGES: Record<string, { title: string; names: string[]; load: Loader }> = {
  bash: {
    title: "Shell",
    names: ["sh", "shell", "zsh", "console"],
    load: () => import("highlight.js/lib/languages/bash"),
  },
  c: { title: "C", names: ["h"], load: () => import("highlight.js/lib/languages/c") },
  cpp: {
    title: "C++",
    names: ["c++", "cc", "cxx", "hpp"],
    load: () => import("highlight.js/lib/languages/cpp"),
  },
  csharp: { title: "C#", names: ["cs", "c#"], load: () => import("highlight.js/lib/languages/csharp") },
  css: { title: "CSS", names: ["scss", "less"], load: () => import("highlight.js/lib/languages/css") },
  diff: { title: "Diff", names: ["patch"], load: () => import("highlight.js/lib/languages/diff") },
  go: { title: "Go", names: ["golang"], load: () => import("highlight.js/lib/languages/go") },
  ini: { title: "TOML", names: ["toml"], load: () => import("highlight.js/lib/languages/ini") },
  java: { title: "Java", names: [], load: () => import("highlight.js/lib/languages/java") },
  javascript: {
    title: "JavaScript",
    names: ["js", "jsx", "mjs", "cjs"],
    load: () => import("highlight.js/lib/languages/javascript"),
  },
  json: { title: "JSON", names: ["jsonc", "json5"], load: () => import("highlight.js/lib/languages/json") },
  kotlin: { title: "Kotlin", names: ["kt"], load: () => import("highlight.js/lib/languages/kotlin") },
  lua: { title: "Lua", names: [], load: () => import("highlight.js/lib/languages/lua") },
  markdown: { title: "Markdown", names: ["md"], load: () => import("highlight.js/lib/languages/markdown") },
  php: { title: "PHP", names: [], load: () => import("highlight.js/lib/languages/php") },
  python: {
    title: "Python",
    names: ["py", "python3"],
    load: () => import("highlight.js/lib/languages/python"),
  },
  ruby: { title: "Ruby", names: ["rb"], load: () => import("highlight.js/lib/languages/ruby") },
  rust: { title: "Rust", names: ["rs"], load: () => import("highlight.js/lib/languages/rust") },
  sql: {
    title: "SQL",
    names: ["sqlite", "postgresql", "mysql"],
    load: () => import("highlight.js/lib/languages/sql"),
  },
  swift: { title: "Swift", names: [], load: () => import("highlight.js/lib/languages/swift") },
  typescript: {
    title: "TypeScript",
    names: ["ts", "tsx"],
    load: () => import("highlight.js/lib/languages/typescript"),
  },
  xml: {
    title: "HTML",
    names: ["html", "svg", "svelte", "vue"],
    load: () => import("highlight.js/lib/languages/xml"),
  },
  yaml: { title: "YAML", names: ["yml"], load: () => import("highlight.js/lib/languages/yaml") },
};

const BY_NAME = new Map(
  Object.entries(LANGUAGES).flatMap(([id, { names }]) => [id, ...names].map((name) => [name, id] as const)),
);

export type Language = { id: string | null; title: string };

/** What the word after a fence stands for. An unknown word is shown as it was written. */
export function languageOf(info: string): Language {
  const word = info.trim().split(/[\s{,]/)[0] ?? "";
  const id = BY_NAME.get(word.toLowerCase()) ?? null;
  return { id, title: id ? (LANGUAGES[id]?.title ?? word) : word };
}

const loading = new Map<string, Promise<void>>();

export function loadLanguage(id: string): Promise<void> {
  let promise = loading.get(id);
  if (!promise) {
    const language = LANGUAGES[id];
    promise = language
      ? language.load().then((module) => hljs.registerLanguage(id, module.default))
      : Promise.resolve();
    loading.set(id, promise);
  }
  return promise;
}

/** Coloured code as HTML of `span`s and nothing else. Its language must have been loaded. */
export function highlight(code: string, id: string): string {
  const { value } = hljs.highlight(code, { language: id, ignoreIllegals: true });
  return DOMPurify.sanitize(value, { ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"] });
}
