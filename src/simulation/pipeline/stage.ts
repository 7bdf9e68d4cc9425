/** What faults act on, in a pipeline; and until when those that began last. */
import type { Api } from "../cluster/requests.ts";
import type { Network } from "../client/network.ts";
import type { SimulatedKafka } from "../cluster/cluster.ts";
import type { SimulatedDatabases } from "../databases/databases.ts";
import type { Effect } from "../client/faults.ts";
import type { Effect as StageEffect, Stage } from "../faults/stage.ts";
import type { SimulatedProcess } from "../process.ts";
import type { Random } from "../random.ts";
import type { VirtualTime } from "../time.ts";
import type { LeftBehind } from "./left_behind.ts";
import type { Replicas } from "./replicas.ts";

interface Parts {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly kafka: SimulatedKafka;
  readonly network: Network;
  readonly databases: SimulatedDatabases;
  readonly replicas: Replicas;
  readonly leftBehind: LeftBehind;
  /** The order source's. */
  readonly source: SimulatedProcess;
}

/** Longer than a call to the gateway may take. */
const SILENT_STEP_MS = 200;
/** After a peer's request, on average: before it arrives, or while it is worked on. */
const SOON_MS = [0.2, 2, 200];
/** About as long as it takes until others have what a broker has written. */
const REPLICATED_MS = 5;

export class PipelineStage implements Stage {
  lastsUntilMs = 0;
  readonly replicas: Stage["replicas"];
  readonly network: Stage["network"];
  readonly cluster: Stage["cluster"];
  readonly databases: Stage["databases"];
  #isBeginning = false;

  constructor(private readonly parts: Parts) {
    const { kafka, databases, replicas } = parts;
    this.databases = { hit: (service, fault) => databases.hit(service, fault) };
    this.replicas = {
      kill: (name) => replicas.kill(name),
      stop: (name) => replicas.stop(name),
      start: (name) => replicas.start(name),
      freeze: (name) => replicas.freeze(name),
      thaw: (name) => replicas.thaw(name),
      jumpClock: (name, byMs) => replicas.jumpClock(name, byMs),
      rebalance: (service) => kafka.rebalance(service),
    };
    this.network = this.#networkOf(parts);
    this.cluster = this.#clusterOf(parts);
  }

  // Faults take single functions out of this.

  readonly at: Stage["at"] = (afterMs, callback) => {
    // What a fault sets while it begins is its end.
    if (this.#isBeginning) this.#lasts(afterMs);
    this.parts.time.at(afterMs, () => {
      this.#isBeginning = true;
      callback();
      this.#isBeginning = false;
    });
  };

  readonly silenceGateway: Stage["silenceGateway"] = (forMs) => {
    this.#lasts(forMs);
    const { time, random, databases } = this.parts;
    // Calls are carried out, and answered too late; or not at all.
    const end = random.chance(0.5)
      ? databases.slow("gateway", SILENT_STEP_MS)
      : databases.refuse("gateway");
    time.at(forMs, end);
  };

  readonly heal: Stage["heal"] = () => {
    this.parts.network.heal();
    this.parts.databases.heal();
  };

  #lasts(forMs: number): void {
    this.lastsUntilMs = Math.max(this.lastsUntilMs, this.parts.time.now + forMs);
  }

  #networkOf({ network }: Parts): Stage["network"] {
    return {
      hit: (api, from, effect) => {
        if (typeof effect === "object" && "lateMs" in effect) this.#lasts(effect.lateMs);
        network.hit({ api, ...from !== undefined && { from }, effect: this.#met(effect) });
      },
      slow: (where, byMs, forMs) => {
        this.#lasts(forMs);
        network.slow(where, byMs, forMs);
      },
      cut: (name, node, forMs) => {
        this.#lasts(forMs);
        network.cut({ name }, node, forMs);
      },
    };
  }

  #met(effect: StageEffect): Effect {
    if (typeof effect !== "object") return effect;
    const { cluster, replicas } = this;
    if ("killedForMs" in effect) {
      return this.#toSender(effect.killedForMs, effect.until, replicas.kill, replicas.start);
    }
    if ("frozenForMs" in effect) {
      return this.#toSender(effect.frozenForMs, effect.until, replicas.freeze, replicas.thaw);
    }
    if (!("brokerCrashedForMs" in effect)) return effect;
    const { brokerCrashedForMs: forMs } = effect;
    return {
      receiver: (node) => {
        this.#lasts(forMs);
        // What it has written by then may be nowhere else, or somewhere, or everywhere.
        const { random, time } = this.parts;
        time.at(random.chance(0.5) ? 0 : random.exponential(REPLICATED_MS), () => {
          cluster.crash(node);
          time.at(forMs, () => cluster.restart(node));
        });
      },
    };
  }

  #toSender(
    forMs: number,
    until: Api | undefined,
    begin: (name: string) => void,
    end: (name: string) => void,
  ): Effect {
    const { network, random, source, time } = this.parts;
    return {
      sender: ({ name }) => {
        if (name === source.name) return;
        this.#lasts(forMs);
        begin(name);
        const over = () => end(name);
        time.at(forMs, over);
        if (until === undefined) return;
        const peers = name.slice(0, name.lastIndexOf("-"));
        const soonMs = random.pick(SOON_MS);
        network.hit({
          api: until,
          from: peers,
          effect: { sender: () => void time.at(random.exponential(soonMs), over) },
        });
      },
    };
  }

  #clusterOf({ kafka, leftBehind, replicas }: Parts): Stage["cluster"] {
    return {
      crash: (node) => kafka.crashBroker(node),
      // Where the controller has not noticed yet, it goes on with what it took itself for.
      restart: (node) => kafka.restartBroker(node, true),
      freeze: (node) => kafka.freezeBroker(node),
      thaw: (node) => kafka.thawBroker(node),
      cutOff: (node) => kafka.cutOffBroker(node),
      reconnect: (node) => kafka.reconnectBroker(node),
      moveLeader: (topic, partition) => void kafka.moveLeader(topic, partition),
      moveCoordinator: (kind, of) => {
        const key = kind === "group" ? of : replicas.transactionalIdOf(of);
        if (key !== undefined) kafka.moveCoordinator(kind, key);
      },
      staleMetadata: (node, forMs) => {
        this.#lasts(forMs);
        kafka.delayMetadata(node, forMs);
      },
      delayMarkers: (node, byMs) => kafka.delayMarkers(node, byMs),
      addPartitions: (count) => leftBehind.addPartitions(count),
      deleteReadRecords: () => leftBehind.deleteReadRecords(),
    };
  }
}
