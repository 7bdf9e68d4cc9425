/** The controller (KRaft): which brokers are alive and in sync, who leads what, which topics there are. */
import { type Broker, Home, type Image, type Led, type Place, type TopicImage } from "./broker.ts";
import { NONE } from "./codes.ts";
import type { Chance } from "./requests.ts";

interface Partition {
  readonly home: Home;
  leader: number;
  leaderEpoch: number;
}

interface Topic {
  readonly name: string;
  readonly id: string;
  readonly partitions: Partition[];
}

/** Begins to lead a partition of such a kind. */
export type Begin = (
  home: Home,
  broker: Broker,
  epoch: number,
  previous: Led | undefined,
) => Led;

const ID_LETTERS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"];

export class Controller {
  /** Registered, and not given up. */
  readonly alive: Set<number>;
  /** Of all partitions alike: each has a replica on every broker. The last one stays. */
  readonly inSync: Set<number>;
  readonly #topics = new Map<string, Topic>();
  readonly #coordinators: { transactions: Partition[]; groups: Partition[] };
  #image: Image | undefined;
  #version = 0;

  constructor(
    brokers: readonly number[],
    private readonly random: Chance,
    private readonly begin: { topic: Begin; transactions: Begin; groups: Begin },
    coordinatorPartitions: number,
  ) {
    this.alive = new Set(brokers);
    this.inSync = new Set(brokers);
    const partitions = (name: string, begin: Begin) =>
      Array.from({ length: coordinatorPartitions }, (_, n) => this.#partition(name, n, begin));
    this.#coordinators = {
      transactions: partitions("__transaction_state", begin.transactions),
      groups: partitions("__consumer_offsets", begin.groups),
    };
  }

  /** The newest. */
  get image(): Image {
    return this.#image ??= this.#draw();
  }

  createTopic(name: string, count: number): void {
    const id = Array.from({ length: 22 }, () => this.random.pick(ID_LETTERS)).join("");
    this.#topics.set(name, { name, id, partitions: [] });
    this.addPartitions(name, count);
  }

  deleteTopic(name: string): void {
    this.#topics.delete(name);
    this.#image = undefined;
  }

  /** @param count how many it has then */
  addPartitions(name: string, count: number): void {
    const { partitions } = this.#topic(name);
    while (partitions.length < count) {
      partitions.push(this.#partition(name, partitions.length, this.begin.topic));
    }
    this.#image = undefined;
  }

  partitionCount(name: string): number {
    return this.#topic(name).partitions.length;
  }

  homeOf(topic: string, partition: number): Home {
    return this.#topic(topic).partitions[partition]!.home;
  }

  homesOf(topic: string): Home[] {
    return this.#topic(topic).partitions.map(({ home }) => home);
  }

  coordinatorHome(kind: "transactions" | "groups", partition: number): Home {
    return this.#coordinators[kind][partition]!.home;
  }

  /** Gives a broker up: others lead instead. */
  fence(node: number): void {
    this.alive.delete(node);
    if (this.inSync.size > 1) this.inSync.delete(node);
    this.#elect();
  }

  unfence(node: number): void {
    this.alive.add(node);
    this.#elect();
  }

  /** @returns whether it could: somebody in sync has to be alive */
  caughtUp(node: number): boolean {
    if (!this.alive.has(node)) return true;
    if (![...this.inSync].some((each) => this.alive.has(each))) return false;
    this.inSync.add(node);
    this.#elect();
    return true;
  }

  /** To another broker in sync. @returns whether there is one */
  moveLeader(home: Home): boolean {
    for (const partition of this.#all()) {
      if (partition.home !== home) continue;
      const others = this.#eligible().filter((node) => node !== partition.leader);
      if (others.length === 0) return false;
      this.#lead(partition, this.random.pick(others));
      return true;
    }
    return false;
  }

  #topic(name: string): Topic {
    const topic = this.#topics.get(name);
    if (!topic) throw new Error(`the simulated cluster has no topic ${name}`);
    return topic;
  }

  #partition(name: string, partition: number, begin: Begin): Partition {
    const eligible = this.#eligible();
    const leader = eligible.length > 0 ? this.random.pick(eligible) : -1;
    return { home: new Home(name, partition, begin), leader, leaderEpoch: 0 };
  }

  #eligible(): number[] {
    return [...this.inSync].filter((node) => this.alive.has(node));
  }

  /** Of partitions whose leader may not lead any more, and of those without one. */
  #elect(): void {
    const eligible = this.#eligible();
    for (const partition of this.#all()) {
      if (eligible.includes(partition.leader)) continue;
      const leader = eligible.length > 0 ? this.random.pick(eligible) : -1;
      if (leader !== partition.leader) this.#lead(partition, leader);
    }
    this.#image = undefined;
  }

  #lead(partition: Partition, leader: number): void {
    partition.leader = leader;
    partition.leaderEpoch++;
    this.#image = undefined;
  }

  *#all(): Generator<Partition> {
    for (const { partitions } of this.#topics.values()) yield* partitions;
    yield* this.#coordinators.transactions;
    yield* this.#coordinators.groups;
  }

  #draw(): Image {
    const places = new Map<Home, Place>();
    const placesOf = (partitions: readonly Partition[]): Place[] =>
      partitions.map(({ home, leader, leaderEpoch }, partition) => {
        const place = { home, partition, leader, leaderEpoch };
        places.set(home, place);
        return place;
      });
    const topics = new Map<string, TopicImage>();
    for (const { name, id, partitions } of this.#topics.values()) {
      const ofTopic = placesOf(partitions);
      const answer = {
        code: NONE,
        name,
        id,
        partitions: ofTopic.map(({ partition, leader, leaderEpoch }) => ({
          partition,
          leader,
          leaderEpoch,
        })),
      };
      topics.set(name, { places: ofTopic, answer });
    }
    return {
      version: ++this.#version,
      alive: [...this.alive].sort((a, b) => a - b),
      topics,
      transactions: placesOf(this.#coordinators.transactions),
      groups: placesOf(this.#coordinators.groups),
      places,
    };
  }
}
