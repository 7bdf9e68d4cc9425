/** Brokers that die, freeze and come back, and when the controller and the others notice. */
import type { Broker } from "./broker.ts";
import { TransactionCoordinator } from "./coordinators/transactions.ts";
import type { Controller } from "./controller.ts";
import type { Replicas } from "./leadership.ts";
import type { Chance, Clock } from "./requests.ts";

export class Failures {
  /** Counts failures of a broker: one that is over is not waited for any more. */
  readonly #outages = new Map<number, number>();

  constructor(
    private readonly time: Clock,
    private readonly random: Chance,
    private readonly brokers: ReadonlyMap<number, Broker>,
    private readonly controller: Controller,
    private readonly replicas: Replicas,
  ) {}

  /** It is killed: connections close; it keeps its log. */
  crash(broker: Broker): void {
    if (broker.state === "dead") return;
    broker.crash();
    this.#failed(broker);
  }

  /**
   * Starts it again, with what it has in its log.
   *
   * @param isQuick before the controller has given it up. It takes itself for the transaction coordinator
   *   that it was until it has registered, and writes markers of what it had decided, replicated or not
   *   (Kafka 4.2.2: docs/transaction-errors.md, "An unknown commit")
   */
  restart(broker: Broker, isQuick = false): void {
    if (broker.state !== "dead") return;
    const node = broker.id;
    const outage = this.#outages.get(node);
    const relics = isQuick && this.controller.alive.has(node) ? relicsOf(broker) : [];
    this.time.at(this.random.between(200, isQuick ? 900 : 2_000), () => {
      for (const relic of relics) relic.resign();
      if (broker.state !== "dead" || this.#outages.get(node) !== outage) return;
      this.#outages.set(node, outage! + 1);
      // It registers as new: what it led before, others lead by now.
      if (this.controller.alive.has(node)) this.controller.fence(node);
      this.controller.unfence(node);
      broker.state = "up";
      broker.view = this.controller.image;
      this.publish();
      broker.lead();
      this.#catchUp(broker);
    });
  }

  /** As SIGSTOP: it answers nobody, and does nothing, until it is thawed. */
  freeze(broker: Broker): void {
    if (broker.state !== "up" || broker.isCutOff) return;
    broker.state = "frozen";
    this.#failed(broker);
  }

  /** It reaches neither the controller nor the other brokers, and answers clients from what it knew. */
  cutOff(broker: Broker): void {
    if (broker.state !== "up" || broker.isCutOff || this.replicas.alone) return;
    broker.isCutOff = true;
    this.#failed(broker);
  }

  reconnect(broker: Broker): void {
    if (!broker.isCutOff) return;
    broker.isCutOff = false;
    this.#returned(broker);
  }

  /** It goes on with what it knew, and learns a little later what has happened since. */
  thaw(broker: Broker): void {
    if (broker.state !== "frozen") return;
    broker.thaw();
    this.#returned(broker);
  }

  #returned(broker: Broker): void {
    const node = broker.id;
    this.#outages.set(node, this.#outages.get(node)! + 1);
    this.#replicasChanged();
    broker.after(this.random.between(20, 300), () => {
      if (broker.isCutOff) return;
      if (!this.controller.alive.has(node)) {
        this.controller.unfence(node);
        this.publish();
      }
      if (!this.controller.inSync.has(node)) this.#catchUp(broker);
      broker.learn(this.controller.image);
    });
  }

  #failed({ id }: Broker): void {
    const outage = (this.#outages.get(id) ?? 0) + 1;
    this.#outages.set(id, outage);
    this.#replicasChanged();
    // broker.session.timeout.ms
    this.time.at(this.random.between(1_000, 3_000), () => {
      if (this.#outages.get(id) !== outage || !this.controller.alive.has(id)) return;
      this.controller.fence(id);
      this.publish();
    });
  }

  #catchUp(broker: Broker): void {
    broker.after(this.random.between(50, 800), () => {
      if (broker.isCutOff) return;
      if (this.controller.caughtUp(broker.id)) this.publish();
      else this.#catchUp(broker);
    });
  }

  #replicasChanged(): void {
    const { inSync } = this.controller;
    const enough = Math.min(2, this.brokers.size);
    const tooFew = inSync.size < enough;
    const answer = [...inSync].every((node) => {
      const { state, isCutOff } = this.brokers.get(node)!;
      return state === "up" && !isCutOff;
    });
    this.replicas.changed(answer && !tooFew, tooFew);
  }

  /** Each broker learns of a change a little later, one after the other. */
  publish(): void {
    this.#replicasChanged();
    const { image } = this.controller;
    for (const broker of this.brokers.values()) {
      if (broker.state !== "up") continue;
      const usual = this.random.between(1, 60);
      const afterMs = Math.max(usual, broker.learnsFrom - this.time.now);
      broker.after(afterMs, () => {
        if (!broker.isCutOff) broker.learn(image);
      });
    }
  }
}

/** What it still takes itself for; it owns nothing any more. */
function relicsOf(broker: Broker): TransactionCoordinator[] {
  return broker.view.transactions.flatMap(({ home: { owner } }) =>
    owner instanceof TransactionCoordinator && owner.broker === broker ? [owner.again()] : []
  );
}
