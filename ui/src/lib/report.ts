// Where a failure goes that no part of the window has a place for: to the foot of it.
import { Notices } from "./notices/notices.svelte";

export const notices = new Notices();

export const report = (reason: unknown): void => notices.fail(reason);
