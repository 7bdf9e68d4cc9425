/** kafkajs's connections, with our patches, against a server that answers as each test says. */
import "./patches.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { settlesWithin } from "../../runtime/shutdown.ts";
import { until } from "../../runtime/until.ts";
import { LOOPBACK } from "../../local/kafka/ports.ts";
import { produceRequest } from "../protocol/requests.ts";
import { ScriptedBroker, type ScriptedRequest } from "../testing/scripted_broker.ts";
import { require } from "./replace_module.ts";

interface Socket {
  readonly destroyed: boolean;
  destroy(): void;
  eventNames(): string[];
  listenerCount(event: string): number;
}

interface Connection {
  connectionStatus: string;
  readonly socket: Socket | undefined;
  isConnected(): boolean;
  connect(): Promise<unknown>;
  disconnect(): Promise<unknown>;
  send(request: unknown): Promise<string>;
}
interface ConnectionPool {
  readonly pool: readonly [Connection, Connection];
  getConnection(): Promise<Connection>;
  send(request: unknown): Promise<string>;
}

const NewConnection: new (options: object) => Connection = require(
  "kafkajs/src/network/connection.js",
);
const NewConnectionPool: new (options: object) => ConnectionPool = require(
  "kafkajs/src/network/connectionPool.js",
);
const Encoder: new () => { writeInt32(value: number): unknown } = require(
  "kafkajs/src/protocol/encoder.js",
);
const socketFactory = require("kafkajs/src/network/socketFactory.js")();
const { KafkaJSConnectionClosedError } = require("kafkajs/src/errors.js");

/** For what would wait forever. */
const LIMIT_MS = 20_000;

const quiet = { namespace: () => quiet, debug() {}, info() {}, warn() {}, error() {} };

function optionsFor({ port }: { port: number }, requestTimeout = 20_000) {
  return {
    host: LOOPBACK,
    port,
    logger: quiet,
    socketFactory,
    requestTimeout,
    connectionTimeout: 20_000,
  };
}

/** A request with an answer of text. */
function request(encode = () => Promise.resolve(new Encoder().writeInt32(1))) {
  return {
    request: { apiKey: 3, apiVersion: 6, apiName: "Metadata", encode },
    response: {
      decode: (payload: Uint8Array) => Promise.resolve({ payload }),
      parse: ({ payload }: { payload: Uint8Array }) =>
        Promise.resolve(new TextDecoder().decode(payload)),
    },
  };
}

const text = (value: string) => new TextEncoder().encode(value);
const echo = (request: ScriptedRequest) => request.answer(text(`socket ${request.socket}`));
/** When the answer has come, of whichever kind. */
const settled = (work: Promise<unknown>) => work.then(() => "answered", (error) => error.name);

Deno.test("patchConnections: after a connection that broke in the middle of an answer the next one works", async () => {
  await using broker = new ScriptedBroker(async (request) => {
    if (request.socket > 0) return await echo(request);
    await request.answerInPart(text("a".repeat(1_000)), 300);
    broker.hangUp(0);
  });
  const connection = new NewConnection(optionsFor(broker, 1_000));
  await connection.connect();
  await assertRejects(() => connection.send(request()), KafkaJSConnectionClosedError);
  await until("it is closed", () => !connection.isConnected());
  await connection.connect();
  for (let count = 0; count < 3; count++) {
    assertEquals(await connection.send(request()), "socket 1");
  }
  await connection.disconnect();
});

Deno.test("patchConnections: several requests at once on a lost connection make one socket", async () => {
  await using broker = new ScriptedBroker(echo);
  const pool = new NewConnectionPool(optionsFor(broker));
  await pool.getConnection();
  await until("there is a socket", () => broker.sockets === 1);
  broker.hangUp(0);
  await until("it is closed", () => !pool.pool[0].isConnected());
  const answers = await Promise.all([1, 2, 3].map(() => pool.send(request())));
  assertEquals(answers, ["socket 1", "socket 1", "socket 1"]);
  assertEquals(broker.sockets, 2);
  await pool.pool[0].disconnect();
});

Deno.test("patchConnections: the end of an abandoned socket does not disturb the live one", async () => {
  const held: ScriptedRequest[] = [];
  await using broker = new ScriptedBroker((request) => held.push(request));
  const connection = new NewConnection(optionsFor(broker));
  await connection.connect();
  const { socket } = connection;
  // As kafkajs leaves it when two connect at once, or when the end of the first comes late.
  connection.connectionStatus = "disconnected";
  await connection.connect();
  assert(connection.socket !== socket);
  const answer = connection.send(request());
  await until("the request has come", () => held.length === 1);
  broker.hangUp(0);
  await until("the old socket has ended", () => socket!.destroyed);
  await echo(held[0]!);
  assertEquals(await answer, "socket 1");
  await connection.disconnect();
});

Deno.test("patchConnections: a request that times out closes its connection; the next one opens another", async () => {
  await using broker = new ScriptedBroker((request) => request.socket > 0 && echo(request));
  const connection = new NewConnection(optionsFor(broker, 100));
  await connection.connect();
  const names = await Promise.all([1, 2].map(() => settled(connection.send(request()))));
  assertEquals(connection.isConnected(), false);
  assert(names.includes("KafkaJSRequestTimeoutError"), String(names));
  assert(!names.includes("answered"));
  await connection.connect();
  assertEquals(await connection.send(request()), "socket 1");
  await connection.disconnect();
});

Deno.test("patchConnections: a disconnect ends, and what is pending with it, while the broker is silent", async () => {
  await using broker = new ScriptedBroker();
  const connection = new NewConnection(optionsFor(broker, 600_000));
  await connection.connect();
  const pending = connection.send(request());
  const rejected = assertRejects(() => pending, KafkaJSConnectionClosedError);
  await until("the request has come", () => broker.requests.length === 1);
  assert(await settlesWithin(connection.disconnect(), LIMIT_MS), "it goes on waiting");
  await rejected;
  assertEquals(connection.isConnected(), false);
});

for (
  const [what, isGone] of [["of closing", false], ["in which its socket is gone", true]] as const
) {
  Deno.test(`patchConnections: whatever is sent in the moment ${what} fails`, async () => {
    // It never accepts its connections, nor closes them.
    using frozen = Deno.listen({ hostname: LOOPBACK, port: 0 });
    const { port } = frozen.addr as Deno.NetAddr;
    // One of these is sent in just the turn that matters.
    const sent = Array.from({ length: 20 }, async (_, turns) => {
      const connection = new NewConnection(optionsFor({ port }, 600_000));
      await connection.connect();
      const late = settled(connection.send(request()));
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      if (isGone) connection.socket!.destroy();
      await connection.disconnect();
      assert(await settlesWithin(late, LIMIT_MS), `${turns} turns: neither sent nor refused`);
      return await late;
    });
    for (const name of await Promise.all(sent)) {
      assert(["KafkaJSConnectionClosedError", "KafkaJSConnectionError"].includes(name), name);
    }
  });
}

Deno.test("patchConnections: a dead socket has no listeners piled up on it", async () => {
  await using broker = new ScriptedBroker(echo);
  const connection = new NewConnection(optionsFor(broker));
  await connection.connect();
  await connection.send(request());
  const socket = connection.socket!;
  broker.hangUp(0);
  await until("the socket has ended", () => socket.destroyed);
  const count = () => socket.eventNames().map((event) => socket.listenerCount(event)).join();
  const before = count();
  for (let times = 0; times < 20; times++) await connection.disconnect();
  assertEquals(count(), before);
});

Deno.test("patchRequests: a request in parts arrives as a whole", async () => {
  await using broker = new ScriptedBroker(echo);
  const connection = new NewConnection(optionsFor(broker));
  await connection.connect();
  const batches = ["one", "another"].map((value, partition) => ({
    topic: "a-topic",
    partition,
    bytes: text(value.repeat(40_000)),
  }));
  const produce = produceRequest("an-id", 1_000, batches);
  await connection.send({ ...request(), request: produce.request });
  const sent = await produce.request.encode();
  assertEquals(broker.requests[0]!.apiKey, 0);
  assertEquals(Buffer.from(broker.requests[0]!.body).equals(sent.buffer), true);
  await connection.disconnect();
});

Deno.test("patchThrottling: one that was throttled once still sends when the clock is set back", async () => {
  await using broker = new ScriptedBroker(echo);
  const connection = new NewConnection(optionsFor(broker)) as Connection & {
    requestQueue: { maybeThrottle(ms: number): void };
  };
  await connection.connect();
  connection.requestQueue.maybeThrottle(1);
  const { now } = Date;
  Date.now = () => now() - 3_600_000;
  try {
    await connection.send(request());
  } finally {
    Date.now = now;
  }
  await connection.disconnect();
});

Deno.test("patchIdleRequestQueue: with nothing to send no timer is set", async () => {
  await using broker = new ScriptedBroker(echo);
  const connection = new NewConnection(optionsFor(broker)) as Connection & {
    requestQueue: { throttleCheckTimeoutId: unknown };
  };
  await connection.connect();
  await connection.send(request());
  assertEquals(connection.requestQueue.throttleCheckTimeoutId, null);
  await connection.disconnect();
});
