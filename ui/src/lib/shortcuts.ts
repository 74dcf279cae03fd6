const isMac = navigator.userAgent.includes("Mac");

/** The key that leads a shortcut on this system. */
export const hasLead = (event: KeyboardEvent) => (isMac ? event.metaKey : event.ctrlKey);

/** How a shortcut is written on this system. */
export const shortcut = (key: string) => (isMac ? `⌘${key}` : `Ctrl+${key}`);
