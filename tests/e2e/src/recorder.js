// Notes what passes faster than a test can look: every step of a reply, every fault the window names.
const seen = (window.seen = { texts: [], troubles: [] });
const note = (list, text) => text && list.at(-1) !== text && list.push(text);
new MutationObserver(() => {
  const reply = document.querySelector('[data-status="streaming"] [data-testid="message-text"]');
  note(seen.texts, reply?.textContent.trim());
  note(seen.troubles, document.querySelector('[data-testid="engine-error"]')?.innerText.trim());
}).observe(document.documentElement, { subtree: true, childList: true, characterData: true, attributes: true });
