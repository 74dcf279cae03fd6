export type Model = { id: string, name: string, fileName: string, folder: string, sizeBytes: number, builtIn: boolean, missing: boolean, lastUsedAt: number | null, };
