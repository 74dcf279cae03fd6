// Times llama.cpp on one GGUF file. Reads one JSON object from standard input:
//   {"model": path, "threads": n, "context": tokens, "text": string,
//    "replies": [{"promptTokens": n, "replyTokens": n}, …]}
// and prints one on standard output: how long the load took, what each reply took, and memory.
// The prompt of a reply is the first tokens of the text.
import { text } from "node:stream/consumers";
import { getLlama } from "node-llama-cpp";

const plan = JSON.parse(await text(process.stdin));
const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, maxThreads: plan.threads });
const peakBytes = () => process.resourceUsage().maxRSS * 1024;
// What node takes is not llama.cpp's: memory is counted from here on.
const memoryBefore = process.memoryUsage.rss();

const begin = performance.now();
const model = await llama.loadModel({ modelPath: plan.model });
const context = await model.createContext({ contextSize: plan.context, threads: plan.threads });
const loadMilliseconds = performance.now() - begin;

const sequence = context.getSequence();
const tokens = model.tokenize(plan.text);
const replies = [];
for (const { promptTokens, replyTokens } of plan.replies) {
  await sequence.clearHistory();
  const start = performance.now();
  let first = start;
  let count = 0;
  for await (const _ of sequence.evaluate(tokens.slice(0, promptTokens), { temperature: 0, yieldEogToken: true })) {
    count += 1;
    if (count === 1) first = performance.now();
    if (count === replyTokens) break;
  }
  replies.push({
    promptTokens: Math.min(promptTokens, tokens.length),
    promptMilliseconds: first - start,
    replyTokens: count,
    decodeMilliseconds: performance.now() - first,
    peakBytes: peakBytes(),
  });
}
const peakMemory = peakBytes() - memoryBefore;
console.log(JSON.stringify({ loadMilliseconds, replies, peakMemory }));
process.exit(0);
