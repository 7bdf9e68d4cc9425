/** Orders on their way through the installed chart: placed, counted, audited. */
import type { Cluster } from "../../kind/cluster.ts";
import { untilBalanced } from "../../kind/ownership.ts";
import { until } from "../../runtime/until.ts";
import type { Service } from "../../topology.ts";

export const RELEASE = "orderflow";

/** Waits as long as Kubernetes may take, and does not ask it too often. */
export function untilSlow(what: string, condition: () => Promise<boolean>): Promise<void> {
  return until(what, condition, 120_000, 500);
}

export class Flow {
  constructor(readonly cluster: Cluster, readonly analyticsUrl: string) {}

  /** Orders with an outcome, since analytics was started. */
  async settled(): Promise<number> {
    const response = await fetch(`${this.analyticsUrl}/snapshot`);
    return (await response.json()).snapshot.orders.settled;
  }

  /** Waits until so many more orders have their outcome. */
  async settles(more: number): Promise<void> {
    const ask = () => this.settled().catch(() => undefined);
    let before: number | undefined;
    await untilSlow("analytics answers", async () => (before = await ask()) !== undefined);
    await untilSlow(`${more} more orders settle`, async () => {
      const now = await ask();
      // Analytics counts from 0 again after its own restart.
      return now !== undefined && (now < before! ? now : now - before!) >= more;
    });
  }

  /** Runs `disturb` while orders flow; then the audit says whether all is well. */
  async whileOrdersFlow(disturb: () => Promise<void>): Promise<void> {
    await this.cluster.scale(`${RELEASE}-simulator`, 1);
    try {
      await this.settles(100);
      await disturb();
      await this.settles(100);
    } finally {
      await this.cluster.scale(`${RELEASE}-simulator`, 0);
    }
    await this.audit();
  }

  async audit(): Promise<void> {
    await this.cluster.helm(["test", RELEASE, "--logs", "--timeout", "5m"]);
  }

  /** Scales a consumer with kubectl; returns when all members own partitions. */
  async scale(service: Service, replicas: number): Promise<void> {
    await this.cluster.scale(`${RELEASE}-${service}`, replicas);
    await untilBalanced(this.cluster, service, replicas);
  }
}
