import type { KafkaAccess } from "../kafka/access.ts";
import type { KafkaClient } from "../kafka/client/client.ts";
import { LogFollower } from "../kafka/readers/log_follower.ts";
import { logRecordsOf } from "../kafka/readers/log_reader.ts";
import type { LogRecord } from "../kafka/records.ts";
import { deadLetterTopicOf, type Names, PROCESSORS } from "../topology.ts";
import { createTally, type Tally } from "./tally.ts";

/** Counts outcomes and dead letters from the log, until it is stopped. */
export function followOutcomes(
  cluster: { access: KafkaAccess; kafka: KafkaClient },
  { names, onNotice, onOutcomes = () => {} }: {
    names: Names;
    onNotice: (line: string) => void;
    /** Told what has been counted, of one partition. */
    onOutcomes?: (records: readonly LogRecord[]) => void;
  },
) {
  let counter = createTally();
  const following = new AbortController();
  const services = new Map(
    PROCESSORS.map((service) => [names.topic(deadLetterTopicOf(service)), service]),
  );
  const counting = new LogFollower({
    ...cluster,
    topics: [names.topic("orders.outcomes"), ...services.keys()],
    onBatch(batch) {
      const records = logRecordsOf(batch);
      const service = services.get(batch.topic);
      if (service !== undefined) return counter.addDeadLetters(service, records);
      counter.addOutcomes(records);
      onOutcomes(records);
    },
    onLoss: onNotice,
  }).follow(following.signal);
  return {
    tally: (): Tally => counter.tally,
    /** Begins to count anew. */
    reset: () => void (counter = createTally()),
    async stop() {
      following.abort();
      await Promise.allSettled([counting]);
    },
  };
}
