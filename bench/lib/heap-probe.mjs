/**
 * Preloaded into a process (`node --import`), and by Node into each of its worker threads: counts garbage collections
 * and reports the heap of each thread when the parent asks. The program under test does not know about it.
 */
import { PerformanceObserver } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import { BroadcastChannel, isMainThread, threadId } from "node:worker_threads";

const gcs = { count: 0, milliseconds: 0 };
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    ++gcs.count;
    gcs.milliseconds += entry.duration;
  }
});
observer.observe({ entryTypes: ["gc"] });

const channel = new BroadcastChannel("bench-heap");
channel.unref();
channel.onmessage = ({ data }) => {
  if (data === "report") channel.postMessage(report());
  else if (isMainThread) process.send(data);
};

if (isMainThread && process.channel !== undefined) {
  process.on("message", (message) => {
    if (message !== "report") return;
    process.send(report());
    channel.postMessage("report");
  });
  process.channel.unref();
}

function report() {
  const used = getHeapStatistics().used_heap_size;
  return { thread: threadId, main: isMainThread, used, gcs: gcs.count, gc_ms: gcs.milliseconds };
}
