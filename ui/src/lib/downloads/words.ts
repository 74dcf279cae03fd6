import type { Download } from "../backend/bindings/Download";
import { bytesPerSecond, fileSize, timeLeft } from "../figures/figures";

export const fractionOf = ({ doneBytes, totalBytes }: Download) =>
  totalBytes > 0 ? Math.min(1, doneBytes / totalBytes) : 0;

/** How far it is: "1.20 GB of 4.92 GB, 12.3 MB a second, about 5 minutes left". */
export function progressWords(download: Download): string {
  const { state, doneBytes, totalBytes } = download;
  const amount = `${fileSize(doneBytes)} of ${fileSize(totalBytes)}`;
  switch (state) {
    case "queued":
      return doneBytes > 0 ? `Waiting its turn, ${amount} here` : `Waiting its turn, ${fileSize(totalBytes)}`;
    case "paused":
      return `Paused, ${amount} here`;
    case "failed":
      return `Stopped, ${amount} here`;
    case "done":
      return fileSize(totalBytes);
    case "running": {
      // All bytes are here and the hash is compared before it is done.
      if (doneBytes >= totalBytes) return `${fileSize(totalBytes)}, being checked`;
      const parts = [amount];
      if (download.bytesPerSecond !== null) parts.push(bytesPerSecond(download.bytesPerSecond));
      if (download.secondsLeft !== null) parts.push(timeLeft(download.secondsLeft));
      return parts.join(", ");
    }
  }
}
