/**
 * Requests that nobody thought of: the same ones for a real Kafka and for the one in memory, which have to
 * answer the same. Each waits until what the last one began is done, so that no answer depends on time.
 */
import type { MemberGeneration, TopicPartition } from "../../kafka/protocol/requests.ts";
import { until } from "../../runtime/until.ts";
import { Random } from "../random.ts";
import { nameOf, patiently } from "./client.ts";
import { committed, ends } from "./log.ts";
import { TestMember } from "./member.ts";
import { commitOffset, offsetsOf } from "./offsets.ts";
import type { Platform } from "./platform.ts";
import { TestProducer } from "./producer.ts";

const STEPS = 80;
const IDS = 2;
const PARTITIONS = 2;
/** Above what a script takes: the member says nothing meanwhile. */
const SESSION_MS = 300_000;

/** A producer, and the sequence numbers that it has used. */
interface Owner {
  readonly label: string;
  readonly producer: TestProducer;
  readonly next: Map<number, number>;
}

/** @returns a line for each request and its answer */
export async function runScript(platform: Platform, seed: number): Promise<string[]> {
  const script = await Script.begin(platform, new Random(seed));
  for (let step = 0; step < STEPS; step++) await script.step();
  await script.look();
  return script.lines;
}

class Script {
  readonly lines: string[] = [];
  readonly #owners: Owner[] = [];
  readonly #ids: string[];
  readonly #group: string;
  readonly #member: TestMember;
  #isMember = false;

  private constructor(
    private readonly platform: Platform,
    private readonly random: Random,
    private readonly topic: string,
    member: TestMember,
  ) {
    this.#ids = Array.from({ length: IDS }, () => platform.freshName());
    this.#group = member.group;
    this.#member = member;
  }

  static async begin(platform: Platform, random: Random): Promise<Script> {
    const topic = await platform.createTopic(PARTITIONS);
    const member = await TestMember.connect(platform, platform.freshName(), {
      sessionTimeoutMs: SESSION_MS,
    });
    const script = new Script(platform, random, topic, member);
    await script.#joinOrLeave();
    for (let id = 0; id < IDS; id++) await script.#open(id);
    const plain = await TestProducer.open(platform.client, null);
    script.#owners.push({ label: "plain", producer: plain, next: new Map() });
    return script;
  }

  async step(): Promise<void> {
    const { random } = this;
    const owner = this.#owner();
    const place = this.#place();
    const draw = random.next();
    if (draw < 0.35 || owner.producer.id === null) return await this.#produce(owner, place);
    if (draw < 0.5) return await this.#ask(owner, `add ${place.partition}`, (p) => p.add(place));
    if (draw < 0.6) {
      return await this.#ask(owner, "add offsets", (p) => p.addOffsets(this.#group));
    }
    if (draw < 0.7) {
      const offset = random.int(100);
      const [who, as] = this.#as();
      const what = `commit offset ${offset} of ${place.partition} as ${who}`;
      return await this.#ask(owner, what, (p) => p.commitOffset(this.#group, place, offset, as));
    }
    if (draw < 0.73) return await this.#joinOrLeave();
    if (draw < 0.85) {
      const how = random.pick(["commit", "abort"] as const);
      return await this.#ask(owner, how, (p) => p.finish(how));
    }
    if (draw < 0.9) return await this.#open(random.int(IDS));
    if (draw < 0.92) return await this.#deleteRecords(place);
    if (draw < 0.94) {
      const code = await commitOffset(this.platform, this.#group, place, random.int(100));
      return this.#say(`offset of ${place.partition} from outside`, code);
    }
    if (draw < 0.96 && this.platform.nodes > 1) return await this.#move(place);
    if (draw < 0.97) return await this.#createAnew();
    if (draw < 0.985) return await this.#fetch(place);
    await this.look();
  }

  #say(what: string, answer: unknown): void {
    this.lines.push(`${what}: ${typeof answer === "string" ? answer : JSON.stringify(answer)}`);
  }

  #place(): TopicPartition {
    return { topic: this.topic, partition: this.random.int(PARTITIONS) };
  }

  /** Mostly one of the newest. */
  #owner(): Owner {
    const newest = this.#owners.slice(-IDS - 1);
    return this.random.pick(this.random.chance(0.8) ? newest : this.#owners);
  }

  /** Of the group: its member, as it is or was, or none. */
  #as(): [who: string, as: MemberGeneration | undefined] {
    const { memberId, generation } = this.#member;
    if (memberId === "" || this.random.chance(0.3)) return ["no member", undefined];
    const some = generation + this.random.pick([0, 0, 0, -1, 1]);
    const [who, id] = this.random.chance(0.1)
      ? ["a stranger", "stranger"]
      : ["the member", memberId];
    return [`${who} of generation ${some}`, { memberId: id, generation: some }];
  }

  /** One that has left stays in hand until the next joins. */
  async #joinOrLeave(): Promise<void> {
    if (this.#isMember && this.random.chance(0.5)) {
      this.#say("the member leaves", await this.#member.leave());
      this.#isMember = false;
      return;
    }
    if (!this.#isMember) this.#member.memberId = "";
    this.#isMember = true;
    const codes = [await this.#member.join(), await this.#member.sync()];
    const { own, generation } = this.#member;
    this.#say("the member joins", codes.map((code) => code === own ? "assigned" : code));
    this.#say("generation", generation);
  }

  async #open(id: number): Promise<void> {
    const producer = await TestProducer.open(this.platform.client, this.#ids[id]!);
    const label = `owner ${this.#owners.length} of ${id}`;
    this.#owners.push({ label, producer, next: new Map() });
    this.#say(label, `epoch ${producer.epoch}`);
  }

  async #ask(
    { label, producer }: Owner,
    what: string,
    ask: (producer: TestProducer) => Promise<string>,
  ): Promise<void> {
    this.#say(`${label} ${what}`, await patiently(() => ask(producer)));
  }

  async #produce({ label, producer, next }: Owner, place: TopicPartition): Promise<void> {
    const { random } = this;
    const count = 1 + random.int(2);
    const expected = next.get(place.partition) ?? 0;
    const off = random.chance(0.75) ? 0 : random.pick([-6, -4, -3, -2, -1, 1]);
    const sequence = Math.max(0, expected + off);
    const transactional = producer.id !== null && !random.chance(0.03);
    const values = Array.from({ length: count }, (_, i) => `${sequence + i}`);
    const options = { sequence, transactional };
    const code = await patiently(() => producer.produce(place, values, options));
    if (code === "NONE" && sequence >= expected) next.set(place.partition, sequence + count);
    const plain = transactional || producer.id === null ? "" : " without transaction";
    this.#say(`${label} writes ${sequence}+${count} to ${place.partition}${plain}`, code);
  }

  async #deleteRecords(place: TopicPartition): Promise<void> {
    const [first, end] = await ends(this.platform, place);
    const before = first + this.random.int(end - first + 1);
    await this.platform.deleteRecords(place, before);
    this.#say(`delete before ${before} in ${place.partition}`, await ends(this.platform, place));
  }

  /** All producers stay, with what they believe is there. */
  async #createAnew(): Promise<void> {
    await this.platform.deleteTopic(this.topic);
    await this.platform.createTopic(PARTITIONS, this.topic);
    // Its offsets go with it, a little later.
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const place = { topic: this.topic, partition };
      await until("its offsets are gone", async () => {
        const { unstable } = await offsetsOf(this.platform, this.#group, place);
        return unstable === -1;
      });
    }
    this.#say("the topic", "is another");
  }

  /** From anywhere, as it comes. */
  async #fetch(place: TopicPartition): Promise<void> {
    const [first, end] = await ends(this.platform, place);
    const from = first - 1 + this.random.int(end - first + 3);
    const answer = await this.platform.fetch(place, from);
    const aborted = answer.aborted.map(({ producerId, firstOffset }) => {
      const owner = this.#owners.find(({ producer }) =>
        String(producer.identity.producerId) === producerId
      );
      return `${owner?.label.replace(/owner \d+ /, "")} from ${firstOffset}`;
    });
    this.#say(`fetch ${place.partition} from ${from}`, {
      code: nameOf(answer.code),
      records: answer.records.map(({ offset }) => offset),
      aborted: aborted.toSorted(),
    });
  }

  async #move(place: TopicPartition): Promise<void> {
    const [id, what] = [this.random.int(IDS), this.random.int(3)];
    if (what === 0) await this.platform.moveLeader(place);
    if (what === 1) await this.platform.moveCoordinator("transaction", this.#ids[id]!);
    if (what === 2) await this.platform.moveCoordinator("group", this.#group);
    this.#say("move", ["leader", "transaction coordinator", "group coordinator"][what]);
  }

  /** All that can be read. */
  async look(): Promise<void> {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const place = { topic: this.topic, partition };
      const [first, end] = await ends(this.platform, place);
      const { code, highWatermark, lastStableOffset, logStart } = await this.platform
        .fetch(place, first);
      this.#say(`partition ${partition}`, {
        first,
        end,
        code: nameOf(code),
        highWatermark,
        lastStableOffset,
        logStart,
        committed: await committed(this.platform, place, first),
        offsets: await offsetsOf(this.platform, this.#group, place),
      });
      const all = await this.platform.fetch(place, first, { isolation: "uncommitted" });
      const at = all.records.filter(({ offset }) => offset >= first)
        .map(({ offset, isControlRecord, key }) =>
          isControlRecord ? `${offset}${key?.[3] === 1 ? "c" : "a"}` : offset
        );
      this.#say("written", at.join(" "));
    }
  }
}
