import { assertEquals, assertStringIncludes } from "@std/assert";
import { createWaits, describeSilence, type Peer } from "./waits.ts";

const BROKER: Peer = { id: "b", name: "broker 2 at 127.0.0.1:9093", until: "until it answers" };
const DATABASE: Peer = { id: "d", name: "PostgreSQL at db/orders", until: "until it is up" };

function setUp() {
  let nowMs = 1_000_000;
  const waits = createWaits({ afterMs: 5_000, now: () => nowMs });
  return {
    waits,
    pass: (ms: number) => void (nowMs += ms),
    silent: () => waits.silent().map(({ peer, what, forMs }) => [peer.id, what.join(), forMs]),
  };
}

Deno.test("waits: a peer that has not answered for five seconds is silent, until it answers", () => {
  const { waits, pass, silent } = setUp();
  const question = waits.ask(BROKER, "Fetch");
  pass(4_999);
  assertEquals(silent(), []);
  pass(1);
  assertEquals(silent(), [["b", "Fetch", 5_000]]);
  question.answered();
  assertEquals(silent(), []);
});

Deno.test("waits: what is given up and asked again is one wait, which an answer to it ends", () => {
  const { waits, pass, silent } = setUp();
  for (let attempt = 0; attempt < 3; attempt++) {
    const question = waits.ask(BROKER, "connection");
    pass(3_000);
    question.givenUp();
    pass(500);
  }
  const last = waits.ask(BROKER, "connection");
  // It answers other questions; this one is still open.
  waits.ask(BROKER, "Heartbeat").answered();
  assertEquals(silent(), [["b", "connection", 10_500]]);
  last.answered();
  assertEquals(silent(), []);
});

Deno.test("waits: a long poll is due when its own time is over", () => {
  const { waits, pass, silent } = setUp();
  waits.ask(BROKER, "JoinGroup", 10_000);
  pass(14_999);
  assertEquals(silent(), []);
  pass(1);
  assertEquals(silent(), [["b", "JoinGroup", 5_000]]);
});

Deno.test("waits: without new questions a wait does not grow, and is forgotten", () => {
  const { waits, pass, silent } = setUp();
  const short = waits.ask(BROKER, "Fetch");
  pass(1_000);
  short.givenUp();
  pass(8_000);
  assertEquals(silent(), []);
  const long = waits.ask(DATABASE, "a statement");
  pass(6_000);
  long.givenUp();
  assertEquals(silent(), [["d", "a statement", 6_000]]);
  pass(5_001);
  assertEquals(silent(), []);
  // Asked again much later, it is a new wait.
  waits.ask(DATABASE, "a statement");
  pass(4_000);
  assertEquals(silent(), []);
});

Deno.test("waits: the oldest of many questions counts, for each peer", () => {
  const { waits, pass, silent } = setUp();
  waits.ask(BROKER, "Fetch");
  pass(1_000);
  waits.ask(BROKER, "Fetch").answered();
  waits.ask(BROKER, "Produce");
  waits.ask(DATABASE, "a statement");
  pass(5_000);
  assertEquals(silent(), [["b", "Fetch,Produce", 6_000], ["d", "a statement", 5_000]]);
});

Deno.test("describeSilence: the peer, for how long, what for, and what would end it", () => {
  const line = describeSilence({ peer: BROKER, what: ["Fetch", "Heartbeat"], forMs: 7_300 });
  assertStringIncludes(line, "waiting for broker 2 at 127.0.0.1:9093 for 7 s, since ");
  assertStringIncludes(line, " UTC (Fetch, Heartbeat), until it answers");
});
