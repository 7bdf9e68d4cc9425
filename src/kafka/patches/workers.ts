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
 * that cost us more than half of what a fetch allocates.
 */
export function patchWorkers(): void {
  replaceModule("kafkajs/src/consumer/workerQueue.js", createWorkerQueue);
}

export function createWorkerQueue({ workers }: { workers: readonly Worker[] }) {
  const queue: Work[] = [];
  const next = () => queue.shift();
  return {
    getWorkers: () => workers,
    /** Rejects with the first failure of them, when all have ended. */
    async push(...batches: unknown[]): Promise<void> {
      const works = batches.map((batch) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        queue.push({ batch, resolve, reject });
        return promise;
      });
      for (const worker of workers) {
        if (queue.length === 0) break;
        // One that rests takes the first at once.
        void worker.run({ next });
      }
      const failed = (await Promise.allSettled(works)).find(({ status }) => status === "rejected");
      if (failed?.status === "rejected") throw failed.reason;
    },
  };
}
