/** Counts dead letters, and the resolutions of them, from the beginning of the log. */
import { isDeadLetter } from "../../../kafka/dead_letters.ts";
import type { Logger } from "../../../runtime/log.ts";
import type { KafkaAccess } from "../../../kafka/access.ts";
import { createClient } from "../../../kafka/client/client.ts";
import { clusterReady } from "../../../kafka/client/cluster_ready.ts";
import { followTopics } from "../../../kafka/readers/follow.ts";
import { sentenceOf } from "../../../kafka/protocol/unreadable.ts";
import { deadLetterTopicOf, type Names, PROCESSORS } from "../../../topology.ts";
import type { Live } from "./live.ts";

export interface DeadLetterCounts {
  readonly counts: Live["deadLetters"];
  /** Counts until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export function createDeadLetterCounts(
  options: { access: KafkaAccess; clientId: string; names: Names; log: Logger },
): DeadLetterCounts {
  const { access, names } = options;
  const byTopic = new Map(
    PROCESSORS.map((processor) => [
      names.topic(deadLetterTopicOf(processor)),
      { processor, total: 0, resolutions: 0 },
    ]),
  );
  return {
    get counts() {
      return Object.fromEntries(
        [...byTopic.values()].map(({ processor, total, resolutions }) =>
          [processor, { total, open: Math.max(0, total - resolutions) }] as const
        ),
      );
    },
    async run(signal) {
      const kafka = createClient(options.access, options.clientId);
      const topics = [...byTopic.keys()];
      await clusterReady(kafka, { access, topics, signal, onWait: () => {} });
      if (signal.aborted) return;
      await followTopics(
        kafka,
        topics,
        (records) => {
          for (const record of records) {
            const counts = byTopic.get(record.topic)!;
            if (isDeadLetter(record)) counts.total++;
            else counts.resolutions++;
          }
        },
        (batch) => options.log.warn(`${sentenceOf(batch, batch)}; left out`),
        signal,
      );
    },
  };
}
