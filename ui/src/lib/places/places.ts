import Compass from "@lucide/svelte/icons/compass";
import Download from "@lucide/svelte/icons/download";
import Laptop from "@lucide/svelte/icons/laptop";
import Library from "@lucide/svelte/icons/library";

/** What the main part of the window shows. */
export type Place = "chat" | "discover" | "library" | "downloads" | "computer";

/** Beside the chats, in the order of the sidebar. */
export const PLACES = [
  { place: "discover", name: "Discover", key: "2", icon: Compass },
  { place: "library", name: "Library", key: "3", icon: Library },
  { place: "downloads", name: "Downloads", key: "4", icon: Download },
  { place: "computer", name: "This computer", key: "5", icon: Laptop },
] as const;

const BY_KEY = new Map<string, Place>([
  ["1", "chat"],
  ...PLACES.map(({ key, place }): [string, Place] => [key, place]),
]);

/** By the key's position: on some layouts the digits need Shift. */
export const placeOfKey = (event: KeyboardEvent): Place | undefined =>
  event.code.startsWith("Digit") ? BY_KEY.get(event.code.slice("Digit".length)) : BY_KEY.get(event.key);
