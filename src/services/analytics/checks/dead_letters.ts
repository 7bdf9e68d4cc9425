/**
 * The dead letters of each service: how many there are, and the newest of the open ones, without what may be
 * a customer's. Read from the beginning of their topics; bounded, however many there are.
 */
import { DEAD_LETTER_REASONS } from "../../../events/reasons.ts";
import type { KafkaAccess } from "../../../kafka/access.ts";
import { createClient } from "../../../kafka/client/client.ts";
import {
  DEAD_LETTER_HEADERS,
  deadLetterId,
  isDeadLetter,
  RESOLUTION_HEADERS,
  resolvedId,
} from "../../../kafka/dead_letters.ts";
import { LogFollower } from "../../../kafka/readers/log_follower.ts";
import { logRecordsOf } from "../../../kafka/readers/log_reader.ts";
import type { LogRecord } from "../../../kafka/records.ts";
import type { Logger } from "../../../runtime/log.ts";
import { deadLetterTopicOf, type Names, type Processor, PROCESSORS } from "../../../topology.ts";
import { excerptOf } from "./excerpt.ts";

/** The most that are listed of a service; more are kept, because some of them will be resolved. */
export const MAX_LISTED = 100;
const MAX_KEPT = 1_000;
/** Orders of discarded dead letters: nobody waits for their outcome. */
const MAX_DISCARDED = 10_000;

export interface DeadLetterCount {
  /** All that there ever were. */
  readonly total: number;
  /** Those that were neither replayed nor discarded. */
  readonly open: number;
}

export interface ListedDeadLetter {
  /** `partition@offset` in the service's dead-letter topic: what `deno task dlq` calls it. */
  readonly id: string;
  /** A word of the closed list; "" for any other. */
  readonly reason: string;
  /** When it became one, epoch milliseconds. */
  readonly atMs: number;
  /** Where its message is: an order topic's name on the cluster, or "". */
  readonly source: string;
  /** "" where its key is no order's id. */
  readonly orderId: string;
  readonly excerpt: Readonly<Record<string, string | number>>;
}

export interface DeadLetterList extends DeadLetterCount {
  readonly service: Processor;
  /** The newest open ones, the newest first: at most MAX_LISTED. */
  readonly newest: readonly ListedDeadLetter[];
}

const ORDER_ID = /^[A-Za-z0-9_.-]{1,64}$/;
const SOURCE = /^[A-Za-z0-9._-]{1,249}$/;
const ascii = new TextDecoder("latin1");
const reasons: ReadonlySet<string> = new Set(DEAD_LETTER_REASONS);

/** The dead letters of one service; pure. */
export class DeadLetterTopic {
  #total = 0;
  #resolutions = 0;
  /** By id, the oldest first. */
  readonly #open = new Map<string, ListedDeadLetter>();
  readonly #discarded = new Set<string>();

  /** Records of its topic, in the order of the log. */
  add(record: LogRecord): void {
    if (isDeadLetter(record)) {
      this.#total++;
      const listed = listedOf(record);
      this.#open.set(listed.id, listed);
      if (this.#open.size > MAX_KEPT) this.#open.delete(firstOf(this.#open.keys()));
      return;
    }
    this.#resolutions++;
    const id = resolvedId(record);
    const orderId = this.#open.get(id)?.orderId;
    this.#open.delete(id);
    if (!orderId || record.headers[RESOLUTION_HEADERS.resolution] !== "discarded") return;
    this.#discarded.add(orderId);
    if (this.#discarded.size > MAX_DISCARDED) this.#discarded.delete(firstOf(this.#discarded));
  }

  clear(): void {
    this.#total = this.#resolutions = 0;
    this.#open.clear();
    this.#discarded.clear();
  }

  get count(): DeadLetterCount {
    return { total: this.#total, open: Math.max(0, this.#total - this.#resolutions) };
  }

  newest(): ListedDeadLetter[] {
    return [...this.#open.values()].slice(-MAX_LISTED).reverse();
  }

  /** Whether a dead letter of this order was discarded: it gets no outcome. */
  isDiscarded(orderId: string): boolean {
    return this.#discarded.has(orderId);
  }
}

function listedOf({ partition, offset, headers, key, value, timestamp }: LogRecord) {
  const reason = headers[DEAD_LETTER_HEADERS.reason] ?? "";
  const source = headers[DEAD_LETTER_HEADERS.topic] ?? "";
  const at = Date.parse(headers[DEAD_LETTER_HEADERS.time] ?? "");
  const text = key ? ascii.decode(key.subarray(0, 65)) : "";
  return {
    id: deadLetterId(partition, offset),
    reason: reasons.has(reason) ? reason : "",
    atMs: Number.isNaN(at) ? timestamp : at,
    source: SOURCE.test(source) ? source : "",
    orderId: ORDER_ID.test(text) ? text : "",
    excerpt: excerptOf(value),
  };
}

function firstOf<T>(values: Iterable<T>): T {
  for (const value of values) return value;
  throw new RangeError("there is none");
}

export interface DeadLetters {
  readonly counts: Readonly<Record<string, DeadLetterCount>>;
  /** Why they are not, or not all, known; null when all is well. */
  readonly notReady: string | null;
  list(): DeadLetterList[];
  isDiscarded(orderId: string): boolean;
  /** Reads until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export function createDeadLetters(
  options: { access: KafkaAccess; clientId: string; names: Names; log: Pick<Logger, "warn"> },
): DeadLetters {
  const { access, names } = options;
  const all = PROCESSORS.map((service) => ({ service, topic: new DeadLetterTopic() }));
  const byName = new Map(
    all.map(({ service, topic }) => [names.topic(deadLetterTopicOf(service)), topic]),
  );
  let isReadToEnd = false;
  const follower = new LogFollower({
    access,
    kafka: createClient(access, options.clientId),
    topics: [...byName.keys()],
    onBatch(batch) {
      for (const record of logRecordsOf(batch)) byName.get(record.topic)!.add(record);
    },
    onLoss(line, { topic, why }) {
      options.log.warn(line);
      if (why === "recreated") byName.get(topic)!.clear();
    },
  });
  return {
    get counts() {
      return Object.fromEntries(all.map(({ service, topic }) => [service, topic.count]));
    },
    get notReady() {
      return follower.notReady() ?? (isReadToEnd ? null : "they are being read");
    },
    list: () =>
      all.map(({ service, topic }) => ({ service, ...topic.count, newest: topic.newest() })),
    isDiscarded: (orderId) => all.some(({ topic }) => topic.isDiscarded(orderId)),
    async run(signal) {
      await follower.readToEnd(signal);
      if (signal.aborted) return;
      isReadToEnd = true;
      await follower.follow(signal);
    },
  };
}
