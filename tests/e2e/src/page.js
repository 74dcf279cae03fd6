// What a person sees in the window now, as page.rs declares it.
const find = (id, root = document) => root.querySelector(`[data-testid="${id}"]`);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const words = (element) => element?.innerText.trim() ?? null;
const alert = (element) => element && { code: element.dataset.code ?? "", text: words(element) };
const app = find("app");
return {
  ready: app?.dataset.ready === "true",
  model: words(find("model-button")) ?? "",
  engine: find("engine-status")?.dataset.state ?? "",
  engineWords: words(find("engine-status")) ?? "",
  storeFault: alert(find("store-fault")),
  trouble: alert(find("engine-error")),
  pickFailure: alert(document.querySelector('[data-testid="model-list"] [role="alert"]')),
  chats: all('[data-testid="chat-item"]').map((chat) => words(chat.querySelector(".title")) ?? ""),
  openChat: words(document.querySelector('[data-testid="chat-item"] [aria-current] .title')),
  messages: all('[data-testid="message"]').map((message) => ({
    id: message.dataset.messageId,
    role: message.dataset.role,
    status: message.dataset.status,
    text: words(find("message-text", message)) ?? "",
    note: words(find("reply-note", message)),
    version: words(message.querySelector('[aria-label="Versions"] span')),
  })),
  draft: find("composer-input")?.value ?? "",
  notices: all('[aria-label="Notifications"] p').map(words),
};
