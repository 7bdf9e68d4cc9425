/**
 * Which batches that cannot be read a person has decided to go past: dead letters with the reason
 * `unreadable`, which `deno task dlq skip` writes into the topic of the service. So the decision is
 * kept, whichever member reads it and when.
 */
import type { DeadLetterReason } from "../../events/reasons.ts";
import { DEAD_LETTER_HEADERS, sha256 } from "../dead_letters.ts";
import { deadLetterTopicOf, type Names, type Processor } from "../../topology.ts";
import { explain, isKafkaError } from "../client/errors.ts";
import type { ProcessorClient } from "./client.ts";
import {
  describeUnreadable,
  ENDLESS,
  type Unreadable,
  UnreadableBatch,
} from "../protocol/unreadable.ts";

const UNREADABLE: DeadLetterReason = "unreadable";

/** Several partitions may be paused at once. */
const READ_EACH_MS = 1_000;

export class Skips {
  /** By what identifies a batch: the offset after it. */
  readonly #known = new Map<string, number>();
  #readAt = -Infinity;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly withLogReader: ProcessorClient["withLogReader"],
    private readonly service: Processor,
    private readonly names: Names,
  ) {}

  /**
   * The offset at which to go on behind a batch.
   *
   * @throws {UnreadableBatch} no skip was asked for, as far as we know
   */
  async nextAfter(
    { topic, partition }: { topic: string; partition: number },
    batch: Unreadable,
  ): Promise<number> {
    const what = describeUnreadable({ topic, partition }, batch);
    if (batch.endless) throw new UnreadableBatch(`${what}; the partition is paused: ${ENDLESS}`);
    const reading = this.#last.then(() => this.#read());
    this.#last = reading.catch(() => {});
    const failure = await reading.then(() => undefined, (error) => ({ error }));
    if (failure && !isKafkaError(failure.error)) throw failure.error;
    // By its bytes, too: a topic that was created anew has other batches at the same offsets.
    const key = keyOf(topic, String(partition), String(batch.offset), sha256(batch.bytes));
    const next = this.#known.get(key);
    if (next !== undefined) return next;
    const unknown = failure
      ? ` (whether that was done already is not known: ${explain(failure.error)})`
      : "";
    throw new UnreadableBatch(
      `${what}; the partition is paused. \`deno task dlq skip ` +
        `${this.service} ${topic} ${partition}@${batch.offset}\` goes past it and keeps its bytes` +
        unknown,
    );
  }

  /** From its beginning: the topic may be another than the last time. It is small. */
  async #read(): Promise<void> {
    if (performance.now() - this.#readAt < READ_EACH_MS) return;
    const topic = this.names.topic(deadLetterTopicOf(this.service));
    await this.withLogReader(async (reader) => {
      for await (const batch of reader.read(topic, { onUnreadable: () => {} })) {
        for (const { headers } of batch) this.#add(headers);
      }
    });
    this.#readAt = performance.now();
  }

  #add(headers: Readonly<Record<string, string>>): void {
    const { reason, topic, partition, offset, valueSha256, nextOffset } = DEAD_LETTER_HEADERS;
    if (headers[reason] !== UNREADABLE) return;
    const [from, next] = [Number(headers[offset]), Number(headers[nextOffset])];
    if (!Number.isSafeInteger(next) || !(next > from)) return;
    const place = [topic, partition, offset, valueSha256].map((name) => headers[name] ?? "");
    this.#known.set(keyOf(...place as [string, string, string, string]), next);
  }
}

function keyOf(topic: string, partition: string, offset: string, checksum: string): string {
  return `${topic} ${partition} ${offset} ${checksum}`;
}
