/** Who works on what a fetch brings. */
import { replaceModule } from "./replace_module.ts";

interface Work {
  readonly batch: unknown;
  resolve(): void;
  reject(error: unknown): void;
}

interface Worker {
  /** Takes what is next until there is nothing; does nothing while it is at work. */
  run(source: { next: () => Work | undefined }): Promise<void>;
}

/**
 * For each fetch kafkajs wakes all of a consumer's workers, one for each batch that may be in hand at most:
 * that cost us more than half of what a fetch allocates. And a batch of another broker that comes just when
 * the last worker has found nothing more stays in kafkajs's queue until the next fetch with any.
 */
export function patchWorkers(): void {
  replaceModule("kafkajs/src/consumer/workerQueue.js", createWorkerQueue);
}

export function createWorkerQueue({ workers }: { workers: readonly Worker[] }) {
  const queue: Work[] = [];
  const next = () => queue.shift();

  function wake(): void {
    const runs: Promise<void>[] = [];
    for (const worker of workers) {
      if (queue.length === 0) return;
      // One that rests takes the first at once.
      runs.push(worker.run({ next }));
    }
    // Those at work take the rest; but one that has just found nothing is not yet awake to it.
    if (queue.length > 0) void Promise.race(runs).then(wake);
  }

  return {
    getWorkers: () => workers,
    /** Rejects with the first failure of them, when all have ended. */
    async push(...batches: unknown[]): Promise<void> {
      const works = batches.map((batch) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        queue.push({ batch, resolve, reject });
        return promise;
      });
      wake();
      const failed = (await Promise.allSettled(works)).find(({ status }) => status === "rejected");
      if (failed?.status === "rejected") throw failed.reason;
    },
  };
}
