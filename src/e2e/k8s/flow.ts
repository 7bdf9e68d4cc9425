/** Orders on their way through the installed chart: placed, counted, audited. */
import { type Cluster, eventually } from "../../kind/cluster.ts";
import { groupOf, isBalanced } from "../../kind/ownership.ts";
import type { Service } from "../../topology.ts";

export const RELEASE = "orderflow";

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
    const before = await eventually("analytics answers", ask);
    await eventually(`${more} more orders settle`, async () => {
      const now = await ask();
      // Analytics counts from 0 again after its own restart.
      return now !== undefined && (now < before ? now : now - before) >= more;
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
    await eventually(
      `${service} is balanced over ${replicas}`,
      async () => isBalanced(await groupOf(this.cluster, service), replicas),
    );
  }
}
