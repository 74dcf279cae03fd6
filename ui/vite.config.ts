import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte(), svelteTesting()],
  clearScreen: false,
  server: { port: 1420, strictPort: true },
  build: {
    outDir: "dist",
    // The webviews of macOS 13 and of WebKitGTK 2.40 and later.
    target: ["es2022", "safari16.4", "chrome111"],
    // The window reads its files from the binary: a hint to fetch early would only be an inline script.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  test: {
    environment: "jsdom",
    setupFiles: ["./tests/setup.ts"],
    include: ["tests/**/*.test.ts"],
    // Importing the window takes longer than most files' tests: the files of one process share it, and `setup.ts` leaves
    // nothing of a test behind.
    isolate: false,
    maxWorkers: "100%",
    // A window with a hundred parts takes its time on a busy computer; only a test that fails waits this long.
    testTimeout: 30_000,
    mockReset: true,
    restoreMocks: true,
  },
});
