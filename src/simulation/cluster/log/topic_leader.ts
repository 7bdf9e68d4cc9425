/** The leader of a topic's partition: writes, reads that wait for something to read, markers. */
import type { Broker, Home, Led } from "../broker.ts";
import {
  FENCED_LEADER_EPOCH,
  LEADER_NOT_AVAILABLE,
  NONE,
  NOT_ENOUGH_REPLICAS,
  UNKNOWN_LEADER_EPOCH,
} from "../codes.ts";
import { Leadership, type Replicas } from "../leadership.ts";
import type { TransactionMarker } from "./marker.ts";
import { type Appended, PartitionLog } from "./partition_log.ts";
import type { Chance } from "../requests.ts";
import type { Verification } from "./verifications.ts";

/** A fetch that waits for something to read. */
export interface Reader {
  /** Something may be there now, or the broker leads no more. */
  wake(): void;
}

export class TopicLeader extends Leadership {
  readonly log: PartitionLog;
  readonly readers = new Set<Reader>();

  constructor(
    home: Home,
    broker: Broker,
    epoch: number,
    replicas: Replicas,
    previous: Led | undefined,
    random: Chance,
  ) {
    super(home, broker, epoch, replicas, random);
    this.log = previous instanceof TopicLeader
      ? takenOver(previous, broker, epoch, replicas, this.random)
      : new PartitionLog(epoch).begin();
    // What it took over above the high watermark is committed once its followers have it.
    if (this.log.highWatermark < this.log.end) this.replicated(() => {});
  }

  append(
    bytes: Uint8Array,
    limitMs: number | undefined,
    done: (code: number) => void,
    verification?: Verification,
  ): void {
    if (this.replicas.tooFew) return done(NOT_ENOUGH_REPLICAS);
    this.#acknowledge(this.log.append(bytes, verification), done, limitMs);
  }

  /** A marker is written even where too few replicas are in sync: it waits for them. */
  appendMarker(marker: TransactionMarker, now: number, done: (code: number) => void): void {
    this.#acknowledge(this.log.appendMarker(marker, now), done);
  }

  #acknowledge({ code, end }: Appended, done: (code: number) => void, limitMs?: number): void {
    if (code !== NONE || end <= this.log.highWatermark) done(code);
    else this.replicated(done, limitMs);
  }

  /** The first offset, or the high watermark; -1 with an error. */
  offset(at: "first" | "end"): { code: number; offset: number } {
    const { log } = this;
    if (at === "first") return { code: NONE, offset: log.start };
    // A new leader does not know the end before its followers have caught up (KIP-207).
    if (log.highWatermark < log.epochStart) return { code: LEADER_NOT_AVAILABLE, offset: -1 };
    return { code: NONE, offset: log.highWatermark };
  }

  endOfEpoch(leaderEpoch: number, currentEpoch: number): { code: number; end: number } {
    if (currentEpoch > this.epoch) return { code: UNKNOWN_LEADER_EPOCH, end: -1 };
    if (currentEpoch >= 0 && currentEpoch < this.epoch) {
      return { code: FENCED_LEADER_EPOCH, end: -1 };
    }
    return { code: NONE, end: this.log.endOfEpoch(leaderEpoch) };
  }

  protected override advance(): void {
    const before = this.log.lastStableOffset;
    this.log.advance(this.log.end);
    if (this.log.lastStableOffset > before) this.#wake();
  }

  protected override stopped(): void {
    this.#wake();
  }

  #wake(): void {
    if (this.readers.size === 0) return;
    const readers = [...this.readers];
    for (const reader of readers) reader.wake();
  }
}

/**
 * The log of a new leader: a follower has all that was acknowledged, and may have more. It learns the high
 * watermark by its next fetch, so it may know an older one. A leader that comes back has its own log.
 */
function takenOver(
  previous: TopicLeader,
  broker: Broker,
  epoch: number,
  replicas: Replicas,
  random: Chance,
): PartitionLog {
  const { log } = previous;
  if (previous.broker === broker) {
    return log.handedOver(epoch, log.end, replicas.alone ? log.end : log.highWatermark);
  }
  const { acknowledged } = log;
  const above = log.batches.filter(({ lastOffset }) => lastOffset >= acknowledged);
  const had = random.int(above.length + 1);
  const keep = had === 0 ? acknowledged : above[had - 1]!.lastOffset + 1;
  const below = log.batches.filter(({ lastOffset }) => lastOffset < log.highWatermark).at(-1);
  const known = below ? random.pick([log.highWatermark, below.firstOffset]) : log.highWatermark;
  return log.handedOver(epoch, keep, Math.max(known, log.start));
}
