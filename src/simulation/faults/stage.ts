/** What a schedule's faults act on: the simulated pipeline, as narrow as they need it. */
import type { Api } from "../cluster/requests.ts";
import type { Processor } from "../../topology.ts";
import type { SimulatedService } from "../services.ts";

/** What happens to the next request of an API. */
export type Effect =
  /** Nothing passes on its connection any more: the client's own limit ends it. */
  | "request lost"
  /** The same, after it was carried out. */
  | "answer lost"
  /** Before it was carried out, or after it. */
  | "connection closed"
  /** It arrives that much later, or its answer does. */
  | { readonly lateMs: number }
  /** The process that sends it is killed when it has, and started again. */
  | { readonly killedForMs: number; readonly until?: Api }
  /** The process that sends it is frozen just before it does, or just after; at most until a peer sends `until`. */
  | { readonly frozenForMs: number; readonly until?: Api }
  /** The broker that has begun to carry it out crashes, and is started again. */
  | { readonly brokerCrashedForMs: number }
  /** Answered instead of being carried out; or although it was. */
  | { readonly code: number; readonly carriedOut: boolean };

/** What happens to the next transaction, or read, of a service's tables. */
export type DatabaseFault =
  | "refuse"
  | "commit, answer lost"
  | "no commit, answer lost"
  /** Its commit takes that much longer. */
  | { readonly slowMs: number };

export interface Stage {
  /** Lets something happen `afterMs` from now. */
  at(afterMs: number, callback: () => void): void;
  readonly network: {
    /** @param from a process such as `payment-2`, or a service: any of its replicas; undefined: any */
    hit(api: Api, from: string | undefined, effect: Effect): void;
    /** Everything between these takes that much longer, each way. */
    slow(
      where: { readonly from?: string; readonly node?: number },
      byMs: number,
      forMs: number,
    ): void;
    cut(process: string, node: number, forMs: number): void;
  };
  /** Replicas by name, such as `payment-2`; what does not fit their state does nothing. */
  readonly replicas: {
    kill(name: string): void;
    /** SIGTERM: it finishes what is in flight, and leaves its group. */
    stop(name: string): void;
    start(name: string): void;
    freeze(name: string): void;
    thaw(name: string): void;
    jumpClock(name: string, byMs: number): void;
    /** The coordinator of its group asks all members to join anew. */
    rebalance(service: SimulatedService): void;
  };
  readonly cluster: {
    crash(node: number): void;
    restart(node: number): void;
    freeze(node: number): void;
    thaw(node: number): void;
    /** From the controller and the other brokers, not from clients. */
    cutOff(node: number): void;
    reconnect(node: number): void;
    moveLeader(topic: string, partition: number): void;
    /** @param of a group; or a replica, whose transactional id it is */
    moveCoordinator(kind: "group" | "transaction", of: string): void;
    staleMetadata(node: number, forMs: number): void;
    /** Markers of transactions that it coordinates are written so much later. */
    delayMarkers(node: number, byMs: number): void;
    /** All order topics get so many partitions; fewer than there are: nothing happens. */
    addPartitions(count: number): void;
    /** Deletes what every reader of a topic has processed. */
    deleteReadRecords(): void;
  };
  readonly databases: { hit(service: Processor, fault: DatabaseFault): void };
  silenceGateway(forMs: number): void;
  /** What has hit no request, and no transaction, never does. */
  heal(): void;
}
