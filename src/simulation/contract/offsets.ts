/** What a group has committed. */
import {
  type MemberGeneration,
  offsetCommitRequest,
  offsetFetchRequest,
  type TopicPartition,
} from "../../kafka/protocol/requests.ts";
import { until } from "../../runtime/until.ts";
import { firstOf } from "./client.ts";
import type { Platform } from "./platform.ts";
import { unstableOffsetFetchRequest } from "./requests.ts";

/** -1: none. What `require_stable` answers is the offset, or the code's name. */
export async function offsetsOf({ client }: Platform, group: string, place: TopicPartition) {
  const any = unstableOffsetFetchRequest(group, place);
  const { offset: unstable } = await client.toCoordinator("group", group, any);
  const request = offsetFetchRequest(group, place);
  const answer = await client.toCoordinator("group", group, request);
  const code = firstOf(answer.codes);
  return { unstable, stable: code === "NONE" ? answer.offset : code };
}

/** When no transaction is about to change it any more. */
export async function stableOffset(platform: Platform, group: string, place: TopicPartition) {
  let offset = -1;
  await until(
    "the offset is stable",
    async () => {
      const { stable } = await offsetsOf(platform, group, place);
      if (typeof stable === "number") offset = stable;
      return typeof stable === "number";
    },
    10_000,
    20,
  );
  return offset;
}

/** @param member absent: from outside the group */
export async function commitOffset(
  { client }: Platform,
  group: string,
  place: TopicPartition,
  offset: number,
  member?: MemberGeneration,
): Promise<string> {
  const request = offsetCommitRequest(group, [{ ...place, offset }], member);
  return firstOf((await client.toCoordinator("group", group, request)).codes);
}
