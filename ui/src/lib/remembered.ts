// What the window itself remembers between starts. Chats and settings are the backend's.
const PREFIX = "hearth.";

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    // A webview without storage (a full disk, a locked profile) still chats.
    return null;
  }
}

export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, value);
  } catch {
    // As above: forgetting a draft is better than refusing to type it.
  }
}
