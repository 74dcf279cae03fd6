import { render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import Markdown from "../src/lib/markdown/Markdown.svelte";
import { fake } from "./world";

beforeEach(() => fake.openLink.mockResolvedValue());

const show = (source: string, streaming = false) => render(Markdown, { source, streaming });

test("raw HTML is shown as text and makes no element", () => {
  const { container } = show(
    'Hi <b>you</b> <img src=x onerror="alert(1)">\n\n<script>alert(2)</script>\n\n<iframe src="https://x"></iframe>',
  );
  expect(container.querySelector("b, img, script, iframe")).toBeNull();
  expect(container).toHaveTextContent('Hi <b>you</b> <img src=x onerror="alert(1)">');
  expect(container).toHaveTextContent("<script>alert(2)</script>");
});

test.each([
  "javascript:alert(1)",
  "data:text/html,x",
  "file:///etc/passwd",
  "http://example.org",
  "//example.org",
])("%s is no link", (address) => {
  const { container } = show(`[label](${address}) and <${address}>`);
  expect(container.querySelector("a")).toBeNull();
  expect(container).toHaveTextContent("label");
});

test("a link opens outside the window, and only when clicked", async () => {
  show("[docs](https://example.org/a) and [mail](mailto:ada@example.org)");
  expect(fake.openLink).not.toHaveBeenCalled();
  await userEvent.click(screen.getByRole("link", { name: "docs" }));
  expect(fake.openLink).toHaveBeenCalledExactlyOnceWith("https://example.org/a");
  await userEvent.click(screen.getByRole("link", { name: "mail" }));
  expect(fake.openLink).toHaveBeenLastCalledWith("mailto:ada@example.org");
});

test("an image is named and never loaded", async () => {
  const { container } = show("![a chart](https://example.org/c.png) ![x](data:image/png;base64,AA==)");
  expect(container.querySelector("img, [src], [srcset]")).toBeNull();
  await userEvent.click(screen.getByRole("link", { name: "Image not loaded: a chart" }));
  expect(fake.openLink).toHaveBeenCalledExactlyOnceWith("https://example.org/c.png");
});

test("entities are characters, and code is left alone", () => {
  const { container } = show("R&amp;B &lt;3 &#x2665; `&amp;`");
  expect(container.querySelector("p")?.textContent).toBe("R&B <3 ♥ &amp;");
});

test("lists, tasks, tables, quotes and rules are elements of their own", () => {
  const { container } = show(
    "3. c\n4. d\n\n- [x] done\n- [ ] open\n\n| a | b |\n| --- | --: |\n| 1 | 2 |\n\n> q\n\n---",
  );
  expect(container.querySelector("ol")).toHaveAttribute("start", "3");
  expect(screen.getByRole("checkbox", { name: "Done" })).toBeChecked();
  expect(screen.getByRole("checkbox", { name: "Not done" })).not.toBeChecked();
  expect(screen.getByRole("cell", { name: "2" })).toHaveStyle({ textAlign: "right" });
  expect(container.querySelector("blockquote p")).toHaveTextContent("q");
  expect(container.querySelector("hr")).toBeInTheDocument();
});

test("code says its language, is coloured once the language is there, and stays text", async () => {
  const { container } = show('```rs\nlet x = "<img src=x onerror=alert(1)>"; // a\n```');
  expect(container).toHaveTextContent("Rust");
  await vi.waitFor(() => expect(container.querySelector(".hljs-keyword")).toHaveTextContent("let"));
  expect(container.querySelector("img")).toBeNull();
  expect(container.querySelector("code")?.textContent).toBe('let x = "<img src=x onerror=alert(1)>"; // a');
});

test("code past the limit is shown whole, without colours", async () => {
  const long = "let a = 1;\n".repeat(5000);
  const { container } = show(`\`\`\`js\n${long}\`\`\``);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(container.querySelector("[class^=hljs]")).toBeNull();
  expect(container.querySelector("code")?.textContent).toHaveLength(long.length - 1);
});

test("code is copied as it was written, and the button says so", async () => {
  const user = userEvent.setup();
  show("```sh\necho 'a  b'\n```");
  await user.click(screen.getByTestId("copy-code"));
  expect(await navigator.clipboard.readText()).toBe("echo 'a  b'");
  expect(screen.getByTestId("copy-code")).toHaveTextContent("Copied");
});

test("when the clipboard refuses, the button says that", async () => {
  const user = userEvent.setup();
  vi.spyOn(navigator.clipboard, "writeText").mockRejectedValue(new Error("denied"));
  document.execCommand = () => false;
  show("```sh\necho\n```");
  await user.click(screen.getByTestId("copy-code"));
  expect(screen.getByTestId("copy-code")).toHaveTextContent("Could not copy");
});

test("elements of finished blocks are kept while a reply grows", async () => {
  const view = show("First.\n\nSecond.\n\nThird.\n\nFou", true);
  const [first] = view.container.querySelectorAll("p");
  await view.rerender({
    source: "First.\n\nSecond.\n\nThird.\n\nFourth, and\n\n```js\nlet a",
    streaming: true,
  });
  expect(view.container.querySelectorAll("p")[0]).toBe(first);
  const pre = view.container.querySelector("pre");
  await view.rerender({
    source: "First.\n\nSecond.\n\nThird.\n\nFourth, and\n\n```js\nlet a = 1;",
    streaming: true,
  });
  expect(view.container.querySelector("pre")).toBe(pre);
  expect(pre).toHaveTextContent("let a = 1;");
});
