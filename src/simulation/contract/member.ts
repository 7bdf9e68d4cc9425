/** A member of a group that does what it is told: each call is one request on a connection of its own. */
import { offsetCommitRequest, type TopicPartition } from "../../kafka/protocol/requests.ts";
import { until } from "../../runtime/until.ts";
import { type Client, firstOf, nameOf } from "./client.ts";
import type { Platform } from "./platform.ts";
import {
  heartbeatRequest,
  type JoinAnswer,
  joinGroupRequest,
  leaveGroupRequest,
  syncGroupRequest,
} from "./requests.ts";

interface Waits {
  readonly sessionTimeoutMs?: number;
  readonly rebalanceTimeoutMs?: number;
}

/** Above what any case takes. */
const LONG_MS = 20_000;

export class TestMember {
  generation = -1;
  memberId = "";
  leaderId = "";
  /** Of the leader: all members, in the order of their ids. */
  members: readonly string[] = [];

  private constructor(
    private readonly client: Client,
    readonly group: string,
    private readonly waits: Waits,
  ) {}

  static async connect(platform: Platform, group: string, waits: Waits = {}): Promise<TestMember> {
    return new TestMember(await platform.connect(), group, waits);
  }

  get leads(): boolean {
    return this.leaderId === this.memberId;
  }

  async join(): Promise<string> {
    const { sessionTimeoutMs = LONG_MS, rebalanceTimeoutMs = LONG_MS } = this.waits;
    const answer: JoinAnswer = await this.client.toCoordinator(
      "group",
      this.group,
      joinGroupRequest({
        group: this.group,
        memberId: this.memberId,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        metadata: "reads",
      }),
    );
    if (answer.code === 0) {
      this.generation = answer.generation;
      this.memberId = answer.memberId;
      this.leaderId = answer.leaderId;
      this.members = answer.members.map(({ memberId }) => memberId).toSorted();
    }
    return nameOf(answer.code);
  }

  /** @returns what it is assigned, or the code's name: the leader assigns each member its own id */
  async sync({ generation = this.generation } = {}): Promise<string> {
    const { group, memberId } = this;
    const assignments = this.members.map((memberId) => ({
      memberId,
      assignment: `of ${memberId}`,
    }));
    const request = syncGroupRequest({ group, generation, memberId, assignments });
    const answer = await this.client.toCoordinator("group", group, request);
    return answer.code === 0 ? String(answer.assignment) : nameOf(answer.code);
  }

  /** What a member is assigned. */
  get own(): string {
    return `of ${this.memberId}`;
  }

  async heartbeat({ generation = this.generation, memberId = this.memberId } = {}) {
    const request = heartbeatRequest(this.group, generation, memberId);
    return nameOf((await this.client.toCoordinator("group", this.group, request)).code);
  }

  async commit(
    place: TopicPartition,
    offset: number,
    { generation = this.generation, memberId = this.memberId } = {},
  ): Promise<string> {
    const member = { generation, memberId };
    const request = offsetCommitRequest(this.group, [{ ...place, offset }], member);
    return firstOf((await this.client.toCoordinator("group", this.group, request)).codes);
  }

  async leave(): Promise<string> {
    const request = leaveGroupRequest(this.group, this.memberId);
    return nameOf((await this.client.toCoordinator("group", this.group, request)).code);
  }
}

/** Until the group rebalances, as a member hears it. */
export function rebalancing(member: TestMember): Promise<void> {
  return until(
    "the group rebalances",
    async () => await member.heartbeat() === "REBALANCE_IN_PROGRESS",
    10_000,
    20,
  );
}

/** Joins, and is assigned: a group of its own. */
export async function loneMember(
  platform: Platform,
  group: string,
  waits?: Waits,
): Promise<TestMember> {
  const member = await TestMember.connect(platform, group, waits);
  for (const answer of [await member.join(), await member.sync()]) {
    if (answer !== "NONE" && answer !== member.own) throw new Error(`${group}: ${answer}`);
  }
  return member;
}
