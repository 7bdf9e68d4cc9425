/** A producer that does what it is told, and nothing else: each call is one request, and answers a code's name. */
import { encodeRecordBatch } from "../../kafka/protocol/encode.ts";
import {
  addOffsetsToTxnRequest,
  addPartitionsToTxnRequest,
  endTxnRequest,
  initProducerIdRequest,
  type MemberGeneration,
  NO_MEMBER,
  produceRequest,
  type ProducerIdentity,
  type TopicPartition,
  txnOffsetCommitRequest,
} from "../../kafka/protocol/requests.ts";
import { type Client, firstOf, nameOf, patiently } from "./client.ts";

interface BatchOptions {
  /** Of its first record (default: the next one). */
  readonly sequence?: number;
  /** (default: whether the producer has an id) */
  readonly transactional?: boolean;
}

const TIMEOUT_MS = 30_000;
/** Above what any case takes. */
const TRANSACTION_TIMEOUT_MS = 60_000;

export class TestProducer {
  readonly #sequences = new Map<string, number>();

  constructor(
    private readonly client: Client,
    readonly id: string | null,
    readonly identity: ProducerIdentity,
  ) {}

  /** @param id null: idempotent, without transactions */
  static async open(
    client: Client,
    id: string | null,
    timeoutMs = TRANSACTION_TIMEOUT_MS,
  ): Promise<TestProducer> {
    let identity: ProducerIdentity = { producerId: -1n, producerEpoch: -1 };
    const code = await patiently(async () => {
      const answer = await initProducerId(client, id, timeoutMs);
      identity = answer;
      return firstOf(answer.codes);
    });
    if (code !== "NONE") throw new Error(`InitProducerId of ${id}: ${code}`);
    return new TestProducer(client, id, identity);
  }

  get epoch(): number {
    return this.identity.producerEpoch;
  }

  async add(...places: TopicPartition[]): Promise<string> {
    const request = addPartitionsToTxnRequest(this.#id, this.identity, places);
    return firstOf((await this.client.toCoordinator("transaction", this.#id, request)).codes);
  }

  /** Adds it, and writes to it. */
  async write(place: TopicPartition, ...values: string[]): Promise<string> {
    const added = await patiently(() => this.add(place));
    return added === "NONE" ? await this.produce(place, values) : added;
  }

  /** The bytes of a batch. */
  batch(place: TopicPartition, values: readonly string[], options: BatchOptions = {}): Uint8Array {
    const key = `${place.topic}/${place.partition}`;
    const { sequence = this.#sequences.get(key) ?? 0, transactional = this.id !== null } = options;
    if (options.sequence === undefined) this.#sequences.set(key, sequence + values.length);
    return encodeRecordBatch({
      ...this.identity,
      records: values.map((value) => ({ value })),
      firstTimestamp: Date.now(),
      maxTimestamp: Date.now(),
      firstSequence: sequence,
      transactional,
    });
  }

  /** @param node (default: the leader) */
  async produce(
    place: TopicPartition,
    values: readonly string[],
    options: BatchOptions = {},
    node?: number,
  ): Promise<string> {
    const bytes = this.batch(place, values, options);
    const request = produceRequest(this.id, TIMEOUT_MS, [{ ...place, bytes }]);
    const [answer] =
      await (node === undefined
        ? this.client.toLeader(place, request)
        : this.client.toNode(node, request));
    return nameOf(answer?.code);
  }

  async addOffsets(group: string): Promise<string> {
    const request = addOffsetsToTxnRequest(this.#id, this.identity, group);
    return firstOf((await this.client.toCoordinator("transaction", this.#id, request)).codes);
  }

  /** @param member (default: none) */
  commitOffset(
    group: string,
    place: TopicPartition,
    offset: number,
    member: MemberGeneration = NO_MEMBER,
  ): Promise<string> {
    return this.commitOffsets(group, [{ ...place, offset }], member);
  }

  /** @param member (default: none) */
  async commitOffsets(
    group: string,
    offsets: readonly (TopicPartition & { readonly offset: number })[],
    { generation, memberId }: MemberGeneration = NO_MEMBER,
  ): Promise<string> {
    const member = { generation, memberId };
    const request = txnOffsetCommitRequest(this.#id, this.identity, group, offsets, member);
    return firstOf((await this.client.toCoordinator("group", group, request)).codes);
  }

  async end(how: "commit" | "abort"): Promise<string> {
    const request = endTxnRequest(this.#id, this.identity, how === "commit");
    return firstOf((await this.client.toCoordinator("transaction", this.#id, request)).codes);
  }

  /** Ends it, and asks again until all markers are there. */
  async finish(how: "commit" | "abort"): Promise<string> {
    const ended = await patiently(() => this.end(how));
    return ended === "NONE" ? await patiently(() => this.end(how)) : ended;
  }

  get #id(): string {
    if (this.id === null) throw new TypeError("a producer without transactional id");
    return this.id;
  }
}

/** One InitProducerId, whatever it answers. */
export function initProducerId(client: Client, id: string | null, timeoutMs: number) {
  const request = initProducerIdRequest(id, timeoutMs);
  return id === null
    ? client.toNode(Number(client.cluster.getNodeIds()[0]), request)
    : client.toCoordinator("transaction", id, request);
}
