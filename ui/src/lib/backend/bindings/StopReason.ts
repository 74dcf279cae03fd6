export type StopReason = "end" | "length" | "stopString" | "cancelled";
