/** What the controller says of the cluster (KRaft's metadata image); each broker has one, perhaps an old one. */
import type { Broker, Led } from "./broker.ts";
import type { MetadataAnswer } from "./requests.ts";

/** A partition, whoever leads it. */
export class Home {
  /** Of the newest epoch that has begun; its state is the truth. */
  owner: Led | undefined;

  constructor(
    readonly name: string,
    readonly partition: number,
    private readonly begin: (
      home: Home,
      broker: Broker,
      epoch: number,
      previous: Led | undefined,
    ) => Led,
  ) {}

  /** Nothing where a newer leader has begun already: the broker's view is old. */
  elect(broker: Broker, epoch: number): void {
    if (this.owner && this.owner.epoch >= epoch) return;
    this.owner = this.begin(this, broker, epoch, this.owner);
    broker.leads.set(this, this.owner);
  }
}

export interface Place {
  readonly home: Home;
  readonly partition: number;
  /** -1: none. */
  readonly leader: number;
  readonly leaderEpoch: number;
}

export interface TopicImage {
  readonly places: readonly Place[];
  readonly answer: MetadataAnswer["topics"][number];
}

export interface Image {
  readonly version: number;
  readonly alive: readonly number[];
  readonly topics: ReadonlyMap<string, TopicImage>;
  /** Partitions of the coordinators' topics. */
  readonly transactions: readonly Place[];
  readonly groups: readonly Place[];
  /** All of them. */
  readonly places: ReadonlyMap<Home, Place>;
}
