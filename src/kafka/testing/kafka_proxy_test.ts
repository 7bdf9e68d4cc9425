import { assertEquals, assertRejects } from "@std/assert";
import { freePort, LOOPBACK } from "../../local/kafka/ports.ts";
import { until } from "../../runtime/until.ts";
import { API_KEYS, type ApiName, correlationIdOf, readFrames } from "./kafka_frames.ts";
import { KafkaProxy } from "./kafka_proxy.ts";
import { chunksOf, ScriptedBroker } from "./scripted_broker.ts";

// Off by default: what a proxy starts has to end with it.
Deno.test.sanitizer({ ops: true, resources: true });

/** Answers each request with its correlation id; while it is mute it executes without an answer. */
function fakeBroker() {
  const broker: ScriptedBroker = new ScriptedBroker((request) =>
    fake.mute || request.answer(new Uint8Array())
  );
  const fake = Object.assign(broker, {
    mute: false,
    /** Correlation ids. */
    executed: () => broker.requests.map(({ correlationId }) => correlationId),
  });
  return fake;
}

/** A request without a body. */
function request(api: ApiName, correlationId: number, clientId: string): Uint8Array {
  const id = new TextEncoder().encode(clientId);
  const bytes = new Uint8Array(14 + id.length);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, bytes.length - 4);
  view.setInt16(4, API_KEYS[api]);
  view.setInt32(8, correlationId);
  view.setInt16(12, id.length);
  bytes.set(id, 14);
  return bytes;
}

/** A client that keeps the correlation ids of the answers it gets. */
class FakeClient implements AsyncDisposable {
  readonly answered: number[] = [];
  ended = false;
  readonly #reading: Promise<void>;

  private constructor(private readonly conn: Deno.Conn) {
    this.#reading = this.#read();
  }

  static async open({ port }: { readonly port: number }): Promise<FakeClient> {
    return new FakeClient(await Deno.connect({ hostname: LOOPBACK, port }));
  }

  async #read(): Promise<void> {
    for await (const frame of readFrames(chunksOf(this.conn))) {
      this.answered.push(correlationIdOf(frame));
    }
    this.ended = true;
  }

  async send(bytes: Uint8Array): Promise<void> {
    await this.conn.write(bytes);
  }

  /** Sends an EndTxn. */
  endTxn(correlationId: number): Promise<void> {
    return this.send(request("EndTxn", correlationId, "a"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.conn.close();
    } catch { /* closed by the test */ }
    await this.#reading;
  }
}

/** Asks the broker something past `proxy`: what came to the proxy before has been dealt with by then. */
async function askPast(broker: ScriptedBroker): Promise<void> {
  await using proxy = await KafkaProxy.open();
  proxy.forwardTo(broker.port);
  await using client = await FakeClient.open(proxy);
  await client.send(request("Metadata", 0, "past"));
  await until("it answers", () => client.answered.length === 1);
}

async function setUp() {
  const stack = new AsyncDisposableStack();
  const broker = stack.use(fakeBroker());
  const proxy = stack.use(await KafkaProxy.open());
  proxy.forwardTo(broker.port);
  const client = stack.use(await FakeClient.open(proxy));
  const answers = (...ids: number[]) =>
    until(`answers ${ids}`, () => String(client.answered) === String(ids));
  const executed = (...ids: number[]) =>
    until(`executed ${ids}`, () => String(broker.executed()) === String(ids));
  return {
    broker,
    proxy,
    client,
    answers,
    executed,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

Deno.test("KafkaProxy: frames that are cut, and several at once, are counted and answered", async () => {
  await using test = await setUp();
  const bytes = Uint8Array.of(
    ...request("Produce", 1, "a"),
    ...request("EndTxn", 2, "a"),
    ...request("EndTxn", 3, "b"),
  );
  await test.client.send(bytes.slice(0, 7));
  await test.client.send(bytes.slice(7, 50));
  await test.client.send(bytes.slice(50));
  await test.answers(1, 2, 3);
  assertEquals(test.broker.executed(), [1, 2, 3]);
  assertEquals([test.proxy.requests("Produce"), test.proxy.requests("EndTxn")], [1, 2]);
  assertEquals(test.proxy.requests("Fetch"), 0);
});

Deno.test("KafkaProxy: an answer is swallowed after the request is executed, so many times", async () => {
  await using test = await setUp();
  const rule = test.proxy.strike("EndTxn", "answer swallowed", { times: 2 });
  for (const id of [1, 2, 3]) await test.client.endTxn(id);
  await test.answers(3);
  assertEquals([test.broker.executed(), rule.fired], [[1, 2, 3], 2]);
});

Deno.test("KafkaProxy: a rule strikes its API and what it matches, until it is cleared", async () => {
  await using test = await setUp();
  const rule = test.proxy.strike("EndTxn", "answer swallowed", {
    times: 9,
    match: ({ clientId }) => clientId === "b",
  });
  await test.client.send(request("Produce", 1, "b"));
  await test.client.send(request("EndTxn", 2, "a"));
  await test.client.send(request("EndTxn", 3, "b"));
  await until("the rule fires", () => rule.fired === 1);
  rule.clear();
  await test.client.send(request("EndTxn", 4, "b"));
  await test.answers(1, 2, 4);
  assertEquals(rule.fired, 1);
});

Deno.test("KafkaProxy: a rule strikes the answers that it matches, and waits for them", async () => {
  await using test = await setUp();
  const rule = test.proxy.strike("EndTxn", "answer swallowed", {
    matchAnswer: (answer) => correlationIdOf(answer) > 1,
  });
  for (const id of [1, 2, 3]) {
    await test.client.endTxn(id);
    await test.executed(...test.broker.executed(), id);
  }
  await test.answers(1, 3);
  assertEquals(rule.fired, 1);
});

Deno.test("KafkaProxy: an answer is held until it is released, and later ones pass it", async () => {
  await using test = await setUp();
  const rule = test.proxy.strike("EndTxn", "answer held");
  await test.client.endTxn(1);
  await until("it is held", () => rule.held === 1);
  await test.client.endTxn(2);
  await test.answers(2);
  rule.release();
  await test.answers(2, 1);
  assertEquals([test.broker.executed(), rule.fired, rule.held], [[1, 2], 1, 0]);
});

Deno.test("KafkaProxy: an answer is held for a time", async () => {
  await using test = await setUp();
  test.proxy.strike("EndTxn", "answer held", { holdMs: 50 });
  await test.client.endTxn(1);
  await test.client.endTxn(2);
  await test.answers(2, 1);
});

Deno.test("KafkaProxy: the connection closes instead of the answer: executed", async () => {
  await using test = await setUp();
  const rule = test.proxy.strike("EndTxn", "closed instead of the answer");
  await test.client.endTxn(1);
  await until("it is closed", () => test.client.ended);
  assertEquals([test.broker.executed(), test.client.answered, rule.fired], [[1], [], 1]);
});

Deno.test("KafkaProxy: the connection closes before the request: not executed", async () => {
  await using test = await setUp();
  const rule = test.proxy.strike("EndTxn", "closed before the request");
  await test.client.endTxn(1);
  await until("it is closed", () => test.client.ended);
  await using other = await FakeClient.open(test.proxy);
  await other.endTxn(2);
  await until("another connection works", () => other.answered.length === 1);
  assertEquals([test.broker.executed(), test.client.answered, rule.fired], [[2], [], 1]);
});

Deno.test("KafkaProxy: a rule may strike again when a closed connection loses its answer", async () => {
  await using test = await setUp();
  const rule = test.proxy.strike("EndTxn", "answer swallowed");
  test.broker.mute = true;
  await test.client.endTxn(1);
  await test.executed(1);
  await test.proxy.cut("close");
  test.broker.mute = false;
  test.proxy.restore();
  await using other = await FakeClient.open(test.proxy);
  await other.endTxn(2);
  await until("the other is struck", () => rule.fired === 1);
});

Deno.test("KafkaProxy: a held request is executed late, after those that came after it", async () => {
  await using test = await setUp();
  const rule = test.proxy.strike("EndTxn", "request held");
  await test.client.endTxn(1);
  await test.client.endTxn(2);
  await test.answers(2);
  assertEquals([rule.held, rule.fired, rule.struckAll, rule.done], [1, 0, true, false]);
  rule.release();
  await test.answers(2, 1);
  assertEquals([test.broker.executed(), rule.fired, rule.done], [[2, 1], 1, true]);
});

Deno.test("KafkaProxy: a held request is executed even when its client is gone", async () => {
  await using test = await setUp();
  const rule = test.proxy.strike("EndTxn", "request held");
  await test.client.endTxn(1);
  await until("it is held", () => rule.held === 1);
  await test.client[Symbol.asyncDispose]();
  await askPast(test.broker);
  rule.release();
  await test.executed(0, 1);
});

Deno.test("KafkaProxy: cut by closing, it refuses and nothing is executed, until it is restored", async () => {
  await using test = await setUp();
  await test.proxy.cut("close");
  await until("the client is cut off", () => test.client.ended);
  await assertRejects(() => FakeClient.open(test.proxy), Deno.errors.ConnectionRefused);
  test.proxy.restore();
  await using other = await FakeClient.open(test.proxy);
  await other.endTxn(2);
  await until("it answers again", () => other.answered.length === 1);
  assertEquals(test.broker.executed(), [2]);
});

Deno.test("KafkaProxy: cut in silence, frames on their way arrive when it is restored", async () => {
  await using test = await setUp();
  await test.client.endTxn(1);
  await test.answers(1);
  await test.proxy.cut("silence");
  await test.client.endTxn(2);
  await assertRejects(() => FakeClient.open(test.proxy), Deno.errors.ConnectionRefused);
  await askPast(test.broker);
  assertEquals([test.broker.executed(), test.client.ended], [[1, 0], false]);
  test.proxy.restore();
  await test.answers(1, 2);
});

Deno.test("KafkaProxy: closes the connections of a broker that is down", async () => {
  await using proxy = await KafkaProxy.open();
  proxy.forwardTo(await freePort());
  await using client = await FakeClient.open(proxy);
  await until("it is closed", () => client.ended);
});

Deno.test("KafkaProxy: its end leaves nothing open, whatever it holds", async () => {
  await using test = await setUp();
  test.proxy.strike("EndTxn", "answer held", { holdMs: 60_000 });
  const late = test.proxy.strike("Produce", "request held", { holdMs: 60_000 });
  await test.client.endTxn(1);
  await test.client.send(request("Produce", 2, "a"));
  await until("both are held", () => late.held === 1 && test.broker.executed().length === 1);
  await test.proxy.cut("silence");
});
