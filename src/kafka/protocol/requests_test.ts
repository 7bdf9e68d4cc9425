import { assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import { encoded } from "../testing/answers.ts";
import type { Encoder, WireRequest } from "./wire.ts";
import {
  addOffsetsToTxnRequest,
  addPartitionsToTxnRequest,
  endTxnRequest,
  initProducerIdRequest,
  offsetCommitRequest,
  offsetFetchRequest,
  produceRequest,
  txnOffsetCommitRequest,
} from "./requests.ts";

const require = createRequire(import.meta.url);

const ID = "orderflow.validator.0";
const GROUP = "orderflow.validator";
const identity = { producerId: 123_456_789_012n, producerEpoch: 7 };
const kafkajsIdentity = { transactionalId: ID, producerId: "123456789012", producerEpoch: 7 };
const TWO = [{ topic: "orders.raw", partition: 0 }, { topic: "orders.raw", partition: 5 }];
const THREE = [...TWO, { topic: "größe", partition: 1 }];

interface KafkajsRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  encode(): Promise<{ buffer: Uint8Array }>;
}

/** What kafkajs sends, by the folder of the request and its version. */
function kafkajsRequest(name: string, version: number, options: object): KafkajsRequest {
  return require(`kafkajs/src/protocol/requests/${name}/v${version}/request.js`)(options);
}

async function bytesOf(request: { encode(): Promise<unknown> }): Promise<number[]> {
  return [...(await request.encode() as { buffer: Uint8Array }).buffer];
}

const same: {
  ours: WireRequest<unknown>;
  what?: string;
  folder: string;
  version: number;
  options: object;
}[] = [
  {
    ours: initProducerIdRequest(ID, 60_000),
    folder: "initProducerId",
    version: 1,
    options: { transactionalId: ID, transactionTimeout: 60_000 },
  },
  {
    ours: initProducerIdRequest(null, 0),
    what: " without transactions",
    folder: "initProducerId",
    version: 1,
    options: { transactionalId: null, transactionTimeout: 0 },
  },
  {
    ours: addPartitionsToTxnRequest(ID, identity, THREE),
    folder: "addPartitionsToTxn",
    version: 1,
    options: {
      ...kafkajsIdentity,
      topics: [{ topic: "orders.raw", partitions: [0, 5] }, { topic: "größe", partitions: [1] }],
    },
  },
  {
    ours: addOffsetsToTxnRequest(ID, identity, GROUP),
    folder: "addOffsetsToTxn",
    version: 1,
    options: { ...kafkajsIdentity, groupId: GROUP },
  },
  {
    ours: offsetCommitRequest(
      GROUP,
      TWO.map((input, index) => ({ ...input, offset: 5_000_000_000 + index })),
      { generation: 12, memberId: "member-3" },
    ),
    folder: "offsetCommit",
    version: 5,
    options: {
      groupId: GROUP,
      groupGenerationId: 12,
      memberId: "member-3",
      topics: [{
        topic: "orders.raw",
        partitions: [
          { partition: 0, offset: "5000000000", metadata: null },
          { partition: 5, offset: "5000000001", metadata: null },
        ],
      }],
    },
  },
  ...[true, false].map((commit) => ({
    ours: endTxnRequest(ID, identity, commit),
    what: ` (${commit ? "commit" : "abort"})`,
    folder: "endTxn",
    version: 1,
    options: { ...kafkajsIdentity, transactionResult: commit },
  })),
];

for (const { ours, what = "", folder, version, options } of same) {
  Deno.test(`${ours.request.apiName}${what}: the bytes of kafkajs`, async () => {
    const theirs = kafkajsRequest(folder, version, options);
    const { apiKey, apiVersion } = ours.request;
    assertEquals([apiKey, apiVersion], [theirs.apiKey, theirs.apiVersion]);
    assertEquals(await bytesOf(ours.request), await bytesOf(theirs));
  });
}

for (const transactionalId of [ID, null]) {
  Deno.test(`Produce: the bytes of kafkajs around a batch, id ${transactionalId}`, async () => {
    const messages = [{ key: "k", value: "v".repeat(2_000), timestamp: 1_000, headers: {} }];
    const theirs = kafkajsRequest("produce", 7, {
      ...kafkajsIdentity,
      transactionalId,
      acks: -1,
      timeout: 8_000,
      topicData: [{
        topic: "orders.validated",
        partitions: [{ partition: 3, firstSequence: 0, messages }],
      }],
    });
    const expected = await bytesOf(theirs);
    // A batch is what comes behind its length, and ends with the request.
    const idBytes = 2 + (transactionalId?.length ?? 0);
    const batchAt = idBytes + 2 + 4 + 4 + (2 + "orders.validated".length) + 4 + 4 + 4;
    const bytes = Buffer.from(expected.slice(batchAt));
    const batch = { topic: "orders.validated", partition: 3, bytes };
    const ours = produceRequest(transactionalId, 8_000, [batch]);
    assertEquals([ours.request.apiKey, ours.request.apiVersion], [0, 7]);
    assertEquals(await bytesOf(ours.request), expected);
  });
}

function answerTo<Answer>(
  { response }: WireRequest<Answer>,
  write: (encoder: Encoder) => unknown,
): Promise<Answer> {
  return response.decode(encoded(write)).then((decoded) => response.parse(decoded));
}

const THROTTLE_MS = 0;

Deno.test("Produce: a code for each partition that is in the answer", async () => {
  const request = produceRequest(ID, 8_000, []);
  const codes = await answerTo(request, (encoder) => {
    const partition = (index: number, code: number) =>
      encoder.writeInt32(index).writeInt16(code).writeInt64(9).writeInt64(-1).writeInt64(0);
    encoder.writeInt32(2).writeString("a").writeInt32(2);
    partition(0, 0);
    partition(4, 6);
    encoder.writeString("b").writeInt32(1);
    partition(1, 19);
    encoder.writeInt32(THROTTLE_MS);
  });
  assertEquals(codes, [
    { topic: "a", partition: 0, code: 0 },
    { topic: "a", partition: 4, code: 6 },
    { topic: "b", partition: 1, code: 19 },
  ]);
});

Deno.test("InitProducerId: the code, the id and the epoch; kafkajs learns how long to pause", async () => {
  const { response } = initProducerIdRequest(ID, 1);
  const decoded = await response.decode(
    encoded((encoder) =>
      encoder.writeInt32(300).writeInt16(51).writeInt64(2n ** 40n).writeInt16(8)
    ),
  );
  assertEquals((decoded as { clientSideThrottleTime: number }).clientSideThrottleTime, 300);
  assertEquals(await response.parse(decoded), {
    codes: [51],
    producerId: 2n ** 40n,
    producerEpoch: 8,
  });
});

const offsets = TWO.map((input, index) => ({ ...input, offset: 5_000_000_000 + index }));
const MEMBER = { generation: 12, memberId: "member-3" };

Deno.test("TxnOffsetCommit: version 3, with the member and its generation", async () => {
  const { request } = txnOffsetCommitRequest(ID, identity, GROUP, offsets, MEMBER);
  assertEquals([request.apiKey, request.apiVersion], [28, 3]);
  const expected = encoded((encoder) => {
    encoder.writeUVarInt(0).writeUVarIntString(ID).writeUVarIntString(GROUP);
    encoder.writeInt64(identity.producerId).writeInt16(7).writeInt32(12);
    encoder.writeUVarIntString("member-3").writeUVarInt(0);
    encoder.writeUVarInt(2).writeUVarIntString("orders.raw").writeUVarInt(3);
    for (const { partition, offset } of offsets) {
      encoder.writeInt32(partition).writeInt64(offset).writeInt32(-1);
      encoder.writeUVarInt(0).writeUVarInt(0);
    }
    encoder.writeUVarInt(0).writeUVarInt(0);
  });
  assertEquals(await bytesOf(request), [...expected]);
});

const partitionCodes = [
  {
    request: addPartitionsToTxnRequest(ID, identity, TWO),
    write(encoder: Encoder, codes: readonly number[]) {
      encoder.writeInt32(THROTTLE_MS).writeInt32(1).writeString("orders.raw");
      encoder.writeInt32(codes.length);
      for (const [index, code] of codes.entries()) encoder.writeInt32(index).writeInt16(code);
    },
  },
  {
    request: txnOffsetCommitRequest(ID, identity, GROUP, offsets, MEMBER),
    write(encoder: Encoder, codes: readonly number[]) {
      encoder.writeUVarInt(0).writeInt32(THROTTLE_MS);
      encoder.writeUVarInt(2).writeUVarIntString("orders.raw").writeUVarInt(codes.length + 1);
      for (const [index, code] of codes.entries()) {
        encoder.writeInt32(index).writeInt16(code).writeUVarInt(0);
      }
      encoder.writeUVarInt(0).writeUVarInt(0);
    },
  },
];
for (const { request, write } of partitionCodes) {
  const { apiName } = request.request;
  const answer = (codes: readonly number[]) =>
    answerTo(request, (encoder) => write(encoder, codes));

  Deno.test(`${apiName}: a code for each partition`, async () => {
    const { codes, partitions } = await answer([3, 55]);
    assertEquals([codes, partitions?.map(({ code }) => code)], [[3, 55], [3, 55]]);
  });

  Deno.test(`${apiName}: an answer that lacks a partition is none`, async () => {
    await assertRejects(() => answer([0]), Error, "lacks a partition");
    await assertRejects(() => answer([]), Error, "lacks a partition");
  });
}

for (
  const request of [addOffsetsToTxnRequest(ID, identity, GROUP), endTxnRequest(ID, identity, true)]
) {
  Deno.test(`${request.request.apiName}: its code`, async () => {
    const answer = await answerTo(
      request,
      (encoder) => encoder.writeInt32(THROTTLE_MS).writeInt16(47),
    );
    assertEquals(answer.codes, [47]);
  });
}

/** An answer to OffsetFetch, version 7, about some of `TWO`. */
function offsetFetchAnswer(
  partitions: readonly { partition: number; offset: number; code: number }[],
  codeOfGroup = 0,
) {
  return answerTo(offsetFetchRequest(GROUP, TWO), (encoder) => {
    encoder.writeUVarInt(0).writeInt32(THROTTLE_MS);
    encoder.writeUVarInt(2).writeUVarIntString("orders.raw").writeUVarInt(partitions.length + 1);
    for (const { partition, offset, code } of partitions) {
      encoder.writeInt32(partition).writeInt64(offset).writeInt32(-1).writeUVarIntString("");
      encoder.writeInt16(code).writeUVarInt(0);
    }
    encoder.writeUVarInt(0).writeInt16(codeOfGroup).writeUVarInt(0);
  });
}

Deno.test("OffsetFetch: asks for what is sure (require_stable), of several topics", async () => {
  const expected = encoded((encoder) => {
    encoder.writeUVarInt(0).writeUVarIntString(GROUP);
    encoder.writeUVarInt(3);
    encoder.writeUVarIntString("orders.raw").writeUVarInt(3).writeInt32(0).writeInt32(5);
    encoder.writeUVarInt(0);
    encoder.writeUVarIntString("größe").writeUVarInt(2).writeInt32(1).writeUVarInt(0);
    encoder.writeBoolean(true).writeUVarInt(0);
  });
  assertEquals(await bytesOf(offsetFetchRequest(GROUP, THREE).request), [...expected]);
});

Deno.test("OffsetFetch: offset and code of each partition, and the code of the group", async () => {
  const partitions = [
    { partition: 5, offset: 42, code: 0 },
    { partition: 0, offset: -1, code: 88 },
  ];
  assertEquals(await offsetFetchAnswer(partitions), {
    codes: [0],
    partitions: partitions.map((each) => ({ ...each, topic: "orders.raw" })),
  });
  assertEquals((await offsetFetchAnswer([], 16)).codes, [16]);
});

Deno.test("OffsetFetch: an answer that lacks a partition is none", async () => {
  const one = [{ partition: 5, offset: 42, code: 0 }];
  await assertRejects(() => offsetFetchAnswer(one), Error, "lacks a partition");
});
