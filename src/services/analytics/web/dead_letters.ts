/** Counts dead letters, and those among them that a person has settled, from the beginning of the log. */
import { isDeadLetter } from "../../../kafka/dead_letters.ts";
import type { Logger } from "../../../runtime/log.ts";
import type { KafkaAccess } from "../../../kafka/access.ts";
import { createClient } from "../../../kafka/client/client.ts";
import { LogFollower } from "../../../kafka/readers/log_follower.ts";
import { deadLetterTopicOf, type Names, type Processor, PROCESSORS } from "../../../topology.ts";
import type { Live } from "./live.ts";

export interface LetterCounts {
  readonly counts: Live["deadLetters"];
  /** Counts until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

interface Counts {
  readonly processor: Processor;
  letters: number;
  verdicts: number;
}

export function createLetterCounts(
  options: { access: KafkaAccess; clientId: string; names: Names; log: Logger },
): LetterCounts {
  const { access, names } = options;
  const byTopic = new Map<string, Counts>(
    PROCESSORS.map((
      processor,
    ) => [names.topic(deadLetterTopicOf(processor)), { processor, letters: 0, verdicts: 0 }]),
  );
  return {
    get counts() {
      return Object.fromEntries(
        [...byTopic.values()].map(({ processor, letters, verdicts }) =>
          [processor, { letters, open: Math.max(0, letters - verdicts) }] as const
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
            if (isDeadLetter(record)) counts.letters++;
            else counts.verdicts++;
          }
        },
        onLoss(line, { topic, why }) {
          options.log.warn(line);
          if (why === "recreated") Object.assign(byTopic.get(topic)!, { letters: 0, verdicts: 0 });
        },
      });
      await follower.follow(signal);
    },
  };
}
