import "@testing-library/jest-dom/vitest";
import { beforeEach, vi } from "vitest";
import { notices } from "../src/lib/report";

// Every test scripts the backend (`world.ts`); its real one has no shell to talk to.
vi.mock("../src/lib/backend/backend");

// What jsdom lacks and every webview has.
class QuietResizeObserver implements ResizeObserver {
  observe() {}
  unobserve() {}
  disconnect() {}
}
globalThis.ResizeObserver ??= QuietResizeObserver;

class QuietIntersectionObserver implements IntersectionObserver {
  readonly root = null;
  readonly rootMargin = "";
  readonly scrollMargin = "";
  readonly thresholds = [];
  observe() {}
  unobserve() {}
  disconnect() {}
  takeRecords = () => [];
}
globalThis.IntersectionObserver ??= QuietIntersectionObserver;

// axe asks for it before it reads the page; jsdom would print that it has none.
HTMLCanvasElement.prototype.getContext = () => null;

globalThis.matchMedia ??= ((query: string) => ({
  matches: false,
  media: query,
  onchange: null,
  addEventListener: () => {},
  removeEventListener: () => {},
  addListener: () => {},
  removeListener: () => {},
  dispatchEvent: () => false,
})) as typeof matchMedia;

HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
  this.setAttribute("open", "");
  const cancel = (event: KeyboardEvent) => {
    if (event.key === "Escape" && this.isConnected)
      this.dispatchEvent(new Event("cancel", { cancelable: true }));
  };
  document.addEventListener("keydown", cancel);
  this.querySelector<HTMLElement>("button, input")?.focus();
};

beforeEach(() => {
  localStorage.clear();
  for (const notice of notices.list) notices.dismiss(notice.id);
});
