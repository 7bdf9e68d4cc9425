/** A broker as a process: what it leads and knows, and what becomes of its work when it dies or freezes. */
import { type Clock, Disconnected, type MetadataAnswer, Unreachable } from "./requests.ts";

/** What a broker leads: a partition, or the coordinators of one. */
export interface Led {
  readonly epoch: number;
  /** Another broker leads by now, and this one knows: nothing is answered any more but an error. */
  resign(): void;
  /** Its broker has died. */
  die(): void;
}

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

// What the controller says of the cluster (KRaft's metadata image); each broker has one, perhaps an old one.

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

interface Asker {
  readonly reject: (error: Error) => void;
  /** Where it is among those that wait; -1: it is answered. */
  index: number;
}

export class Broker {
  state: "up" | "dead" | "frozen" = "up";
  /** From the controller and the other brokers, not from clients. */
  isCutOff = false;
  /** What it knows of the cluster; may be out of date. */
  view!: Image;
  readonly leads = new Map<Home, Led>();
  /** It learns of changes from then on. */
  learnsFrom = 0;
  /** By how much later it sends the markers of its transactions: it has many to send. */
  markersLateMs = 0;
  /** Counts its lives: work of an earlier one is dropped. */
  #life = 0;
  /** What fell due, and what was asked, while it is frozen. */
  #held: (() => void)[] = [];
  #askers: Asker[] = [];
  /** Made once: an error takes as long as a request. */
  readonly #refusal: Error;

  constructor(readonly id: number, private readonly clock: Clock) {
    this.#refusal = new Unreachable(`broker ${id} refuses the connection`);
  }

  /** Work of its own, unless it has died since; when it is frozen, later. */
  after(afterMs: number, work: () => void): () => void {
    let live = true;
    const life = this.#life;
    const due = () => {
      if (!live || life !== this.#life) return;
      if (this.state === "frozen") {
        this.#held.push(due);
      } else {
        live = false;
        work();
      }
    };
    const cancel = this.clock.at(afterMs, due);
    return () => {
      if (live) {
        live = false;
        cancel();
      }
    };
  }

  /**
   * A request to it: answered at once, later, or never.
   *
   * @param failed told that it is dead (Unreachable), or has died before it answered (Disconnected)
   */
  ask<T>(
    carryOut: (answer: (value: T) => void) => void,
    answered: (value: T) => void,
    failed: Asker["reject"],
  ): void {
    if (this.state === "dead") return failed(this.#refusal);
    const asker = { reject: failed, index: this.#askers.length };
    const answer = (value: T) => {
      if (asker.index < 0) return;
      this.#remove(asker);
      answered(value);
    };
    this.#askers.push(asker);
    if (this.state === "frozen") this.#held.push(() => carryOut(answer));
    else carryOut(answer);
  }

  #remove(asker: Asker): void {
    const last = this.#askers.pop()!;
    if (last !== asker) {
      this.#askers[asker.index] = last;
      last.index = asker.index;
    }
    asker.index = -1;
  }

  /** Whether it and another broker reach each other. */
  reaches(other: Broker): boolean {
    return this === other || !this.isCutOff && !other.isCutOff;
  }

  crash(): void {
    this.state = "dead";
    this.isCutOff = false;
    this.#life++;
    this.#held = [];
    const askers = this.#askers;
    this.#askers = [];
    const error = new Disconnected(`broker ${this.id} closed the connection`);
    for (const asker of askers) {
      asker.index = -1;
      asker.reject(error);
    }
    for (const led of this.leads.values()) led.die();
    this.leads.clear();
  }

  /** What was due goes on in its order, before anything is learned of what happened meanwhile. */
  thaw(): void {
    if (this.state !== "frozen") return;
    this.state = "up";
    const held = this.#held;
    this.#held = [];
    for (const work of held) work();
  }

  learn(image: Image): void {
    if (image.version <= this.view.version) return;
    this.view = image;
    for (const [home, led] of this.leads) {
      const place = image.places.get(home);
      if (place?.leader === this.id && place.leaderEpoch === led.epoch) continue;
      this.leads.delete(home);
      led.resign();
    }
    this.lead();
  }

  /** Begins to lead what its view says that it leads. */
  lead(): void {
    for (const [home, { leader, leaderEpoch }] of this.view.places) {
      if (leader === this.id && !this.leads.has(home)) home.elect(this, leaderEpoch);
    }
  }
}
