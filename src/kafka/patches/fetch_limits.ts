/**
 * Limits of a fetch that count what its records become, decompressed. A broker counts what it sends: of a
 * compressed log one fetch would bring several times of what its reader has room for.
 */
import { type DecodedRecord, sizesOf } from "../protocol/record.ts";
import { require } from "./replace_module.ts";

/** As kafkajs's broker has it. */
interface FetchRequest {
  readonly maxBytes: number;
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
  const ratioOf = (topic: string) => ratios.get(topic) ?? FIRST_RATIO;
  const largest = Math.max(1, ...request.topics.map(({ topic }) => ratioOf(topic)));
  return {
    ...request,
    maxBytes: Math.ceil(request.maxBytes / largest),
    topics: request.topics.map(({ topic, partitions }) => {
      const ratio = Math.max(1, ratioOf(topic) / PARTITION_MARGIN);
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

/** Keeps the ratio of what came last of each topic. */
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
    if (inLog > 0) ratios.set(topic, Math.max(1, decompressed / inLog));
  }
}
