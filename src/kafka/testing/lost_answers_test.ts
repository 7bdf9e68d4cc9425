import { assertEquals, assertThrows } from "@std/assert";
import { succeeded } from "./lost_answers.ts";
import { API_KEYS, type ApiName } from "./kafka_frames.ts";

function request(apiName: ApiName, apiVersion: number) {
  const body = new Uint8Array();
  return { apiKey: API_KEYS[apiName], apiName, apiVersion, correlationId: 1, clientId: null, body };
}

/** Length, correlation id and throttle time are not looked at. */
const HEADER = Array<number>(8).fill(9);
const THROTTLE = Array<number>(4).fill(9);
const int16 = (value: number) => [value >> 8, value & 255];
const int32 = (value: number) => [0, 0, 0, value];
const array = (items: number[][]) => [...int32(items.length), ...items.flat()];
/** Two topics, the second one with two partitions: the codes are theirs in order. */
const topics = ([a, b, c]: readonly number[], rest: number[]) =>
  array([
    [...int16(1), 97, ...array([[...int32(0), ...int16(a!), ...rest]])],
    [
      ...[...int16(2), 98, 98],
      ...array([b!, c!].map((code, i) => [...int32(i), ...int16(code), ...rest])),
    ],
  ]);

const one = ([code]: readonly number[]) => [...HEADER, ...THROTTLE, ...int16(code!)];
const behind = (codes: readonly number[]) => [...HEADER, ...THROTTLE, ...topics(codes, [])];
const before = (codes: readonly number[]) => [
  ...HEADER,
  ...topics(codes, Array<number>(24).fill(9)),
  ...THROTTLE,
];

/** As `behind`, with compact lengths (one more), and an empty tag buffer behind each structure. */
const compact = ([a, b, c]: readonly number[]) => [
  ...[...HEADER, 0, ...THROTTLE, 3],
  ...[2, 97, 2, ...int32(0), ...int16(a!), 0, 0],
  ...[3, 98, 98, 3, ...int32(0), ...int16(b!), 0, ...int32(1), ...int16(c!), 0, 0],
  0,
];

const ANSWERS = [
  ["InitProducerId", 1, one],
  ["AddPartitionsToTxn", 1, behind],
  ["Produce", 7, before],
  ["AddOffsetsToTxn", 1, one],
  ["TxnOffsetCommit", 3, compact],
  ["EndTxn", 1, one],
] as const;

for (const [api, version, answer] of ANSWERS) {
  Deno.test(`succeeded: ${api}, an error in any place is one`, () => {
    const of = (...codes: number[]) =>
      succeeded(Uint8Array.from(answer(codes)), request(api, version));
    assertEquals(of(0, 0, 0), true);
    assertEquals(of(51, 0, 0), false);
    if (answer === one) return;
    assertEquals(of(0, 6, 0), false);
    assertEquals(of(0, 0, 6), false);
  });
}

Deno.test("succeeded: refuses a version whose answer it does not know", () => {
  assertThrows(() => succeeded(new Uint8Array(40), request("EndTxn", 3)), TypeError, "version 3");
});
