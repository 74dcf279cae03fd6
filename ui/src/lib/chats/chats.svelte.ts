import * as backend from "../backend/backend";
import type { Chat } from "../backend/bindings/Chat";

const newestFirst = (a: Chat, b: Chat) => b.updatedAt - a.updatedAt || (a.id < b.id ? 1 : -1);

/** The list of chats. Changes show at once and are taken back if the backend refuses. */
export class Chats {
  list = $state.raw<Chat[]>([]);
  /** Deleted here, and not yet gone from what the backend lists. */
  private leaving = new Set<string>();

  replace(chats: Chat[]): void {
    this.list = chats.filter((chat) => !this.leaving.has(chat.id)).sort(newestFirst);
  }

  put(chat: Chat): void {
    this.replace([chat, ...this.list.filter((other) => other.id !== chat.id)]);
  }

  /** The chat to show when `id` goes: the one after it, or else the one before. */
  neighbour(id: string): string | null {
    const index = this.list.findIndex((chat) => chat.id === id);
    return (this.list[index + 1] ?? this.list[index - 1])?.id ?? null;
  }

  async rename(id: string, title: string): Promise<void> {
    const before = this.list.find((chat) => chat.id === id);
    if (!before || title === "" || title === before.title) return;
    this.put({ ...before, title });
    try {
      this.put(await backend.renameChat(id, title));
    } catch (reason) {
      this.put(before);
      throw reason;
    }
  }

  async remove(id: string): Promise<void> {
    const before = this.list;
    this.leaving.add(id);
    this.list = before.filter((chat) => chat.id !== id);
    try {
      await backend.deleteChat(id);
    } catch (reason) {
      this.leaving.delete(id);
      this.replace(before);
      throw reason;
    }
    this.leaving.delete(id);
  }

  async restore(id: string): Promise<void> {
    this.put(await backend.restoreChat(id));
  }
}
