export type Chat = { id: string, title: string, createdAt: number, updatedAt: number, };
