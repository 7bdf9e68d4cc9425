/**
 * Limits of a fetch that count what its records become, decompressed. A broker counts what it sends: of a
 * compressed log one fetch would bring several times of what its reader has room for.
 */
import { type DecodedRecord, sizesOf } from "../protocol/record.ts";
import { require } from "./replace_module.ts";

/** As kafkajs's broker has it. */
interface FetchRequest {
  readonly maxBytes: number;
  /** The limits are those of the broker, of what it sends (default: false). */
  readonly limitsSent?: boolean;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly maxBytes: number }[];
  }[];
}

interface FetchAnswer {
  readonly responses: readonly {
    readonly topicName: string;
    readonly partitions: readonly { readonly messages: readonly DecodedRecord[] }[];
  }[];
}

interface Broker {
  fetch(request: FetchRequest): Promise<FetchAnswer>;
}

/** How many times larger the records of each topic become. */
type Ratios = Map<string, number>;

/** Of a topic that was not read yet: about that of orders with lz4. */
const FIRST_RATIO = 4;
/** Filler would make it thousands, and the next fetches tiny. */
const MAX_RATIO = 16;
/** Less of the log says nothing: a batch of few records hardly becomes smaller, and a marker not at all. */
const LEAST_BYTES = 32 * 1024;
/** Batches differ, and one beyond its partition's limit waits until it comes first in a fetch. */
const PARTITION_MARGIN = 1.5;

export function patchFetchLimits(): void {
  const { prototype } = require("kafkajs/src/broker/index.js") as { prototype: Broker };
  const { fetch } = prototype;
  const ratiosOf = new WeakMap<Broker, Ratios>();
  prototype.fetch = async function (request) {
    const ratios = ratiosOf.get(this) ?? new Map<string, number>();
    ratiosOf.set(this, ratios);
    const answer = await fetch.call(this, compressed(request, ratios));
    learn(ratios, answer);
    return answer;
  };
}

/** The request with limits of what the broker sends. */
export function compressed(
  request: FetchRequest,
  ratios: ReadonlyMap<string, number>,
): FetchRequest {
  if (request.limitsSent) return request;
  // What nothing came of may be empty: it does not count beside others.
  const known = request.topics.flatMap(({ topic }) => ratios.get(topic) ?? []);
  const largest = known.length > 0 ? Math.max(...known) : FIRST_RATIO;
  return {
    ...request,
    maxBytes: Math.ceil(request.maxBytes / largest),
    topics: request.topics.map(({ topic, partitions }) => {
      const ratio = Math.max(1, (ratios.get(topic) ?? FIRST_RATIO) / PARTITION_MARGIN);
      return {
        topic,
        partitions: partitions.map((partition) => ({
          ...partition,
          maxBytes: Math.ceil(partition.maxBytes / ratio),
        })),
      };
    }),
  };
}

/** Keeps the ratio of what came last of each topic, where it was enough to tell. */
export function learn(ratios: Ratios, { responses }: FetchAnswer): void {
  const sums = new Map<string, { inLog: number; decompressed: number }>();
  // A topic may be there several times: kafkajs shuffles partitions.
  for (const { topicName, partitions } of responses) {
    const sum = sums.get(topicName) ?? { inLog: 0, decompressed: 0 };
    sums.set(topicName, sum);
    for (const { messages } of partitions) {
      const { inLog, decompressed } = sizesOf(messages);
      sum.inLog += inLog;
      sum.decompressed += decompressed;
    }
  }
  for (const [topic, { inLog, decompressed }] of sums) {
    if (inLog < LEAST_BYTES) continue;
    ratios.set(topic, Math.min(Math.max(1, decompressed / inLog), MAX_RATIO));
  }
}
