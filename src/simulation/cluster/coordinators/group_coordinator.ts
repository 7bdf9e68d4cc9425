/** The group coordinator, for the groups of one partition of __consumer_offsets. */
import type { Broker, Home, Led } from "../broker.ts";
import { NONE, UNSTABLE_OFFSET_COMMIT } from "../codes.ts";
import { Coordinator } from "./coordinator_log.ts";
import { Group } from "./groups.ts";
import type { GroupServices, MembersEntry } from "./members.ts";
import type { Replicas } from "../leadership.ts";
import type { TransactionMarker } from "../log/marker.ts";
import { keyOf, type MarkerEntry, type OffsetsEntry, OffsetStore } from "./offsets.ts";
import type { AnswerOf, Chance, Clock, OffsetToCommit, RequestOf } from "../requests.ts";

type Entry =
  | OffsetsEntry
  | MarkerEntry
  | MembersEntry
  | { readonly kind: "topicDeleted"; readonly topic: string };

export class GroupCoordinator extends Coordinator<Entry> {
  readonly offsets = new OffsetStore();
  readonly #groups = new Map<string, Group>();
  readonly #services: GroupServices;

  constructor(
    home: Home,
    broker: Broker,
    epoch: number,
    replicas: Replicas,
    previous: Led | undefined,
    options: {
      readonly clock: Clock;
      readonly random: Chance;
      readonly initialDelayMs: number;
      newMemberId(): string;
    },
  ) {
    super(home, broker, epoch, replicas, options.random);
    this.#services = {
      now: () => options.clock.now,
      after: (afterMs, work) => broker.after(afterMs, () => this.isActive && work()),
      newMemberId: options.newMemberId,
      pick: (list) => options.random.pick(list),
      store: (entry, done) => this.write(entry, done),
      initialDelayMs: options.initialDelayMs,
    };
    this.load(previous);
  }

  group(name: string): Group {
    let group = this.#groups.get(name);
    if (!group) this.#groups.set(name, group = new Group(name, this.#services));
    return group;
  }

  commit(request: RequestOf<"OffsetCommit">, done: (code: number) => void): void {
    const code = this.group(request.group).refusalOfCommit(request, false);
    if (code !== NONE) return done(code);
    this.#commit(request.group, request.offsets, -1, -1, done);
  }

  /** Pending until the transaction's marker. The transaction was verified, or is open here. */
  commitInTransaction(request: RequestOf<"TxnOffsetCommit">, done: (code: number) => void): void {
    const producerId = Number(request.producerId);
    const code = this.group(request.group).refusalOfCommit(request, true) ||
      this.offsets.accepts(producerId, request.producerEpoch);
    if (code !== NONE) return done(code);
    this.#commit(request.group, request.offsets, producerId, request.producerEpoch, done);
  }

  #commit(
    group: string,
    offsets: readonly OffsetToCommit[],
    producerId: number,
    producerEpoch: number,
    done: (code: number) => void,
  ): void {
    this.group(group).hasOffsets = true;
    this.#append({ kind: "offsets", group, offsets, producerId, producerEpoch }, done);
  }

  appendMarker(marker: TransactionMarker, done: (code: number) => void): void {
    const code = this.offsets.acceptsMarker(marker);
    if (code !== NONE) return done(code);
    this.#append({ kind: "marker", marker }, done);
  }

  #append(entry: OffsetsEntry | MarkerEntry, done: (code: number) => void): void {
    // Before it is written: where the broker is alone it is replicated at once.
    if (!this.replicas.tooFew) this.offsets.appended(entry);
    this.write(entry, done);
  }

  /**
   * With `requireStable` it is a write without records: it waits for the writes before it, and a
   * coordinator that does not know that it was replaced has none.
   */
  fetch(
    { group, partitions, requireStable }: RequestOf<"OffsetFetch">,
    answer: (answer: AnswerOf<RequestOf<"OffsetFetch">>) => void,
  ): void {
    const read = () => {
      const found = partitions.map((place) => {
        const key = keyOf(group, place.topic, place.partition);
        if (requireStable && this.offsets.isPending(key)) {
          return { ...place, offset: -1, code: UNSTABLE_OFFSET_COMMIT };
        }
        return { ...place, offset: this.offsets.offset(key) ?? -1, code: NONE };
      });
      answer({ codes: [NONE], partitions: found });
    };
    if (!requireStable || !this.hasUnreplicated) return read();
    this.waitForWrites((code) =>
      code === NONE ? read() : answer({ codes: [code], partitions: [] })
    );
  }

  /** Offsets of a topic that is gone are deleted. */
  topicDeleted(topic: string): void {
    if (this.unavailable === NONE) this.write({ kind: "topicDeleted", topic }, () => {});
  }

  protected override replay(entry: Entry, index: number): void {
    if (entry.kind === "offsets" || entry.kind === "marker") this.offsets.appended(entry);
    this.committed(entry, index);
    if (entry.kind === "members") this.group(entry.group).load(entry);
    else if (entry.kind === "offsets") this.group(entry.group).hasOffsets = true;
  }

  protected override committed(entry: Entry, index: number): void {
    if (entry.kind === "topicDeleted") this.offsets.forget(entry.topic);
    else if (entry.kind !== "members") this.offsets.committed(entry, index);
  }

  protected override loaded(): void {
    for (const group of this.#groups.values()) group.loaded();
  }

  protected override stopped(): void {
    for (const group of this.#groups.values()) group.stop();
  }
}
