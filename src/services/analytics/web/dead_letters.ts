/** Counts dead letters, and the resolutions of them, from the beginning of the log. */
import { isDeadLetter } from "../../../kafka/dead_letters.ts";
import type { Logger } from "../../../runtime/log.ts";
import type { KafkaAccess } from "../../../kafka/access.ts";
import { createClient } from "../../../kafka/client/client.ts";
import { LogFollower } from "../../../kafka/readers/log_follower.ts";
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
      const follower = new LogFollower({
        access,
        kafka: createClient(access, options.clientId),
        topics: [...byTopic.keys()],
        onRecords(records) {
          for (const record of records) {
            const counts = byTopic.get(record.topic)!;
            if (isDeadLetter(record)) counts.total++;
            else counts.resolutions++;
          }
        },
        onLoss(line, { topic, why }) {
          options.log.warn(line);
          if (why === "recreated") Object.assign(byTopic.get(topic)!, { total: 0, resolutions: 0 });
        },
      });
      await follower.follow(signal);
    },
  };
}
