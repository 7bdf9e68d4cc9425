/** What a group has committed. */
import {
  type MemberGeneration,
  offsetCommitRequest,
  offsetFetchRequest,
  type TopicPartition,
} from "../../kafka/protocol/requests.ts";
import { until } from "../../runtime/until.ts";
import { type Client, firstOf, nameOf } from "./client.ts";
import type { Platform } from "./platform.ts";
import { unstableOffsetFetchRequest } from "./requests.ts";

/** -1: none. What `require_stable` answers is the offset, or the code's name. */
export async function offsetsOf({ client }: Platform, group: string, place: TopicPartition) {
  const any = unstableOffsetFetchRequest(group, place);
  const { partitions: [found] } = await client.toCoordinator("group", group, any);
  const [stable] = await stableOffsetsOf(client, group, [place]);
  return { unstable: found?.offset ?? -1, stable };
}

/** In one request, with `require_stable`: the offset of each, or the code's name. */
export async function stableOffsetsOf(
  client: Client,
  group: string,
  places: readonly TopicPartition[],
): Promise<(number | string)[]> {
  const request = offsetFetchRequest(group, places);
  const { codes, partitions } = await client.toCoordinator("group", group, request);
  const ofGroup = firstOf(codes);
  return places.map(({ topic, partition }) => {
    if (ofGroup !== "NONE") return ofGroup;
    const found = partitions.find((each) => each.topic === topic && each.partition === partition);
    const code = nameOf(found?.code);
    return found && code === "NONE" ? found.offset : code;
  });
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
