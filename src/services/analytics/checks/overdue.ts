/**
 * Orders that are older than a set age and have no outcome: those that wait for the validator, by its group's
 * offsets in orders.raw; and those that it has let pass, by their events.
 */
import type { KafkaAccess } from "../../../kafka/access.ts";
import { createClient } from "../../../kafka/client/client.ts";
import { isKafkaError } from "../../../kafka/client/errors.ts";
import { type LogReader, openLogReader } from "../../../kafka/readers/log_reader.ts";
import type { GroupPosition, GroupState } from "../../../kafka/offsets/group_lag.ts";
import { pause } from "../../../runtime/shutdown.ts";
import { type Names, type Topic } from "../../../topology.ts";
import type { Reading } from "../snapshot.ts";
import type { OpenOrders, OverdueOrder, OverdueOrders } from "./open_orders.ts";

export interface OverdueView {
  /** The age from which on an order counts. */
  readonly afterMs: number;
  /** In orders.raw, and not read by the validator yet; null while Kafka does not answer. */
  readonly placed: OverdueOrders | null;
  /** Validated, and without an outcome; null while that is not known. */
  readonly validated: OverdueOrders | null;
  /** Why that is not known. */
  readonly why: string | null;
  /** Orders placed before are not looked at: their outcomes may have been deleted. Null: none were. */
  readonly sinceMs: number | null;
}

export interface Overdue {
  readonly latest: OverdueView;
  /** Asks Kafka until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

interface OverdueOptions {
  readonly access: KafkaAccess;
  readonly clientId: string;
  readonly names: Names;
  readonly afterMs: number;
  /** Undefined in a group, whose members each read a share. */
  readonly openOrders: () => OpenOrders | undefined;
  readonly reading: () => Reading;
  readonly groups: () => readonly GroupState[] | null;
  /** Whether a dead letter of the order was discarded: then it gets no outcome. */
  readonly isDiscarded: (orderId: string) => boolean;
}

const EVERY_MS = 2_000;
/** The audit's margin for clocks that differ. */
const CLOCKS_MS = 60_000;
const FETCH_BYTES = 64 * 1024;
const MAX_FIRST = 5;
const ORDER_ID = /^[A-Za-z0-9_.-]{1,64}$/;
const ascii = new TextDecoder("latin1");

export function createOverdue(options: OverdueOptions): Overdue {
  const { afterMs, names } = options;
  const kafka = createClient(options.access, options.clientId);
  let placed: OverdueOrders | null = null;
  /** Of the reading that began then. */
  let horizon: { readonly of: string; readonly sinceMs: number } | undefined;

  async function ask(reader: LogReader): Promise<void> {
    const { source, startedAt } = options.reading();
    if (source === "log" && horizon?.of !== startedAt) {
      const sinceMs = await firstKept(reader, names.topic("orders.outcomes"), Date.now());
      horizon = { of: startedAt, sinceMs };
    }
    const positions = options.groups()?.find(({ service }) => service === "validator")?.positions;
    placed = positions ? await unread(reader, names, positions, Date.now() - afterMs) : null;
  }

  return {
    get latest() {
      const why = whyUnknown(options.reading(), horizon?.of);
      const sinceMs = horizon?.sinceMs ?? 0;
      const validated = why === null
        ? options.openOrders()?.overdue(Date.now() - afterMs, sinceMs, options.isDiscarded)
        : null;
      return {
        afterMs,
        placed,
        validated: validated ?? null,
        why,
        sinceMs: sinceMs > 0 ? sinceMs : null,
      };
    },
    async run(signal) {
      let reader: LogReader | undefined;
      while (!signal.aborted) {
        try {
          await ask(reader ??= await openLogReader(kafka));
        } catch (error) {
          if (!isKafkaError(error)) throw error;
          placed = null;
          await reader?.close().catch(() => {});
          reader = undefined;
        }
        await pause(EVERY_MS, signal);
      }
      await reader?.close().catch(() => {});
    },
  };
}

/** @param horizonOf when the reading began that the horizon is of */
function whyUnknown(reading: Reading, horizonOf: string | undefined): string | null {
  if (reading.source === "group") {
    return "this analytics reads only its group's share of the log; recount from the log to know";
  }
  if (reading.progress !== null) return "the log is being read";
  if (reading.notReady !== null) return reading.notReady;
  return horizonOf === reading.startedAt ? null : "Kafka is being asked where its log begins";
}

/**
 * From when on all outcomes are in the log, epoch milliseconds; 0: none were ever deleted. An order that was
 * placed after the first message that is left has its outcome behind that message.
 */
async function firstKept(reader: LogReader, topic: string, nowMs: number): Promise<number> {
  let sinceMs = 0;
  for (const [partition, { first, end }] of await reader.ends(topic)) {
    if (first === 0) continue;
    const record = first < end ? await recordAt(reader, topic, partition, first) : undefined;
    sinceMs = Math.max(sinceMs, (record?.timestamp ?? nowMs) + CLOCKS_MS);
  }
  return sinceMs;
}

/** What the validator has not read of what was placed before a moment. */
async function unread(
  reader: LogReader,
  names: Names,
  positions: readonly GroupPosition[],
  beforeMs: number,
): Promise<OverdueOrders> {
  const byTopic = Map.groupBy(positions, ({ topic }) => topic);
  let count = 0;
  const oldest: { orderId: string; placedAtMs: number }[] = [];
  for (const [topic, own] of byTopic as Map<Topic, readonly GroupPosition[]>) {
    const name = names.topic(topic);
    const since = await reader.offsetsSince(name, beforeMs);
    for (const { partition, committed } of own) {
      const waiting = (since.get(partition) ?? 0) - committed;
      if (waiting <= 0) continue;
      // Behind the last message there may be a control record: a replay's, for example.
      const record = await recordAt(reader, name, partition, committed);
      if (record === undefined || record.timestamp > beforeMs) continue;
      count += waiting;
      const key = record.key ? ascii.decode(record.key.subarray(0, 65)) : "";
      oldest.push({ orderId: ORDER_ID.test(key) ? key : "", placedAtMs: record.timestamp });
    }
  }
  oldest.sort((a, b) => a.placedAtMs - b.placedAtMs);
  const first: OverdueOrder[] = oldest.filter(({ orderId }) => orderId !== "").slice(0, MAX_FIRST);
  return { count, oldestMs: oldest[0]?.placedAtMs ?? null, first, withoutId: 0 };
}

async function recordAt(reader: LogReader, topic: string, partition: number, offset: number) {
  const place = {
    partitions: [partition],
    from: new Map([[partition, offset]]),
    fetchBytes: FETCH_BYTES,
  };
  for await (const [record] of reader.read(topic, place)) if (record) return record;
  return undefined;
}
