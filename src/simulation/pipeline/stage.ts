/** What faults act on, in a pipeline; and until when those that began last. */
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

  #networkOf({ network, replicas, source }: Parts): Stage["network"] {
    const processOf = (name: string) => name === "source" ? source : replicas.processOf(name);
    return {
      hit: (api, from, effect) => {
        if (typeof effect === "object" && "lateMs" in effect) this.#lasts(effect.lateMs);
        const met = this.#met(effect);
        if (from === undefined) return network.hit({ api, effect: met });
        const process = processOf(from);
        if (process) network.hit({ api, process, effect: met });
      },
      cut: (name, node, forMs) => {
        this.#lasts(forMs);
        const process = processOf(name);
        if (process) network.cut(process, node, forMs);
      },
    };
  }

  #met(effect: StageEffect): Effect {
    if (typeof effect !== "object" || !("killedForMs" in effect)) return effect;
    const { time, replicas, source } = this.parts;
    const { killedForMs } = effect;
    return {
      killed: (process) => {
        if (process === source) return;
        this.#lasts(killedForMs);
        replicas.kill(process.name);
        time.at(killedForMs, () => replicas.start(process.name));
      },
    };
  }

  #clusterOf({ kafka, leftBehind }: Parts): Stage["cluster"] {
    return {
      crash: (node) => kafka.crashBroker(node),
      restart: (node) => kafka.restartBroker(node),
      freeze: (node) => kafka.freezeBroker(node),
      thaw: (node) => kafka.thawBroker(node),
      moveLeader: (topic, partition) => void kafka.moveLeader(topic, partition),
      moveCoordinator: (kind, key) => void kafka.moveCoordinator(kind, key),
      staleMetadata: (node, forMs) => {
        this.#lasts(forMs);
        kafka.delayMetadata(node, forMs);
      },
      addPartitions: (count) => leftBehind.addPartitions(count),
      deleteReadRecords: () => leftBehind.deleteReadRecords(),
    };
  }
}
