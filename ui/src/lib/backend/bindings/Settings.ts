export type Settings = { idleUnloadMinutes: number | null, };
