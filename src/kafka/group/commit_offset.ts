/** The offset of a member, committed with its generation. */
import type { Consumer } from "kafkajs";

/** The consumer has stopped, and leaves offsets alone. */
class NotCommitted extends Error {
  override readonly name = "KafkaJSNotCommitted";
}

type Offset = { readonly topic: string; readonly partition: number; readonly offset: string };

/** What each consumer is committing; with one listener for all of it. */
const commitsOf = new WeakMap<object, Set<Offset & { isCommitted: boolean }>>();

/** kafkajs's consumer commits nothing once it has stopped or crashed, and does not say so. */
export async function commitOffset(
  consumer: Pick<Consumer, "commitOffsets" | "on" | "events">,
  next: Offset,
): Promise<void> {
  let commits = commitsOf.get(consumer);
  if (!commits) commitsOf.set(consumer, commits = listenTo(consumer));
  const commit = { ...next, isCommitted: false };
  commits.add(commit);
  try {
    await consumer.commitOffsets([next]);
  } finally {
    commits.delete(commit);
  }
  if (!commit.isCommitted) {
    throw new NotCommitted("the consumer has stopped: no offset was committed");
  }
}

function listenTo(consumer: Pick<Consumer, "on" | "events">) {
  const commits = new Set<Offset & { isCommitted: boolean }>();
  consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
    for (const commit of commits) {
      commit.isCommitted ||= payload.topics.some(({ topic, partitions }) =>
        topic === commit.topic &&
        partitions.some(({ partition, offset }) =>
          partition === commit.partition && String(offset) === commit.offset
        )
      );
    }
  });
  return commits;
}
