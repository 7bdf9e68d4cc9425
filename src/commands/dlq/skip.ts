/**
 * Goes past a batch that cannot be read: its dead letter keeps the bytes, and tells the member of the
 * service that waits at the batch to go on behind it. Nothing else moves the group's offset: only what
 * somebody decided on is skipped, and the members need not be stopped.
 */
import { Failure } from "../../runtime/errors.ts";
import { DEAD_LETTER_HEADERS, sha256, toDeadLetterMessage } from "../../kafka/dead_letters.ts";
import { Fenced, openTransactionalSender } from "../../kafka/producer/transactional_sender.ts";
import { describeUnreadable, type LocatedUnreadable } from "../../kafka/protocol/unreadable.ts";
import { deadLetterTopicOf, type Processor, type Topic } from "../../topology.ts";
import type { OpenLog } from "../../kafka/readers/open_log.ts";
import { readDeadLetters } from "./read.ts";

export interface Place {
  readonly topic: Topic;
  readonly partition: number;
  /** Any offset of the batch. */
  readonly offset: number;
}

/**
 * @param time ISO 8601
 * @throws {Failure} there is no such batch, it can be read, or it has its dead letter already
 */
export async function skipBatch(
  log: OpenLog,
  service: Processor,
  place: Place,
  time: string,
): Promise<LocatedUnreadable> {
  const { kafka, names } = log;
  const deadLetters = names.topic(deadLetterTopicOf(service));
  const sender = await openTransactionalSender(kafka, `${names.prefix}dlq-${service}`);
  try {
    const batch = await batchAt(log, place);
    const own = {
      [DEAD_LETTER_HEADERS.nextOffset]: String(batch.next),
      [DEAD_LETTER_HEADERS.valueBytes]: String(batch.bytes.length),
      [DEAD_LETTER_HEADERS.valueSha256]: sha256(batch.bytes),
    };
    const { key, value, headers } = toDeadLetterMessage({
      topic: place.topic,
      partition: place.partition,
      raw: { offset: batch.offset, key: null, value: batch.bytes, headers: {} },
      fault: { reason: "unreadable", detail: describeUnreadable(batch, batch) },
    }, { topic: batch.topic, group: names.group(service), attempts: 0, time });
    const deadLetter = { ...headers, ...own } as Record<string, string>;
    const { topic, partition, offset, valueSha256 } = DEAD_LETTER_HEADERS;
    for (const { id, headers } of (await readDeadLetters(log, deadLetters)).values()) {
      const same = [topic, partition, offset, valueSha256]
        .every((name) => headers[name] === deadLetter[name]);
      if (same) {
        throw new Failure(`${describeUnreadable(batch, batch)}; dead letter ${id} has it already`);
      }
    }
    const message = { key: key as null, value: value as Uint8Array, headers: deadLetter };
    await sender.send([{ ...message, topic: deadLetters, partition: 0 }]);
    return batch;
  } catch (error) {
    if (!(error instanceof Fenced)) throw error;
    throw new Failure(`another process is resolving the dead letters of ${deadLetters}; try again`);
  } finally {
    await sender.close();
  }
}

async function batchAt(
  { reader, names }: OpenLog,
  { topic, partition, offset }: Place,
): Promise<LocatedUnreadable> {
  const name = names.topic(topic);
  const ends = await reader.partitionsOf(name) && (await reader.ends(name)).get(partition);
  if (!ends) throw new Failure(`there is no partition ${partition} of ${name}`);
  if (offset < ends.first || offset >= ends.end) {
    throw new Failure(
      `${name}/${partition} has the offsets ${ends.first} to ${ends.end - 1}, found ${offset}`,
    );
  }
  const batch = await reader.unreadableAt(name, partition, offset);
  if (batch && batch.offset <= offset && offset < batch.next) return batch;
  throw new Failure(
    `${name}/${partition} offset ${offset} can be read, and so is not skipped; /readyz and the log ` +
      "of a service say which batch cannot",
  );
}
